//! Why a read ran without the cache.

use std::fmt;
use std::time::Duration;

use cache_runtime::{BreakerState, Bypassed, Cache, cache};
use cache_testkit::{RedisServer, Runs, World, eventually};
use tokio::time::advance;

use crate::world::{fail, gated, post, stats_of};

/// Can't be written.
pub(crate) struct Unwritable;

impl fmt::Display for Unwritable {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        Err(fmt::Error)
    }
}

#[cache("unwritable:{id}", cache = cache)]
async fn unwritable(cache: &Cache, id: Unwritable) -> u64 {
    1
}

#[cache("never", cache = cache, condition = false)]
pub(crate) async fn never(cache: &Cache) -> u64 {
    1
}

#[cache("post", cache = cache, method = "PUT")]
async fn read_and_update(cache: &Cache, runs: &Runs, id: u64) {
    post(cache, runs, id).await;
}

fn bypassed(cache: &Cache, function: &str) -> Bypassed {
    let path = format!("{}::{function}", module_path!());
    cache.stats_by_function()[path.as_str()].bypassed
}

#[tokio::test]
async fn a_condition_a_key_and_a_write_around_the_read_are_reasons() {
    let cache = Cache::in_memory();
    never(&cache).await;
    unwritable(&cache, Unwritable).await;
    read_and_update(&cache, &Runs::default(), 1).await;
    assert_eq!(bypassed(&cache, "never").condition, 1);
    assert_eq!(bypassed(&cache, "unwritable").key, 1);
    assert_eq!(stats_of(&cache, "post").bypassed.nested, 1);
    assert_eq!(cache.stats().bypassed, 3);
}

#[tokio::test(start_paused = true)]
async fn the_last_second_of_a_fence_is_a_reason() {
    let cache = Cache::in_memory();
    fail(&cache, 1).await.expect_err("in doubt");
    advance(Duration::from_millis(29_500)).await;
    post(&cache, &Runs::default(), 1).await;
    let bypassed = stats_of(&cache, "post").bypassed;
    assert_eq!((bypassed.fence, bypassed.total()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn whoever_has_waited_too_long_has_no_patience_left() {
    let world = World::new(Cache::in_memory());
    let first = gated(&world, 1);
    let second = async {
        world.has_read.pass().await;
        let open = async {
            // The second runs itself.
            world.has_read.pass().await;
            world.open();
        };
        tokio::join!(gated(&world, 1), open);
    };
    tokio::join!(first, second);
    let bypassed = stats_of(&world.cache, "gated").bypassed;
    assert_eq!((bypassed.patience, bypassed.total()), (1, 1));
}

#[tokio::test]
async fn a_reply_that_is_an_error_is_a_failure() {
    let server = RedisServer::start();
    let (cache, runs) = (server.cache(), Runs::default());
    post(&cache, &runs, 1).await;
    server.run::<()>(&["ACL", "SETUSER", "default", "-eval", "-evalsha"]);
    post(&cache, &runs, 2).await;
    let bypassed = stats_of(&cache, "post").bypassed;
    assert_eq!((bypassed.failure, bypassed.total()), (1, 1));
}

#[tokio::test]
async fn what_is_still_to_be_removed_is_pending() {
    let server = RedisServer::start();
    let (cache, runs) = (server.cache(), Runs::default());
    post(&cache, &runs, 1).await;
    server.run::<()>(&["ACL", "SETUSER", "default", "-eval", "-evalsha"]);
    cache.delete(["post:1"]).await.expect_err("refused");
    assert_eq!(post(&cache, &runs, 1).await, 2);
    let bypassed = stats_of(&cache, "post").bypassed;
    assert_eq!((bypassed.pending, bypassed.total()), (1, 1));
}

#[tokio::test]
async fn a_server_that_is_gone_is_not_asked() {
    let server = RedisServer::start();
    let (cache, runs) = (server.cache(), Runs::default());
    drop(server);
    eventually("it is not asked any more", async || {
        post(&cache, &runs, 1).await;
        cache.stats().breaker == BreakerState::Open
    })
    .await;
    let before = stats_of(&cache, "post").bypassed;
    post(&cache, &runs, 1).await;
    let bypassed = stats_of(&cache, "post").bypassed;
    assert_eq!(bypassed.breaker, before.breaker + 1);
    assert_eq!(bypassed.total(), before.total() + 1);
}
