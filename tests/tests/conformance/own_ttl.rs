//! Values that say themselves how long they are stored.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use axum::Json;
use axum::http::StatusCode;
use cache_runtime::{Cache, Cached, cache};
use cache_testkit::{MINUTE, RedisServer, Runs, World, eventually, on_every_store};
use futures_util::FutureExt as _;
use serde::{Deserialize, Serialize};

use crate::world::{start, write};

const SOON: Duration = Duration::from_millis(50);
const DAY: u64 = 86_400;

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
struct Token {
    secret: u64,
    expires_in: u64,
}

/// In milliseconds.
fn life(token: &Token) -> Duration {
    Duration::from_millis(token.expires_in)
}

fn log_in(runs: &Runs, expires_in: u64) -> Token {
    let secret = runs.count();
    Token { secret, expires_in }
}

#[cache("token:{client}", expiration = |token| Duration::from_millis(token.expires_in), tags = ["tokens"], cache = cache, skip(runs, expires_in))]
async fn token(cache: &Cache, runs: &Runs, client: &str, expires_in: u64) -> Token {
    log_in(runs, expires_in)
}

#[cache("seconds:{left}", expiration = |left| *left, cache = cache)]
async fn seconds(cache: &Cache, left: i64) -> i64 {
    left
}

#[cache("longer:{left}", expiration = {|left| *left, max = "7d"}, cache = cache)]
async fn longer(cache: &Cache, left: u64) -> u64 {
    left
}

#[cache("function:{name}", expiration = {life, max = MINUTE}, cache = cache, skip(runs, expires_in))]
async fn by_function(cache: &Cache, runs: &Runs, name: &str, expires_in: u64) -> Token {
    log_in(runs, expires_in)
}

#[tokio::test]
async fn the_value_that_is_stored_says_how_long() {
    on_every_store(async |cache| {
        let runs = Runs::default();
        let (short, long) = (50, 60_000);
        let call = async |client: &'static str, expires_in| {
            token(&cache, &runs, client, expires_in).await.secret
        };
        let first = call("a", long).await;
        assert_eq!(call("a", short).await, first);
        let first = call("b", short).await;
        let is_over = async || call("b", long).await > first;
        eventually("its own TTL is over", is_over).await;
        let second = call("b", short).await;
        assert_eq!(call("b", short).await, second);

        cache.invalidate_tags(["tokens"]).await.expect("removed");
        assert!(call("a", long).await > second);
    })
    .await;
}

#[tokio::test]
async fn what_has_no_life_left_is_returned_and_not_stored() {
    on_every_store(async |cache| {
        for left in [0, -1, i64::MIN] {
            for _ in 0..2 {
                assert_eq!(seconds(&cache, left).await, left);
            }
        }
        let stats = cache.stats();
        assert_eq!((stats.misses, stats.fills, stats.hits), (6, 0, 0));
        assert_eq!(stats.errors.total(), 0);
        // Nor does it wait for anything, or keep the entry from what comes.
        let call = async |expires_in| token(&cache, &Runs::default(), "a", expires_in).await;
        call(0).await;
        call(60_000).await;
        assert_eq!(call(0).await.expires_in, 60_000);
    })
    .await;
}

#[tokio::test]
async fn a_server_keeps_it_for_so_long_and_for_no_longer_than_the_longest() {
    let server = RedisServer::start();
    let (cache, runs) = (server.cache(), Runs::default());
    let kept = |key: &str, most: u64| {
        let ttl = server.run::<u64>(&["PTTL", key]);
        assert!((most - 20_000..=most).contains(&ttl), "{key}: {ttl}");
    };
    seconds(&cache, 300).await;
    kept("seconds:300", 300_000);
    seconds(&cache, i64::MAX).await;
    kept(&format!("seconds:{}", i64::MAX), DAY * 1000);
    for (left, most) in [(300, 300), (2 * DAY, 2 * DAY), (8 * DAY, 7 * DAY)] {
        longer(&cache, left).await;
        kept(&format!("longer:{left}"), most * 1000);
    }
    by_function(&cache, &runs, "a", 30_000).await;
    kept("function:a", 30_000);
    by_function(&cache, &runs, "b", 90_000).await;
    kept("function:b", 60_000);
    token(&cache, &runs, "a", 30_000).await;
    kept("token:a", 30_000);
}

