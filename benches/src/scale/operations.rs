//! What one operation costs the server, and what goes over the wire for it.

use std::time::Instant;

use cache_runtime::Cache;
use cache_testkit::RedisServer;

use super::articles::{FIRST, one_tag, plain, put, put_tagged, three_tags};
use super::{Info, cache, each, number, remove_all};
use crate::measured::median;

const ROUNDS: usize = 7;
/// How many calls are under way.
const CLIENTS: usize = 64;
/// How many entries are read again and again.
const ENTRIES: usize = 1000;

#[derive(Clone, Copy, PartialEq)]
enum Operation {
    Hit,
    HitOneTag,
    HitThreeTags,
    Miss,
    MissOneTag,
    Write,
    WriteTag,
    Delete,
    InvalidateTag,
}

#[derive(Clone, Copy)]
struct Case {
    name: &'static str,
    operation: Operation,
    size: usize,
    /// So many make a round.
    count: usize,
}

const fn case(name: &'static str, operation: Operation, size: usize, count: usize) -> Case {
    Case {
        name,
        operation,
        size,
        count,
    }
}

const CASES: [Case; 13] = [
    case("hit", Operation::Hit, 200, 20_000),
    case("hit", Operation::Hit, 2_000, 20_000),
    case("hit", Operation::Hit, 50_000, 4_000),
    case("hit, 1 tag", Operation::HitOneTag, 2_000, 20_000),
    case("hit, 3 tags", Operation::HitThreeTags, 2_000, 20_000),
    case("miss", Operation::Miss, 200, 5_000),
    case("miss", Operation::Miss, 2_000, 5_000),
    case("miss", Operation::Miss, 50_000, 1_000),
    case("miss, 1 tag", Operation::MissOneTag, 2_000, 5_000),
    case("write, 1 key", Operation::Write, 2_000, 5_000),
    case("write, 1 key and 1 tag", Operation::WriteTag, 2_000, 5_000),
    case("`delete`, 1 key", Operation::Delete, 2_000, 5_000),
    case(
        "`invalidate_tags`, 1 tag",
        Operation::InvalidateTag,
        2_000,
        5_000,
    ),
];

impl Case {
    /// Of how many entries an operation is about one.
    fn entries(self) -> usize {
        match self.operation {
            Operation::Hit | Operation::HitOneTag | Operation::HitThreeTags => ENTRIES,
            _ => self.count,
        }
    }

    /// Loads the entry that the operation is to find.
    async fn warm(self, cache: &Cache, index: usize) {
        let (size, id) = (self.size, FIRST + index);
        match self.operation {
            Operation::Miss | Operation::MissOneTag => {}
            Operation::Hit | Operation::Write | Operation::Delete => {
                plain(cache, size, id).await;
            }
            Operation::HitThreeTags => {
                three_tags(cache, size, id, id).await;
            }
            Operation::HitOneTag | Operation::WriteTag | Operation::InvalidateTag => {
                one_tag(cache, size, id, id).await;
            }
        }
    }

    async fn call(self, cache: &Cache, index: usize) {
        let (size, id) = (self.size, FIRST + index % self.entries());
        match self.operation {
            Operation::Hit | Operation::Miss => drop(plain(cache, size, id).await),
            Operation::HitOneTag | Operation::MissOneTag => {
                drop(one_tag(cache, size, id, id).await);
            }
            Operation::HitThreeTags => drop(three_tags(cache, size, id, id).await),
            Operation::Write => put(cache, size, id).await,
            Operation::WriteTag => put_tagged(cache, size, id, id).await,
            Operation::Delete => {
                let key = format!("article_with_text_{size}:{id}");
                let removed = cache.delete([key]).await;
                assert_eq!(removed.expect("it listens"), 1);
            }
            Operation::InvalidateTag => {
                let invalidated = cache.invalidate_tags([format!("author:{id}")]).await;
                invalidated.expect("it listens");
            }
        }
    }

    async fn round(self, redis: &RedisServer, clients: &[Cache]) -> Measured {
        remove_all(&clients[0]).await;
        let warm = move |cache, index| async move { self.warm(&cache, index).await };
        each(clients, self.entries(), warm).await;
        let hits = |clients: &[Cache]| clients.iter().map(|cache| cache.stats().hits).max();
        let hits_before = hits(clients);
        let (before, start) = (Info::of(redis), Instant::now());
        let call = move |cache, index| async move { self.call(&cache, index).await };
        each(clients, self.count, call).await;
        let (after, took) = (Info::of(redis), start.elapsed());
        let is_hit = self.entries() < self.count;
        assert_eq!(hits(clients) > hits_before, is_hit, "{}", self.name);
        let spent = |field: fn(&Info) -> f64| (field(&after) - field(&before)) / number(self.count);
        Measured {
            rate: number(self.count) / took.as_secs_f64(),
            cpu: spent(Info::processor_time) * 1e6,
            sent: spent(|info| info.get("total_net_input_bytes")),
            received: spent(|info| info.get("total_net_output_bytes")),
        }
    }
}

/// For one operation, on average over a round.
#[derive(Clone, Copy)]
struct Measured {
    /// In a second, of a server that shares the machine with its clients.
    rate: f64,
    /// Microseconds of the server's thread.
    cpu: f64,
    sent: f64,
    received: f64,
}

pub(super) async fn run_all() {
    let redis = RedisServer::start();
    let one = vec![cache(&redis); CLIENTS];
    let many: Vec<Cache> = (0..CLIENTS).map(|_| cache(&redis)).collect();
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        let mut round = Vec::new();
        for case in CASES {
            round.push([
                case.round(&redis, &one).await,
                case.round(&redis, &many).await,
            ]);
        }
        rounds.push(round);
    }
    println!("\nOperations: medians of {ROUNDS} rounds, {CLIENTS} calls under way\n");
    println!(
        "| operation | value | CPU, 1 connection | per core | CPU, {CLIENTS} connections | per core | to Redis | from Redis | this machine |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    for (index, case) in CASES.into_iter().enumerate() {
        let rounds: Vec<_> = rounds.iter().map(|round| round[index]).collect();
        report(case, &rounds);
    }
}

fn report(case: Case, rounds: &[[Measured; 2]]) {
    let of = |which: usize, value: fn(&Measured) -> f64| -> Vec<f64> {
        rounds.iter().map(|round| value(&round[which])).collect()
    };
    let cpu = |which| {
        let all = of(which, |it| it.cpu);
        let lowest = all.iter().copied().fold(f64::INFINITY, f64::min);
        let highest = all.iter().copied().fold(0.0, f64::max);
        let cpu = median(all);
        let rate = 1e6 / cpu;
        format!("{cpu:.1} us ({lowest:.1}–{highest:.1}) | {rate:.0}/s")
    };
    let (one, many) = (cpu(0), cpu(1));
    let (sent, received) = (median(of(0, |it| it.sent)), median(of(0, |it| it.received)));
    let rate = median(of(0, |it| it.rate));
    let Case { name, size, .. } = case;
    println!("| {name} | {size} | {one} | {many} | {sent:.0} | {received:.0} | {rate:.0}/s |");
}
