//! Why a function ran, as a response tells it where the layer is told to.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::Request;
use axum::routing::get;
use cache_runtime::{BreakerState, Cache, Cached, cache};
use cache_testkit::{MINUTE, RedisServer, World, eventually};
use tokio::task::yield_now;
use tokio::time::advance;
use tower::ServiceExt as _;

#[cache("answer", tags = ["answers"])]
async fn answer(Path(id): Path<u64>) -> Cached<u64> {
    id.into()
}

#[cache("plain")]
async fn plain(Path(id): Path<u64>) -> Cached<u64> {
    id.into()
}

#[cache("never:{id}", condition = false)]
async fn never(Path(id): Path<u64>) -> Cached<u64> {
    id.into()
}

#[cache("unstored", unless = |_| true)]
async fn unstored(Path(id): Path<u64>) -> Cached<u64> {
    yield_now().await;
    id.into()
}

#[cache("waits")]
async fn waits(State(world): State<World>, Path(id): Path<u64>) -> Cached<u64> {
    world.load().await.into()
}

#[cache("limited", max_loads = 1)]
async fn limited(State(world): State<World>, Path(id): Path<u64>) -> Cached<u64> {
    world.load().await.into()
}

/// In doubt.
#[cache("plain", method = "PUT", cache = cache)]
async fn fail(cache: &Cache, id: u64) -> Result<(), String> {
    Err("nobody knows".to_owned())
}

struct Application(Router);

impl Application {
    fn new(cache: &Cache) -> Self {
        Self::over(&World::new(cache.clone()))
    }

    fn over(world: &World) -> Self {
        let router = Router::new()
            .route("/answer/{id}", get(answer))
            .route("/plain/{id}", get(plain))
            .route("/never/{id}", get(never))
            .route("/unstored/{id}", get(unstored))
            .route("/waits/{id}", get(waits))
            .route("/limited/{id}", get(limited))
            .layer(world.cache.layer().explain())
            .with_state(world.clone());
        Self(router)
    }

    async fn status(&self, path: &str) -> String {
        let request = Request::builder().uri(path).body(Body::empty());
        let response = self.0.clone().oneshot(request.expect("a request"));
        let response = response.await.expect("infallible");
        let status = response.headers()["cache-status"].to_str();
        let status = status.expect("text").strip_prefix("cache-runtime; ");
        status.expect("it is ours").to_owned()
    }
}

#[tokio::test]
async fn what_was_there_and_could_not_be_used_is_told() {
    let cache = Cache::in_memory();
    let application = Application::new(&cache);
    assert_eq!(application.status("/answer/1").await, "fwd=miss; stored");
    assert_eq!(application.status("/answer/1").await, "hit");
    cache.invalidate_tags(["answers"]).await.expect("done");
    let status = application.status("/answer/1").await;
    assert_eq!(status, "fwd=miss; stored; detail=tag");
    cache
        .set("plain:1", "no number", MINUTE)
        .await
        .expect("set");
    let status = application.status("/plain/1").await;
    assert_eq!(status, "fwd=miss; stored; detail=decode");
    assert_eq!(application.status("/plain/1").await, "hit");
}

#[tokio::test]
async fn a_false_condition_and_a_load_that_came_to_nothing_are_told() {
    let application = Application::new(&Cache::in_memory());
    let status = application.status("/never/1").await;
    assert_eq!(status, "fwd=bypass; detail=condition");
    let status = || application.status("/unstored/1");
    let both = tokio::join!(status(), status());
    assert_eq!(both.0, "fwd=miss");
    assert_eq!(both.1, "fwd=miss; detail=unstored");
}

#[tokio::test(start_paused = true)]
async fn a_fence_that_is_about_to_end_is_told() {
    let cache = Cache::in_memory();
    let application = Application::new(&cache);
    fail(&cache, 1).await.expect_err("in doubt");
    advance(Duration::from_millis(29_500)).await;
    let status = application.status("/plain/1").await;
    assert_eq!(status, "fwd=bypass; detail=fence");
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_took_too_long_is_told() {
    let world = World::new(Cache::in_memory());
    let application = Application::over(&world);
    let second = async {
        world.has_read.pass().await;
        let open = async {
            world.has_read.pass().await;
            world.open();
        };
        tokio::join!(application.status("/waits/1"), open).0
    };
    let (_, second) = tokio::join!(application.status("/waits/1"), second);
    assert_eq!(second, "fwd=bypass; detail=patience");
}

#[tokio::test(start_paused = true)]
async fn a_load_beyond_the_limit_is_told() {
    let world = World::new(Cache::in_memory());
    let application = Application::over(&world);
    let second = async {
        world.has_read.pass().await;
        let open = async {
            world.has_read.pass().await;
            world.open();
        };
        tokio::join!(application.status("/limited/2"), open).0
    };
    let (first, second) = tokio::join!(application.status("/limited/1"), second);
    assert_eq!(first, "fwd=miss; stored");
    assert_eq!(second, "fwd=miss; stored; detail=shed");
}

#[tokio::test]
async fn what_is_pending_and_what_a_server_does_not_do_is_told() {
    let server = RedisServer::start();
    let cache = server.cache();
    let application = Application::new(&cache);
    assert_eq!(application.status("/plain/1").await, "fwd=miss; stored");
    server.run::<()>(&["ACL", "SETUSER", "default", "-eval", "-evalsha"]);
    cache.delete(["plain:1"]).await.expect_err("refused");
    for (path, detail) in [("/plain/1", "pending"), ("/plain/2", "failure")] {
        let status = application.status(path).await;
        assert_eq!(status, format!("fwd=bypass; detail={detail}"));
    }
    drop(server);
    eventually("it is not asked any more", async || {
        application.status("/plain/3").await;
        cache.stats().breaker == BreakerState::Open
    })
    .await;
    let status = application.status("/plain/3").await;
    assert_eq!(status, "fwd=bypass; detail=breaker");
}

#[tokio::test]
async fn a_client_that_wants_nothing_stored_is_a_reason() {
    let cache = Cache::in_memory();
    let application = Router::new()
        .route("/plain/{id}", get(plain))
        .layer(cache.layer().client_directives().explain());
    let request = Request::get("/plain/1").header("cache-control", "no-store");
    let request = request.body(Body::empty()).expect("a request");
    let response = application.oneshot(request).await.expect("infallible");
    let status = &response.headers()["cache-status"];
    assert_eq!(status, "cache-runtime; fwd=request");
    let path = concat!(module_path!(), "::plain");
    let bypassed = cache.stats_by_function()[path].bypassed;
    assert_eq!((bypassed.request, bypassed.total()), (1, 1));
}