#[tokio::test]
async fn it_sees_the_value_as_unless_does() {
    #[cache("fallible:{left}", expiration = |left| *left, cache = cache)]
    async fn fallible(cache: &Cache, left: u64) -> Result<u64, String> {
        left.checked_sub(1).ok_or("none".to_owned())
    }
    #[cache("user:{id}", expiration = |user| if user.is_some() { 3600 } else { 60 }, cache = cache)]
    async fn user(cache: &Cache, id: u64) -> Result<Option<u64>, String> {
        Ok((id < 10).then_some(id))
    }
    #[cache("json:{left}", expiration = |left: &u64| *left, cache = cache)]
    async fn json(cache: &Cache, left: u64) -> Json<u64> {
        Json(left)
    }
    #[cache("status:{left}", expiration = |&left| left, cache = cache, skip(status))]
    async fn status(cache: &Cache, left: u64, status: u16) -> (StatusCode, Json<u64>) {
        (StatusCode::from_u16(status).unwrap_or_default(), Json(left))
    }
    #[cache("cached:{left}", expiration = |left| *left, cache = cache)]
    async fn cached(cache: &Cache, left: u64) -> Result<Cached<u64>, String> {
        Ok(Cached::new(left))
    }
    #[cache(
        "most:{left}", cache = cache, skip(most), unless = |left| *left > most.0,
        expiration = |left| -> u64 { most.0.min(left / 2) }
    )]
    async fn with_a_parameter(cache: &Cache, left: u64, most: Most) -> u64 {
        let Most(_) = most;
        left
    }
    #[derive(Clone)]
    struct Most(u64);

    let server = RedisServer::start();
    let cache = server.cache();
    fallible(&cache, 0).await.expect_err("it fails");
    fallible(&cache, 301).await.expect("it succeeds");
    user(&cache, 1).await.expect("it succeeds");
    user(&cache, 10).await.expect("it succeeds");
    let _ = json(&cache, 300).await;
    let _ = status(&cache, 300, 200).await;
    let _ = status(&cache, 301, 404).await;
    cached(&cache, 300).await.expect("it succeeds");
    with_a_parameter(&cache, 600, Most(1000)).await;
    with_a_parameter(&cache, 1001, Most(1000)).await;
    for key in ["fallible:0", "status:301", "most:1001"] {
        assert_eq!(server.run::<i64>(&["PTTL", key]), -2, "{key}");
    }
    for (key, seconds) in [
        ("fallible:301", 300),
        ("user:1", 3600),
        ("user:10", 60),
        ("json:300", 300),
        ("status:300", 300),
        ("cached:300", 300),
        ("most:600", 300),
    ] {
        let ttl = server.run::<i64>(&["PTTL", key]);
        let most = seconds * 1000;
        assert!((most - 20_000..=most).contains(&ttl), "{key}: {ttl}");
    }
}

#[tokio::test]
async fn jitter_only_shortens_it() {
    let server = RedisServer::start();
    let cache = server.cache_builder().jitter(0.5).build().expect("right");
    let mut ttls = Vec::new();
    for left in 1000..1050 {
        seconds(&cache, left).await;
        let ttl: i64 = server.run(&["PTTL", &format!("seconds:{left}")]);
        ttls.push(ttl);
    }
    let (shortest, longest) = (ttls.iter().min(), ttls.iter().max());
    assert!(longest <= Some(&1_050_000), "{ttls:?}");
    assert!(shortest >= Some(&480_000), "{ttls:?}");
    assert!(
        shortest < Some(&750_000) && longest > Some(&750_000),
        "{ttls:?}"
    );
}

#[tokio::test]
async fn windows_come_behind_it() {
    #[cache(
        "value", expiration = |run| if *run == 1 { SOON } else { MINUTE }, stale_while_revalidate = "1h",
        cache = cache, skip(runs)
    )]
    async fn value(cache: Cache, runs: Runs) -> u64 {
        runs.count()
    }
    on_every_store(async |cache| {
        let runs = Runs::default();
        let call = async || value(cache.clone(), runs.clone()).await;
        assert_eq!(call().await, 1);
        eventually("a refresh is seen", async || call().await > 1).await;
        let stats = cache.stats();
        assert_eq!((stats.misses, runs.get(), call().await), (1, 2, 2));
        assert!(stats.stale > 0);
    })
    .await;

    let server = RedisServer::start();
    value(server.cache(), Runs::default()).await;
    let ttl = server.run::<u64>(&["PTTL", "value"]);
    assert!((3_590_000..=3_600_050).contains(&ttl), "{ttl}");
}

#[tokio::test]
async fn so_it_is_with_detached_loads_and_with_those_that_refresh() {
    #[cache("value", expiration = |run| *run * 100, detached, cache = cache, skip(runs))]
    async fn value(cache: Cache, runs: Runs) -> u64 {
        runs.count()
    }
    let server = RedisServer::start();
    let (cache, runs) = (server.cache(), Runs::default());
    value(cache.clone(), runs.clone()).await;
    let ttl = server.run::<u64>(&["PTTL", "value"]);
    assert!((80_000..=100_000).contains(&ttl), "{ttl}");
    let refreshed = cache.refreshing(value(cache.clone(), runs.clone())).await;
    assert_eq!(refreshed, 2);
    let ttl = server.run::<u64>(&["PTTL", "value"]);
    assert!((180_000..=200_000).contains(&ttl), "{ttl}");
}

#[tokio::test]
async fn a_fence_ends_it_earlier() {
    #[cache("value", expiration = |_| 3600, cache = world.cache, skip(world))]
    async fn read(world: &World, id: u64) -> u64 {
        world.row.load()
    }
    let server = RedisServer::start();
    let world = World::new(server.cache());
    let writer = start!(world, write(1, true));
    world.has_begun.pass().await;
    read(&world, 1).await;
    let ttl = server.run::<i64>(&["PTTL", "value:1"]);
    assert!((1..=30_000).contains(&ttl), "{ttl}");
    world.open();
    writer.await.expect("no panic").expect_err("it is refused");
    // The write is over, and has changed nothing.
    let ttl = server.run::<i64>(&["PTTL", "value:1"]);
    assert!((3_500_000..=3_600_000).contains(&ttl), "{ttl}");
}

#[tokio::test]
async fn a_panic_is_the_callers_and_gives_the_lease_back() {
    #[cache("value", cache = cache, skip(runs), expiration = |run| { assert_ne!(*run, 1, "it panics"); 60 })]
    async fn value(cache: &Cache, runs: &Runs) -> u64 {
        runs.count()
    }
    on_every_store(async |cache| {
        let runs = Runs::default();
        let call = AssertUnwindSafe(value(&cache, &runs)).catch_unwind();
        assert!(call.await.is_err());
        assert_eq!(value(&cache, &runs).await, 2);
        assert_eq!(value(&cache, &runs).await, 2);
    })
    .await;
}
