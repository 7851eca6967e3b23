//! A cache that keeps nothing.

use std::net::TcpListener;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Path;
use axum::http::Request;
use axum::routing::get;
use cache_runtime::{BreakerState, Cache, Cached, ErrorKind, cache};
use cache_testkit::{Log, MINUTE, Runs};
use tower::ServiceExt as _;

#[cache(
    "value", expiration = 60, stale_while_revalidate = 60, tags = ["all"], near = "10ms",
    cache = cache, skip(runs)
)]
async fn read(cache: Cache, runs: Runs, id: u64) -> u64 {
    runs.count()
}

#[cache(
    "value", method = "PUT", tags_to_invalidate = ["all"], pattern_to_invalidate_extra = ["value:*"],
    cache = cache
)]
async fn write(cache: &Cache, id: u64) -> Result<(), u64> {
    (id > 0).then_some(()).ok_or(id)
}

#[tokio::test]
async fn functions_run_nothing_is_kept_and_nothing_connects() {
    let nobody = TcpListener::bind("127.0.0.1:0").expect("a free port");
    nobody.set_nonblocking(true).expect("a socket");
    let port = nobody.local_addr().expect("an address").port();
    let by_settings = Cache::builder().host("127.0.0.1").port(port).enabled(false);
    let by_settings = by_settings.build().expect("right");
    let log = Log::start();
    for cache in [Cache::off(), by_settings] {
        let runs = Runs::default();
        for run in 1..=3 {
            assert_eq!(read(cache.clone(), runs.clone(), 1).await, run);
        }
        write(&cache, 1).await.expect("it succeeds");
        // Nobody knows whether it has written.
        write(&cache, 0).await.expect_err("it fails");
        let (moved, stale) = cache.deferred(write(&cache, 1)).await;
        moved.expect("it succeeds");
        stale.apply().await;
        drop(cache.deferred(write(&cache, 1)).await);

        cache.set("key", &1, MINUTE).await.expect("nothing fails");
        assert_eq!(cache.get::<u64>("key").await.expect("nothing fails"), None);
        assert_eq!(cache.delete(["key"]).await.expect("nothing fails"), 0);
        let removed = cache.delete_pattern("*").await;
        assert_eq!(removed.expect("nothing fails"), 0);
        cache.invalidate_tags(["all"]).await.expect("nothing fails");
        let zero = cache
            .set("key", &1, Duration::ZERO)
            .await
            .expect_err("no TTL");
        assert_eq!(zero.kind(), ErrorKind::ZeroTtl, "a mistake stays one");
        assert_eq!(cache.drain(MINUTE).await, 0);
        let none = cache.connection().await.err().expect("there is none");
        assert_eq!(none.kind(), ErrorKind::MissingClient);

        let stats = cache.stats();
        assert_eq!((stats.bypassed, stats.misses, stats.hits), (3, 0, 0));
        assert_eq!((stats.fills, stats.invalidations), (0, 0));
        assert_eq!((stats.pending_invalidations, stats.errors.total()), (0, 0));
        assert_eq!(stats.breaker, BreakerState::Closed);
        assert_eq!(cache.store_name(), "off");
    }
    assert_eq!(log.lines(), [""; 0]);
    let connected = nobody.accept().expect_err("nobody has connected");
    assert_eq!(connected.kind(), std::io::ErrorKind::WouldBlock);
}

#[cache("handled")]
async fn handler(Path(id): Path<u64>) -> Cached<u64> {
    Cached::new(id)
}

#[tokio::test]
async fn a_layer_over_a_cache_that_is_off_says_so() {
    let cache = Cache::off();
    let application = Router::new()
        .route("/{id}", get(handler))
        .layer(cache.layer().age().explain());
    for _ in 0..2 {
        let request = Request::get("/3").body(Body::empty()).expect("a request");
        let response = application.clone().oneshot(request).await;
        let response = response.expect("infallible");
        assert_eq!(response.status(), 200);
        let status = &response.headers()["cache-status"];
        assert_eq!(status, "cache-runtime; fwd=bypass; detail=off");
    }
}

#[tokio::test]
async fn a_scope_that_is_off_turns_off_the_cache_that_a_function_names() {
    let (cache, runs) = (Cache::in_memory(), Runs::default());
    for _ in 0..2 {
        Cache::off()
            .scope(read(cache.clone(), runs.clone(), 2))
            .await;
    }
    assert_eq!(runs.get(), 2);
    assert_eq!(cache.stats().fills, 0);
}
