//! Calls of functions without HTTP: hits, misses and writes, beside what one would write by hand.

use std::hint::black_box;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use cache_runtime::redis::pipe;
use cache_runtime::{Cache, Cached, cache};
use cache_testkit::{RedisServer, eventually};
use futures_util::future::BoxFuture;
use tokio::task::JoinSet;

use crate::by_hand::ByHand;
use crate::measured::{Goal, Measured, Report};
use crate::records::{Record, SIZES, json, records};

const CALLERS: [usize; 4] = [1, 8, 64, 256];
const ROUNDS: usize = 7;
const ROUND: Duration = Duration::from_millis(200);

/// So many commands a task sends together that does nothing else.
const TOGETHER: usize = 256;

const CACHED: &str = "#[cache], Cached<T>";
const DECODED: &str = "#[cache], T";
const TAGGED: &str = "#[cache], Cached<T>, two tags";
const NEAR: &str = "#[cache], Cached<T>, near = \"10ms\"";
const IN_PROCESS: &str = "#[cache], Cached<T>, in-process";
const MISS: &str = "#[cache], a miss";
const WRITE: &str = "#[cache], a write";
const RAW: &str = "GET by hand, raw bytes";
const BY_HAND: &str = "GET by hand, T";
const POOL: &str = "deadpool by hand, T";
const PEER: &str = "cached 4, Redis, T";
const CLIENT_SIDE: &str = "cached 4, client-side, T";
const MOKA: &str = "moka by hand, raw bytes";
const MISS_BY_HAND: &str = "GET and SET by hand";
const WRITE_BY_HAND: &str = "DEL by hand";
const PIPELINE: &str = "GETs of one task, pipelined";

const GOALS: [Goal; 9] = [
    goal(CACHED, RAW, 64, [1.0; 3]),
    goal(CACHED, RAW, 256, [1.15; 3]),
    goal(CACHED, RAW, 1, [0.9; 3]),
    goal(DECODED, BY_HAND, 64, [0.98; 3]),
    goal(DECODED, PEER, 64, [1.0; 3]),
    goal(CACHED, PIPELINE, 256, [0.6; 3]),
    goal(IN_PROCESS, MOKA, 64, [0.0; 3]),
    goal(MISS, MISS_BY_HAND, 64, [0.0; 3]),
    goal(WRITE, WRITE_BY_HAND, 64, [0.0; 3]),
];

const fn goal(one: &'static str, other: &'static str, callers: usize, at_least: [f64; 3]) -> Goal {
    Goal {
        one,
        other,
        callers,
        at_least,
    }
}

#[cache("records", resource_id_name = "count", cache = cache)]
async fn cached(cache: &Cache, count: usize) -> Cached<Vec<Record>> {
    records(count).into()
}

#[cache("records", resource_id_name = "count", cache = cache)]
async fn decoded(cache: &Cache, count: usize) -> Vec<Record> {
    records(count)
}

#[cache("tagged", resource_id_name = "count", tags = ["records", "records:{count}"], cache = cache)]
async fn tagged(cache: &Cache, count: usize) -> Cached<Vec<Record>> {
    records(count).into()
}

#[cache("records", resource_id_name = "count", near = "10ms", cache = cache)]
async fn near(cache: &Cache, count: usize) -> Cached<Vec<Record>> {
    records(count).into()
}

#[cache("of:{id}:{count}", cache = cache)]
async fn numbered(cache: &Cache, id: usize, count: usize) -> Cached<Vec<Record>> {
    records(count).into()
}

#[cache("of:{id}:{count}", method = "PUT", cache = cache)]
async fn write(cache: &Cache, id: usize, count: usize) {}

/// A call that has a number of its own.
type Call = Arc<dyn Fn(usize) -> BoxFuture<'static, ()> + Send + Sync>;

