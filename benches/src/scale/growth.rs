//! What an invalidation costs among ever more keys.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use cache_runtime::redis::aio::MultiplexedConnection;
use cache_runtime::redis::{Client, Connection, cmd};
use cache_runtime::{Cache, CacheError};
use cache_testkit::RedisServer;

use super::articles::{FIRST, one_tag, plain};
use super::{Info, cache, each, number};
use crate::measured::median;

const SIZES: [usize; 4] = [10_000, 100_000, 1_000_000, 10_000_000];
/// How many keys match the pattern.
const MATCHING: usize = 100;
/// How many entries are under the tag.
const TAGGED: usize = 10_000;
/// How many single keys are removed.
const SINGLE: usize = 100;
/// Beyond so many keys a pattern is not compared with what one would write by hand, which takes long.
const COMPARED: usize = 1_000_000;

pub(super) async fn run_all(most: usize) {
    println!("\nInvalidations: medians\n");
    println!(
        "| keys | runs | pattern | CPU | per key and pass | longest PING | idle | tag | exact key | memory |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|");
    let mut by_hand = Vec::new();
    for keys in SIZES {
        if keys <= most {
            let mut among = Among::start(keys).await;
            let runs = if keys > COMPARED { 3 } else { 7 };
            by_hand.push(among.report(runs).await);
        }
    }
    println!("\nThe pattern by hand, and the ratios to it\n");
    println!("| keys | by hand | CPU | longest PING | time | CPU |\n|---|---|---|---|---|---|");
    for row in by_hand.into_iter().flatten() {
        println!("{row}");
    }
}

/// A server with so many keys.
struct Among {
    keys: usize,
    redis: RedisServer,
    cache: Cache,
    by_hand: MultiplexedConnection,
}

/// How long a pattern took, of the server's processor as well, and the longest `PING` meanwhile.
#[derive(Clone, Copy)]
struct Pattern {
    took: f64,
    cpu: f64,
    ping: f64,
}

impl Among {
    async fn start(keys: usize) -> Self {
        let redis = RedisServer::start_with(&["--enable-debug-command", "local"]);
        // As the matching keys begin, so that a server has to look at more than one byte.
        let () = redis.run(&["DEBUG", "POPULATE", &keys.to_string(), "article", "50"]);
        let cache = cache(&redis);
        let client = Client::open(redis.url()).expect("the URL is right");
        let by_hand = client.get_multiplexed_async_connection().await;
        Self {
            keys,
            redis,
            cache,
            by_hand: by_hand.expect("it listens"),
        }
    }

    /// Prints its row, and gives that of the other table.
    async fn report(&mut self, runs: usize) -> Option<String> {
        let memory = Info::of(&self.redis).memory() / 1e6;
        let (mut ours, mut theirs, mut quiet) = (Vec::new(), Vec::new(), Vec::new());
        let (mut tags, mut singles) = (Vec::new(), Vec::new());
        for _ in 0..runs {
            ours.push(self.pattern(false).await);
            quiet.push(self.longest_ping_without());
            if self.keys <= COMPARED {
                theirs.push(self.pattern(true).await);
            }
            tags.push(self.tag().await);
            singles.push(self.single().await);
        }
        let (took, cpu) = (middle(&ours, |it| it.took), middle(&ours, |it| it.cpu));
        let (ping, quiet) = (middle(&ours, |it| it.ping), median(quiet));
        let per_key = cpu / 2.0 / number(self.keys) * 1e6;
        let (tag, single) = (median(tags), median(singles));
        println!(
            "| {} | {runs} | {took:.1} ms | {cpu:.1} ms | {per_key:.0} ns | {ping:.1} ms | {quiet:.1} ms | {tag:.2} ms | {single:.2} ms | {memory:.0} MB |",
            self.keys
        );
        (!theirs.is_empty()).then(|| compared(self.keys, &ours, &theirs))
    }

    async fn pattern(&mut self, by_hand: bool) -> Pattern {
        self.fill(MATCHING, |cache, index| async move {
            plain(&cache, 200, FIRST + index).await;
        })
        .await;
        let (pings, before) = (Pings::start(&self.redis), Info::of(&self.redis));
        let start = Instant::now();
        let glob = "article_with_text_200:*";
        let removed = if by_hand {
            scan_and_delete(&mut self.by_hand, glob).await
        } else {
            self.cache.delete_pattern(glob).await
        };
        let took = milliseconds(start.elapsed());
        assert_eq!(removed.expect("it listens"), MATCHING as u64);
        let ping = pings.longest();
        let cpu = Info::of(&self.redis).processor_time() - before.processor_time();
        Pattern {
            took,
            cpu: cpu * 1e3,
            ping,
        }
    }

