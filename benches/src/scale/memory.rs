//! What an entry takes, and what stands beside it.

use std::sync::Arc;
use std::time::Duration;

use cache_runtime::Cache;
use cache_testkit::RedisServer;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::articles::{FIRST, load, one_tag, plain, three_tags, write};
use super::{Info, cache, each, number, remove_all};

/// Of each kind of entry, and of those of 50 KB.
const MANY: usize = 50_000;
const FEW: usize = 2_000;
/// Of loads and writes.
const UNDER_WAY: usize = 10_000;

const CLIENTS: usize = 64;

#[derive(Clone, Copy)]
enum Kind {
    Plain,
    /// All under one tag.
    OneTag,
    ThreeTags,
    /// Each under a tag of its own.
    OwnTag,
    /// Under the name that it has before it is an entry.
    Stage,
}

impl Kind {
    async fn make(self, cache: &Cache, size: usize, id: usize) {
        match self {
            Self::Plain => drop(plain(cache, size, id).await),
            Self::OneTag => drop(one_tag(cache, size, id, FIRST).await),
            Self::ThreeTags => drop(three_tags(cache, size, id, FIRST).await),
            Self::OwnTag => drop(one_tag(cache, size, id, id).await),
            Self::Stage => {
                let nonce = format!("{id:032x}");
                let name = format!("__cache:stage:{{article_with_text_{size}:{id}}}:{nonce}");
                let (text, life) = ("x".repeat(size - 2), Duration::from_secs(3600));
                cache.set(name, &text, life).await.expect("it listens");
            }
        }
    }
}

pub(super) async fn run_all() {
    let redis = RedisServer::start();
    let cache = cache(&redis);
    println!("\nMemory, keys of 30 bytes\n\n| what | bytes of it | how many | bytes each |");
    println!("|---|---|---|---|");
    let show = |what: &str, size: usize, count: usize, bytes: f64| {
        println!("| {what} | {size} | {count} | {bytes:.0} |");
    };
    for (size, count) in [(200, MANY), (2_000, MANY), (50_000, FEW)] {
        let plain = entries(&redis, &cache, Kind::Plain, size, count).await;
        show("entry", size, count, plain);
        if count == FEW {
            // What stands beside so large a value is lost in how the server rounds its size.
            continue;
        }
        for (what, kind) in [
            ("more with 1 tag", Kind::OneTag),
            ("more with 3 tags", Kind::ThreeTags),
            ("more as a stage", Kind::Stage),
        ] {
            let bytes = entries(&redis, &cache, kind, size, count).await;
            show(what, size, count, bytes - plain);
        }
    }
    let shared = entries(&redis, &cache, Kind::OneTag, 200, MANY).await;
    let own = entries(&redis, &cache, Kind::OwnTag, 200, MANY).await;
    show("tag", 32, MANY, own - shared);
    let lease = |cache, id, gate| async move { drop(load(cache, 200, id, gate).await) };
    show(
        "lease",
        32,
        UNDER_WAY,
        under_way(&redis, &cache, lease).await,
    );
    let fence = |cache, id, gate| async move { write(cache, 200, id, gate).await };
    show(
        "fence",
        32,
        UNDER_WAY,
        under_way(&redis, &cache, fence).await,
    );
}

/// Bytes for each of so many entries.
async fn entries(redis: &RedisServer, cache: &Cache, kind: Kind, size: usize, count: usize) -> f64 {
    remove_all(cache).await;
    let before = Info::of(redis).memory();
    let make = move |cache, index| async move { kind.make(&cache, size, FIRST + index).await };
    each(&vec![cache.clone(); CLIENTS], count, make).await;
    let stored: usize = redis.run(&["DBSIZE"]);
    assert!(stored >= count, "{stored} of {count} were stored");
    (Info::of(redis).memory() - before) / number(count)
}

/// Bytes for each of so many calls that stand where their function runs.
async fn under_way<F>(
    redis: &RedisServer,
    cache: &Cache,
    call: impl Fn(Cache, usize, Arc<Semaphore>) -> F,
) -> f64
where
    F: Future<Output = ()> + Send + 'static,
{
    remove_all(cache).await;
    let before = Info::of(redis).memory();
    let (gate, mut calls) = (Arc::new(Semaphore::new(0)), JoinSet::new());
    for index in 0..UNDER_WAY {
        calls.spawn(call(cache.clone(), FIRST + index, gate.clone()));
    }
    while redis.run::<usize>(&["DBSIZE"]) < UNDER_WAY {
        sleep(Duration::from_millis(10)).await;
    }
    let bytes = (Info::of(redis).memory() - before) / number(UNDER_WAY);
    gate.close();
    while let Some(call) = calls.join_next().await {
        call.expect("no call panics");
    }
    bytes
}