pub(crate) async fn run_all(folder: &Path) -> io::Result<()> {
    let redis = RedisServer::start();
    let cache = |namespace| {
        let builder = Cache::builder().url(redis.url()).namespace(namespace);
        builder.jitter(0.0).build().expect("right")
    };
    // Where there are copies in memory, writes wait for them.
    let (cache, copied) = (cache(""), cache("copied"));
    let by_hand = ByHand::new(&redis.url()).await;
    let (in_process, numbers) = (Cache::in_memory(), AtomicUsize::new(0));
    let mut measured = Vec::new();
    for size in SIZES {
        by_hand.store(size).await;
        eventually("hits come from memory", async || {
            let before = copied.stats().near.hits;
            near(&copied, size).await;
            copied.stats().near.hits > before
        })
        .await;
        let variants = variants(&cache, &copied, &in_process, &by_hand, size);
        for callers in CALLERS {
            let rows = variants.iter().map(|(variant, call)| {
                let row = Measured {
                    variant: (*variant).to_owned(),
                    bytes: json(size).len(),
                    callers,
                    rates: Vec::new(),
                };
                (row, call)
            });
            let mut rows: Vec<_> = rows.collect();
            for _ in 0..ROUNDS {
                for (row, call) in &mut rows {
                    let each = if row.variant == PIPELINE { TOGETHER } else { 1 };
                    let callers = if row.variant == PIPELINE { 1 } else { callers };
                    row.rates.push(rate(call, callers, each, &numbers).await);
                }
            }
            measured.extend(rows.into_iter().map(|(row, _)| row));
        }
    }
    let title = "Calls without HTTP".to_owned();
    Report { title, measured }.tell("calls", &GOALS, folder)
}

fn variants(
    cache: &Cache,
    copied: &Cache,
    in_process: &Cache,
    by_hand: &Arc<ByHand>,
    size: usize,
) -> Vec<(&'static str, Call)> {
    vec![
        (
            PEER,
            call(
                by_hand,
                move |it, _| async move { it.by_cached(size).await },
            ),
        ),
        (
            POOL,
            call(by_hand, move |it, _| async move { it.pooled(size).await }),
        ),
        (
            BY_HAND,
            call(by_hand, move |it, _| async move { it.decoded(size).await }),
        ),
        (
            DECODED,
            call(cache, move |it, _| async move { decoded(&it, size).await }),
        ),
        (
            RAW,
            call(by_hand, move |it, _| async move { it.raw(size).await }),
        ),
        (
            CACHED,
            call(cache, move |it, _| async move { cached(&it, size).await }),
        ),
        (
            TAGGED,
            call(cache, move |it, _| async move { tagged(&it, size).await }),
        ),
        (PIPELINE, call(by_hand, move |it, _| pipelined(it, size))),
        (
            NEAR,
            call(copied, move |it, _| async move { near(&it, size).await }),
        ),
        (
            CLIENT_SIDE,
            call(by_hand, move |it, _| async move {
                it.by_client_side(size).await
            }),
        ),
        (
            IN_PROCESS,
            call(
                in_process,
                move |it, _| async move { cached(&it, size).await },
            ),
        ),
        (
            MOKA,
            call(by_hand, move |it, _| async move { it.copied(size) }),
        ),
        (
            MISS_BY_HAND,
            call(
                by_hand,
                move |it, id| async move { it.load(id, size).await },
            ),
        ),
        (
            MISS,
            call(
                cache,
                move |it, id| async move { numbered(&it, id, size).await },
            ),
        ),
        (
            WRITE_BY_HAND,
            call(
                by_hand,
                move |it, id| async move { it.remove(id, size).await },
            ),
        ),
        (
            WRITE,
            call(
                cache,
                move |it, id| async move { write(&it, id, size).await },
            ),
        ),
    ]
}

fn call<S, F>(state: &S, work: impl Fn(S, usize) -> F + Send + Sync + 'static) -> Call
where
    S: Clone + Send + Sync + 'static,
    F: Future + Send + 'static,
{
    let state = state.clone();
    Arc::new(move |number| {
        let work = work(state.clone(), number);
        Box::pin(async move { drop(black_box(work.await)) })
    })
}

async fn pipelined(by_hand: Arc<ByHand>, size: usize) {
    let (mut connection, mut gets) = (by_hand.connection.clone(), pipe());
    for _ in 0..TOGETHER {
        gets.get(format!("by-hand:{size}"));
    }
    let all = gets.query_async(&mut connection).await;
    drop(black_box::<Vec<Vec<u8>>>(all.expect("it listens")));
}

/// How many there were in a second, where each call is so many.
#[expect(clippy::cast_precision_loss, reason = "counts of a moment")]
async fn rate(call: &Call, callers: usize, each: usize, numbers: &AtomicUsize) -> f64 {
    let end = Instant::now() + ROUND;
    let mut all = JoinSet::new();
    // No two calls of a round have one number, nor those of two rounds.
    let first = numbers.fetch_add(1 << 32, Ordering::Relaxed);
    for caller in 0..callers {
        let call = call.clone();
        all.spawn(async move {
            let mut count = 0;
            while Instant::now() < end {
                call(first + caller + count * callers).await;
                count += 1;
            }
            count
        });
    }
    let counts = all.join_all().await;
    (counts.iter().sum::<usize>() * each) as f64 / ROUND.as_secs_f64()
}
