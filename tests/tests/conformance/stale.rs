//! Values past their expiration: refreshed behind the caller's back, or kept for when the function fails.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::rt::System;
use actix_web::test::TestRequest;
use cache_runtime::{Cache, cache};
use cache_testkit::{MINUTE, RedisServer, Runs, eventually, on_every_store, wait_until};
use tokio::task::yield_now;

const SOON: Duration = Duration::from_millis(50);

#[cache("value", expiration = SOON, stale_while_revalidate = "1h", cache = cache, skip(runs))]
async fn refreshed(cache: Cache, runs: Runs, id: u64) -> u64 {
    runs.count()
}

#[cache("value", expiration = SOON, stale_if_error = "1h", cache = cache, skip(runs, fails))]
async fn kept_for_errors(
    cache: &Cache,
    runs: &Runs,
    fails: Arc<AtomicBool>,
    id: u64,
) -> Result<u64, u64> {
    let run = runs.count();
    if fails.load(Ordering::SeqCst) {
        return Err(run);
    }
    Ok(run)
}

#[cache("value", expiration = SOON, stale_while_revalidate = "1h", cache = cache, skip(request, runs))]
async fn kept_on_its_thread(request: HttpRequest, cache: Cache, runs: Runs, id: u64) -> u64 {
    let not_to_be_sent = Rc::new(request);
    yield_now().await;
    drop(not_to_be_sent);
    runs.count()
}

/// `call` is one of the functions above, on this cache.
async fn is_refreshed_behind_its_callers(cache: &Cache, call: impl AsyncFn() -> u64) {
    assert_eq!(call().await, 1);
    // What is served is the old value; the refresh shows in a later call.
    let mut seen = 0;
    eventually("the value is stale", async || {
        seen = call().await;
        cache.stats().stale > 0
    })
    .await;
    assert_eq!(seen, 1);
    eventually("the refresh is seen", async || call().await != 1).await;
    let misses = cache.stats().misses;
    assert_eq!(misses, 1, "nobody waited for the function again");
}

#[tokio::test]
async fn a_stale_value_is_served_while_one_refresh_runs() {
    on_every_store(async |cache| {
        let runs = Runs::default();
        let call = async || refreshed(cache.clone(), runs.clone(), 1).await;
        is_refreshed_behind_its_callers(&cache, call).await;
    })
    .await;
}

#[test]
fn a_refresh_that_cannot_leave_its_thread_runs_there() {
    System::new().block_on(on_every_store(async |cache| {
        let runs = Runs::default();
        let call = async || {
            let request = TestRequest::get().to_http_request();
            kept_on_its_thread(request, cache.clone(), runs.clone(), 1).await
        };
        is_refreshed_behind_its_callers(&cache, call).await;
    }));
}

#[tokio::test]
async fn entries_live_shorter_by_chance_and_never_longer_than_asked() {
    #[cache("jittered", expiration = MINUTE, cache = cache)]
    async fn jittered(cache: &Cache, id: u64) -> u64 {
        id
    }
    let server = RedisServer::start();
    let cache = server.cache_builder().jitter(0.5).build().expect("right");
    let mut ttls = Vec::new();
    for id in 0..50 {
        jittered(&cache, id).await;
        ttls.push(server.run::<u64>(&["PTTL", &format!("jittered:{id}")]));
    }
    let (shortest, longest) = (ttls.iter().min(), ttls.iter().max());
    assert!(longest <= Some(&60_000), "{ttls:?}");
    // Among fifty chances one is in the lower half, and one in the upper.
    assert!(
        shortest < Some(&45_000) && longest > Some(&45_000),
        "{ttls:?}"
    );
}

#[tokio::test]
async fn an_invalidated_entry_is_never_served_stale() {
    on_every_store(async |cache| {
        let (runs, fails) = (Runs::default(), Arc::new(AtomicBool::new(false)));
        let call = || kept_for_errors(&cache, &runs, fails.clone(), 1);
        assert_eq!(call().await, Ok(1));
        fails.store(true, Ordering::SeqCst);
        eventually("the value is stale", async || {
            assert_eq!(call().await, Ok(1));
            cache.stats().stale > 0
        })
        .await;
        let (run, stale) = (runs.get(), cache.stats().stale);
        cache.delete(["value:1"]).await.expect("deleted");
        assert_eq!(call().await, Err(run + 1));
        assert_eq!(refreshed(cache.clone(), runs.clone(), 1).await, run + 2);
        assert_eq!(cache.stats().stale, stale);
    })
    .await;
}

#[tokio::test]
async fn a_function_that_fails_is_answered_with_the_old_value() {
    on_every_store(async |cache| {
        let (runs, fails) = (Runs::default(), Arc::new(AtomicBool::new(false)));
        let call = || kept_for_errors(&cache, &runs, fails.clone(), 1);
        assert_eq!(call().await, Ok(1));
        fails.store(true, Ordering::SeqCst);
        eventually("the function runs again", async || {
            assert_eq!(call().await, Ok(1));
            runs.get() > 1
        })
        .await;
        assert_eq!(call().await, Ok(1));
        assert_eq!(cache.stats().stale, runs.get() - 1);
        let stale = cache.stats().stale;
        fails.store(false, Ordering::SeqCst);
        let run = call().await.expect("it works again");
        assert_eq!((run, cache.stats().stale), (runs.get(), stale));
    })
    .await;
}

#[test]
fn where_nothing_can_run_in_the_background_a_stale_value_is_a_miss() {
    let (cache, runs) = (Cache::in_memory(), Runs::default());
    let call = || {
        let mut call = Box::pin(refreshed(cache.clone(), runs.clone(), 1));
        call.as_mut().poll(&mut Context::from_waker(Waker::noop()))
    };
    assert_eq!(call(), Poll::Ready(1));
    wait_until("the value is stale", || call() == Poll::Ready(2));
    assert_eq!((cache.stats().misses, cache.stats().stale), (2, 0));
}