    /// What a `PING` takes at most while nothing else happens, on this machine.
    fn longest_ping_without(&self) -> f64 {
        let pings = Pings::start(&self.redis);
        sleep(Duration::from_millis(300));
        pings.longest()
    }

    async fn tag(&self) -> f64 {
        self.fill(TAGGED, |cache, index| async move {
            one_tag(&cache, 200, FIRST + index, FIRST).await;
        })
        .await;
        let start = Instant::now();
        let invalidated = self
            .cache
            .invalidate_tags([format!("author:{FIRST}")])
            .await;
        invalidated.expect("it listens");
        milliseconds(start.elapsed())
    }

    async fn single(&self) -> f64 {
        self.fill(SINGLE, |cache, index| async move {
            plain(&cache, 200, FIRST + index).await;
        })
        .await;
        let mut times = Vec::new();
        for index in 0..SINGLE {
            let key = format!("article_with_text_200:{}", FIRST + index);
            let start = Instant::now();
            let removed = self.cache.delete([key]).await;
            times.push(milliseconds(start.elapsed()));
            assert_eq!(removed.expect("it listens"), 1);
        }
        median(times)
    }

    async fn fill<F: Future<Output = ()> + Send + 'static>(
        &self,
        count: usize,
        read: impl Fn(Cache, usize) -> F + Copy + Send + 'static,
    ) {
        let misses = self.cache.stats().misses;
        each(&vec![self.cache.clone(); 64], count, read).await;
        let loaded = self.cache.stats().misses - misses;
        assert_eq!(loaded, count as u64, "each was a miss");
    }
}

fn middle(all: &[Pattern], value: fn(&Pattern) -> f64) -> f64 {
    median(all.iter().map(value).collect())
}

/// A row of what one would write by hand, and the ratios of ours to it.
fn compared(keys: usize, ours: &[Pattern], theirs: &[Pattern]) -> String {
    let ratio = |value: fn(&Pattern) -> f64| {
        let both = ours.iter().zip(theirs);
        median(both.map(|(one, other)| value(one) / value(other)).collect())
    };
    let (took, cpu) = (middle(theirs, |it| it.took), middle(theirs, |it| it.cpu));
    let ping = middle(theirs, |it| it.ping);
    let (time, processor) = (ratio(|it| it.took), ratio(|it| it.cpu));
    format!("| {keys} | {took:.1} ms | {cpu:.1} ms | {ping:.1} ms | {time:.2} | {processor:.2} |")
}

/// What one would write: small pages, a command and its answer at a time, and one pass.
async fn scan_and_delete(
    connection: &mut MultiplexedConnection,
    glob: &str,
) -> Result<u64, CacheError> {
    let (mut cursor, mut removed) = (0_u64, 0);
    loop {
        let mut scan = cmd("SCAN");
        scan.arg(cursor)
            .arg("MATCH")
            .arg(glob)
            .arg("COUNT")
            .arg(100);
        let keys: Vec<String>;
        (cursor, keys) = scan.query_async(connection).await?;
        if !keys.is_empty() {
            let count: u64 = cmd("DEL").arg(keys).query_async(connection).await?;
            removed += count;
        }
        if cursor == 0 {
            return Ok(removed);
        }
    }
}

/// One `PING` after another, from a thread and over a connection of their own.
struct Pings {
    ends: Arc<AtomicBool>,
    thread: thread::JoinHandle<f64>,
}

impl Pings {
    fn start(redis: &RedisServer) -> Self {
        let client = Client::open(redis.url()).expect("the URL is right");
        let connection = client.get_connection().expect("it listens");
        let ends = Arc::new(AtomicBool::new(false));
        let thread = thread::spawn({
            let ends = ends.clone();
            move || longest_ping(connection, &ends)
        });
        Self { ends, thread }
    }

    fn longest(self) -> f64 {
        self.ends.store(true, Ordering::Relaxed);
        self.thread.join().expect("it does not panic")
    }
}

fn longest_ping(mut connection: Connection, ends: &AtomicBool) -> f64 {
    let mut longest = Duration::ZERO;
    while !ends.load(Ordering::Relaxed) {
        let start = Instant::now();
        let () = cmd("PING").query(&mut connection).expect("it listens");
        longest = longest.max(start.elapsed());
        sleep(Duration::from_micros(200));
    }
    milliseconds(longest)
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
