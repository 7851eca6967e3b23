//! Writers of whom nobody knows whether they committed, or still will: dropped, panicked, failed without saying that
//! nothing happened. And writers that were refused, who change nothing.

use std::future::{pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::mpsc;
use std::task::Poll;
use std::thread;
use std::time::Duration;

use cache_runtime::{Cache, cache};
use cache_testkit::{MINUTE, RedisServer, Refused, Runs, World, eventually, on_every_store};
use tokio::runtime;
use tokio::time::advance;

use crate::world::{read, read_tagged, start, write, write_tag};

/// The longest that anything is cached for under a fence, in milliseconds: half a minute, less the second in which
/// the fence is about to end.
const UNDER_A_FENCE: i64 = 29_000;

/// An hour, in milliseconds.
const FULL: i64 = 3_600_000;

#[cache("value", cache = world.cache, method = "PUT")]
async fn write_and_fail(world: &World, id: u64) -> Result<(), String> {
    let _ = world.commit(false).await;
    Err("committed, and then the mail failed".to_owned())
}

#[cache("value", cache = world.cache, method = "PUT")]
async fn write_and_panic(world: &World, id: u64) {
    let _ = world.commit(false).await;
    panic!("behind the commit");
}

/// A writer that is dropped before it commits, and has invalidated in the background by now.
async fn is_dropped(world: &World) {
    let writer = start!(world, write(1, false));
    world.has_begun.pass().await;
    writer.abort();
    assert!(writer.await.is_err());
    assert_eq!(world.cache.drain(MINUTE).await, 0);
}

#[tokio::test(start_paused = true)]
async fn a_commit_after_the_drop_is_seen_when_the_fence_has_ended() {
    for late in [0, 1, 28, 29] {
        let world = World::new(Cache::in_memory());
        world.may_return.let_pass(100);
        assert_eq!(read(&world, 1).await, 0);
        is_dropped(&world).await;
        // The old row, while the commit is on its way: at once, and as late as can be.
        assert_eq!(read(&world, 1).await, 0);
        advance(Duration::from_secs(late)).await;
        assert_eq!(read(&world, 1).await, 0);
        world.row.commit();
        advance(Duration::from_secs(30 - late) + Duration::from_millis(1)).await;
        assert_eq!(read(&world, 1).await, 1, "{late} s late");
        assert_eq!(read(&world, 1).await, 1, "{late} s late");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_loaded_in_the_last_second_of_a_fence_is_not_stored() {
    let world = World::new(Cache::in_memory());
    is_dropped(&world).await;
    world.open();
    advance(Duration::from_millis(29_500)).await;
    assert_eq!(read(&world, 1).await, 0);
    world.row.commit();
    assert_eq!(read(&world, 1).await, 1, "each call runs");
    assert_eq!(world.stats().fills, 0);
    advance(Duration::from_millis(501)).await;
    read(&world, 1).await;
    assert_eq!(world.stats().fills, 1, "and then it is stored again");
}

/// Its failures have all committed.
#[cache("value", cache = world.cache, invalidate_on_error = true)]
async fn write_and_fail_late(world: &World, id: u64, error: &'static str) -> Result<(), String> {
    let _ = world.commit(false).await;
    Err(error.to_owned())
}

/// Some of them have.
#[cache("value", cache = world.cache, invalidate_on_error = |_| error == "late")]
async fn write_and_say_so(world: &World, id: u64, error: String) -> Result<(), String> {
    let _ = world.commit(false).await;
    Err(error)
}

/// It was refused by its status, and is stale all the same.
#[cache("value", cache = world.cache, invalidate_on_error = |_| true)]
async fn write_and_refuse(world: &World, id: u64) -> Result<(), Refused> {
    let _ = world.commit(false).await;
    Err(Refused)
}

#[tokio::test]
async fn a_failure_that_says_that_it_committed_invalidates_and_leaves_its_fence() {
    let server = RedisServer::start();
    let world = World::new(server.cache());
    world.open();
    let fence = || server.run::<i64>(&["PTTL", "__cache:fence:{value:1}"]);

    assert_eq!(read(&world, 1).await, 0);
    let failed = write_and_fail_late(&world, 1, "the mail").await;
    assert_eq!(failed, Err("the mail".to_owned()));
    assert_eq!(read(&world, 1).await, 1);
    assert!(fence() > UNDER_A_FENCE, "more may still commit");

    assert!(
        write_and_say_so(&world, 1, "early".to_owned())
            .await
            .is_err()
    );
    assert_eq!(read(&world, 1).await, 1, "it empties nothing");
    assert!(
        write_and_say_so(&world, 1, "late".to_owned())
            .await
            .is_err()
    );
    assert_eq!(read(&world, 1).await, 3);
}

#[tokio::test]
async fn a_refusal_that_says_that_it_committed_is_over() {
    let server = RedisServer::start();
    let world = World::new(server.cache());
    world.open();
    assert_eq!(read(&world, 1).await, 0);
    assert_eq!(write_and_refuse(&world, 1).await, Err(Refused));
    assert_eq!(read(&world, 1).await, 1);
    assert!(server.run::<i64>(&["PTTL", "value:1"]) > FULL / 2);
    assert!(!server.run::<bool>(&["EXISTS", "__cache:fence:{value:1}"]));
}

/// It names a pattern, which can't be fenced.
#[cache(pattern_to_invalidate_extra = ["value:"], cache = world.cache)]
async fn write_pattern_and_fail(world: &World) -> Result<(), String> {
    world.has_begun.let_pass(1);
    world.may_commit.pass().await;
    Err("nobody knows".to_owned())
}

#[tokio::test(start_paused = true)]
async fn what_a_pattern_of_a_writer_in_doubt_matches_is_removed_once_more() {
    for is_dropped in [true, false] {
        let world = World::new(Cache::in_memory());
        world.may_return.let_pass(100);
        let writer = start!(world, write_pattern_and_fail());
        world.has_begun.pass().await;
        if is_dropped {
            writer.abort();
            assert!(writer.await.is_err());
        } else {
            world.may_commit.let_pass(1);
            assert!(writer.await.expect("no panic").is_err());
        }
        assert_eq!(read(&world, 1).await, 0);
        advance(Duration::from_secs(10)).await;
        world.row.commit();
        assert_eq!(read(&world, 1).await, 0, "it can't be known yet");
        advance(Duration::from_secs(20)).await;
        eventually("the commit is seen", async || read(&world, 1).await == 1).await;
    }
}

#[tokio::test]
async fn what_is_loaded_behind_a_dropped_writer_ends_with_a_fence_that_stands_anew() {
    let server = RedisServer::start();
    let world = World::new(server.cache());
    world.may_return.let_pass(100);
    let ttl = |key: &str| server.run::<i64>(&["PTTL", key]);
    read(&world, 1).await;
    assert!(ttl("value:1") > FULL / 2);
    is_dropped(&world).await;
    read(&world, 1).await;
    let left = ttl("value:1");
    assert!((1..=UNDER_A_FENCE).contains(&left), "{left}");

    read_tagged(&world, 2).await;
    let writer = start!(world, write_tag(2, false));
    world.has_begun.pass().await;
    writer.abort();
    assert!(writer.await.is_err());
    assert_eq!(world.cache.drain(MINUTE).await, 0);
    let loads = world.row.loads();
    read_tagged(&world, 2).await;
    assert_eq!(world.row.loads(), loads + 1, "the tag was invalidated");
    let left = ttl("__cache:tag:{tag:2}");
    assert!((1..=UNDER_A_FENCE).contains(&left), "{left}");
}

#[tokio::test]
async fn a_failure_that_says_nothing_empties_nothing_and_ends_with_its_fence() {
    let server = RedisServer::start();
    let world = World::new(server.cache());
    world.open();
    read(&world, 1).await;
    let failed = write_and_fail(&world, 1).await;
    assert!(failed.is_err());
    let loads = world.row.loads();
    assert_eq!(read(&world, 1).await, 0, "what was cached is still served");
    assert_eq!(world.row.loads(), loads);
    let left = server.run::<i64>(&["PTTL", "value:1"]);
    assert!((1..=UNDER_A_FENCE).contains(&left), "{left}");
    let fence = server.run::<i64>(&["PTTL", "__cache:fence:{value:1}"]);
    assert!(fence > UNDER_A_FENCE, "it stands anew: {fence}");
}

#[tokio::test]
async fn a_panic_invalidates_and_leaves_its_fence() {
    on_every_store(async |cache| {
        let world = World::new(cache);
        world.open();
        read(&world, 1).await;
        assert!(start!(world, write_and_panic(1)).await.is_err());
        assert_eq!(world.cache.drain(MINUTE).await, 0);
        assert_eq!(read(&world, 1).await, 1);
    })
    .await;
}

#[tokio::test]
async fn a_refusal_gives_back_what_was_stored_meanwhile_and_no_more() {
    let server = RedisServer::start();
    let world = World::new(server.cache());
    world.may_return.let_pass(100);
    let ttl = || server.run::<i64>(&["PTTL", "value:1"]);
    for (seconds, least, most) in [(7200, FULL, 2 * FULL), (100, 60_000, 100_000)] {
        read(&world, 1).await;
        let writer = start!(world, write(1, true));
        world.has_begun.pass().await;
        let ttl_of_its_own = Duration::from_secs(seconds);
        let set = world.cache.set("value:1", &5_u64, ttl_of_its_own).await;
        set.expect("Redis is there");
        assert!(
            ttl() <= UNDER_A_FENCE,
            "a value set by hand obeys the fence"
        );
        world.may_commit.let_pass(1);
        assert_eq!(writer.await.expect("no panic"), Err(Refused));
        let left = ttl();
        assert!((least..=most).contains(&left), "{left}");
        assert_eq!(read(&world, 1).await, 5);
        world
            .cache
            .delete(["value:1"])
            .await
            .expect("Redis is there");
    }
}

#[tokio::test]
async fn the_first_of_two_refusals_leaves_the_rest_to_the_second() {
    let server = RedisServer::start();
    let world = World::new(server.cache());
    world.may_return.let_pass(100);
    read(&world, 1).await;
    let ttl = || server.run::<i64>(&["PTTL", "value:1"]);
    let [mut one, mut other] = [0, 1].map(|_| start!(world, write(1, true)));
    world.has_begun.pass().await;
    world.has_begun.pass().await;
    world.may_commit.let_pass(1);
    let (first, second) = tokio::select! {
        first = &mut one => (first, other),
        first = &mut other => (first, one),
    };
    assert_eq!(first.expect("no panic"), Err(Refused));
    assert!(ttl() <= UNDER_A_FENCE, "the other may still commit");
    world.may_commit.let_pass(1);
    assert_eq!(second.await.expect("no panic"), Err(Refused));
    assert!(ttl() > FULL / 2, "what it was before both");
}

#[cache(
    "kept", expiration = 3600, stale_if_error = 60, cache = cache, skip(runs)
)]
async fn kept(cache: &Cache, runs: &Runs, id: u64) -> Result<u64, Refused> {
    Ok(runs.count())
}

#[cache("kept", cache = world.cache, method = "PUT")]
async fn write_kept(world: &World, id: u64) -> Result<(), Refused> {
    world.commit(true).await
}

#[tokio::test]
async fn an_entry_is_not_stale_because_a_fence_has_shortened_it() {
    on_every_store(async |cache| {
        let world = World::new(cache);
        let runs = Runs::default();
        assert_eq!(kept(&world.cache, &runs, 1).await, Ok(1));
        let writer = start!(world, write_kept(1));
        world.has_begun.pass().await;
        for _ in 0..48 {
            assert_eq!(kept(&world.cache, &runs, 1).await, Ok(1));
        }
        assert_eq!(runs.get(), 1);
        assert_eq!(world.stats().hits, 48);
        world.may_commit.let_pass(1);
        assert_eq!(writer.await.expect("no panic"), Err(Refused));
    })
    .await;
}

#[cache("value", cache = cache, method = "PUT", pattern_to_invalidate_extra = ["value:*"])]
async fn hang(cache: &Cache, id: u64) {
    pending::<()>().await;
}

#[cache("value", cache = cache, method = "PUT", pattern_to_invalidate_extra = ["value:*"])]
async fn panic_at_once(cache: &Cache, id: u64) {
    panic!("the handler's own");
}

#[cache("value", cache = cache, method = "PUT", pattern_to_invalidate_extra = ["value:*"])]
async fn sleep_long(cache: &Cache, id: u64, begun: mpsc::Sender<()>) {
    begun.send(()).expect("awaited");
    tokio::time::sleep(MINUTE).await;
}

async fn poll_once<F: Future>(mut future: Pin<&mut F>) -> Poll<F::Output> {
    poll_fn(|context| Poll::Ready(future.as_mut().poll(context))).await
}

/// What is left to do needs them. A second panic would end the process.
#[test]
fn a_writer_that_ends_where_the_runtime_has_no_timers() {
    let runtime = || {
        runtime::Builder::new_current_thread()
            .build()
            .expect("a runtime")
    };
    let cache = Cache::in_memory();
    runtime().block_on(async {
        let mut writer = pin!(hang(&cache, 1));
        assert!(poll_once(writer.as_mut()).await.is_pending());
    });
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        runtime().block_on(panic_at_once(&cache, 1));
    }));
    let message = panicked.expect_err("the handler's");
    assert_eq!(message.downcast_ref(), Some(&"the handler's own"));
}

#[test]
fn a_writer_whose_runtime_shuts_down_under_it() {
    let server = RedisServer::start();
    for cache in [Cache::in_memory(), server.cache()] {
        let mut builder = runtime::Builder::new_multi_thread();
        let runtime = builder
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let handle = runtime.handle().clone();
        let (begun, has_begun) = mpsc::channel();
        let writer = thread::spawn(move || handle.block_on(sleep_long(&cache, 1, begun)));
        has_begun.recv().expect("it begins");
        runtime.shutdown_background();
        assert!(
            writer.join().is_err(),
            "tokio's own panic, and none beside it"
        );
    }
}
