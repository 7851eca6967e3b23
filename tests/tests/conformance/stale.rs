//! Values past their expiration: refreshed behind the caller's back, or kept for when the function fails.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use actix_web::rt::System;
use actix_web::test::TestRequest;
use actix_web::{HttpRequest, error};
use axum::Json;
use axum::http::StatusCode;
use cache_runtime::{Cache, HttpStatus, cache};
use cache_testkit::{Log, MINUTE, RedisServer, Runs, eventually, on_every_store, wait_until};
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

/// What the log says of an error that nobody sees.
const HIDDEN: &str = "a function failed, and an older value was served";

/// An error of the application's own.
#[derive(Debug, PartialEq)]
struct Failed(u16);

impl HttpStatus for Failed {
    fn http_status(&self) -> u16 {
        self.0
    }
}

#[cache("kept", expiration = SOON, stale_if_error = "1h", cache = cache, skip(status))]
async fn kept(cache: &Cache, status: u16, id: u64) -> Result<u64, Failed> {
    if status == 200 {
        Ok(id)
    } else {
        Err(Failed(status))
    }
}

#[cache("kept", expiration = SOON, stale_if_error = "1h", cache = cache, skip(status))]
async fn kept_beside(cache: &Cache, status: u16, id: u64) -> (StatusCode, Json<u64>) {
    let status = StatusCode::from_u16(status).expect("a status");
    let value = if status == 200 { id } else { 0 };
    (status, Json(value))
}

#[cache("kept", expiration = SOON, stale_if_error = "1h", cache = cache, skip(status))]
async fn kept_by_axum(cache: &Cache, status: u16, id: u64) -> Result<u64, (StatusCode, String)> {
    let error = StatusCode::from_u16(status).expect("a status");
    if status == 200 {
        Ok(id)
    } else {
        Err((error, String::new()))
    }
}

#[cache("kept", expiration = SOON, stale_if_error = "1h", cache = cache, skip(status))]
async fn kept_by_actix(cache: &Cache, status: u16, id: u64) -> Result<u64, actix_web::Error> {
    match status {
        200 => Ok(id),
        404 => Err(error::ErrorNotFound("nothing")),
        _ => Err(error::ErrorBadGateway("nobody")),
    }
}

/// Its entry is stored, and past its expiration: the function is asked for this status until it says so.
async fn is_overdue(cache: &Cache) {
    assert_eq!(kept(cache, 200, 7).await, Ok(7));
    eventually("the entry is overdue", async || {
        kept(cache, 404, 7).await == Err(Failed(404))
    })
    .await;
}

#[tokio::test]
async fn an_answer_is_returned_as_it_is_and_a_failure_is_hidden() {
    on_every_store(async |cache| {
        let log = Log::start();
        is_overdue(&cache).await;
        for status in [302, 400, 401, 403, 404, 410, 429, 499] {
            assert_eq!(kept(&cache, status, 7).await, Err(Failed(status)));
            let (beside, Json(body)) = kept_beside(&cache, status, 7).await;
            assert_eq!((beside.as_u16(), body), (status, 0));
            let error = kept_by_axum(&cache, status, 7)
                .await
                .expect_err("an answer");
            assert_eq!(error.0.as_u16(), status);
        }
        let error = kept_by_actix(&cache, 404, 7).await.expect_err("an answer");
        assert_eq!(error.as_response_error().status_code().as_u16(), 404);
        let stats = cache.stats();
        assert_eq!((stats.stale, stats.errors_hidden), (0, 0));
        assert_eq!(log.count(HIDDEN), 0);
        for status in [500, 502, 503, 599] {
            assert_eq!(kept(&cache, status, 7).await, Ok(7));
            let (beside, Json(body)) = kept_beside(&cache, status, 7).await;
            assert_eq!((beside.as_u16(), body), (200, 7));
            assert_eq!(kept_by_axum(&cache, status, 7).await, Ok(7));
            assert_eq!(kept_by_actix(&cache, status, 7).await.ok(), Some(7));
        }
        let stats = cache.stats();
        assert_eq!((stats.stale, stats.errors_hidden), (16, 16));
        let lines = log.lines().into_iter();
        let told: Vec<String> = lines.filter(|line| line.contains(HIDDEN)).collect();
        let [line] = &told[..] else {
            panic!("not one line: {told:?}");
        };
        for part in ["value=u64", "Failed", "status=500"] {
            assert!(line.contains(part), "{line}");
        }
    })
    .await;
}

#[tokio::test]
async fn the_attribute_says_which_errors_are_failures() {
    #[cache(
        "kept", expiration = SOON, cache = cache, skip(status),
        stale_if_error = {"1h", errors = |error| error.0 == 404}
    )]
    async fn chosen(cache: &Cache, status: u16, id: u64) -> Result<u64, Failed> {
        Err(Failed(status))
    }
    fn is_even(error: &Failed) -> bool {
        error.0.is_multiple_of(2)
    }
    #[cache(
        "kept", expiration = SOON, cache = cache, skip(status),
        stale_if_error = {"1h", errors = is_even}
    )]
    async fn even(cache: &Cache, status: u16, id: u64) -> Result<u64, Failed> {
        Err(Failed(status))
    }
    let cache = Cache::in_memory();
    is_overdue(&cache).await;
    assert_eq!(chosen(&cache, 404, 7).await, Ok(7));
    assert_eq!(chosen(&cache, 500, 7).await, Err(Failed(500)));
    assert_eq!(even(&cache, 500, 7).await, Ok(7));
    assert_eq!(even(&cache, 401, 7).await, Err(Failed(401)));
    assert_eq!(cache.stats().errors_hidden, 2);
}

#[tokio::test]
async fn an_answer_is_the_answer_of_those_who_wait_for_it_too() {
    #[cache("kept", expiration = SOON, stale_if_error = "1h", cache = cache, skip(status))]
    async fn slow(cache: &Cache, status: u16, id: u64) -> Result<u64, Failed> {
        yield_now().await;
        Err(Failed(status))
    }
    on_every_store(async |cache| {
        is_overdue(&cache).await;
        let both = tokio::join!(slow(&cache, 404, 7), slow(&cache, 404, 7));
        assert_eq!(both, (Err(Failed(404)), Err(Failed(404))));
        assert_eq!(cache.stats().stale, 0);
    })
    .await;
}

#[tokio::test]
async fn a_failure_in_the_background_is_counted() {
    #[cache("value", expiration = SOON, stale_while_revalidate = "1h", cache = cache, skip(runs))]
    async fn refreshed_once(cache: Cache, runs: Runs, id: u64) -> Result<u64, Failed> {
        match runs.count() {
            1 => Ok(1),
            _ => Err(Failed(503)),
        }
    }
    let (cache, runs) = (Cache::in_memory(), Runs::default());
    eventually("a refresh has failed", async || {
        assert_eq!(refreshed_once(cache.clone(), runs.clone(), 1).await, Ok(1));
        cache.stats().errors_hidden > 0
    })
    .await;
}
