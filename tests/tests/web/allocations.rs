//! What a hit costs in memory: allocations are counted, on the thread that everything here runs on.

use allocation_counter::{AllocationInfo, measure};
use axum::body::{Body, to_bytes};
use axum::extract::Path;
use axum::http::Request;
use axum::routing::get;
use axum::{Json, Router};
use cache_runtime::redis::{AsyncCommands as _, Client};
use cache_runtime::{Cache, Cached, cache};
use cache_testkit::RedisServer;
use tokio::runtime::{Builder, Runtime};
use tower::ServiceExt as _;

/// A list of so many names, each an allocation of its own when it is decoded.
fn names(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("{n:046}")).collect()
}

/// 50 bytes a name.
const LARGE: usize = 1000;

#[cache("cached", resource_id_name = "count")]
async fn cached(Path(count): Path<usize>) -> Cached<Vec<String>> {
    names(count).into()
}

#[cache("json", resource_id_name = "count")]
async fn json(Path(count): Path<usize>) -> Json<Vec<String>> {
    Json(names(count))
}

fn application(cache: &Cache) -> Router {
    Router::new()
        .route("/cached/{count}", get(cached))
        .route("/json/{count}", get(json))
        .layer(cache.layer())
}

/// What the third call of this path allocates: the first is a miss, and the second makes what stays.
fn hit(runtime: &Runtime, application: &Router, path: &str) -> AllocationInfo {
    let call = || {
        let request = Request::builder().uri(path).body(Body::empty());
        let response = application.clone().oneshot(request.expect("a request"));
        runtime.block_on(async {
            let body = response.await.expect("infallible").into_body();
            to_bytes(body, usize::MAX).await.expect("a body").len()
        })
    };
    assert_eq!((call(), call()), (call(), call()));
    measure(|| _ = call())
}

/// A hit whose names are decoded allocates each of them, and one whose bytes are passed on allocates none.
fn assert_each_name_is_decoded(decoded: &AllocationInfo, passed_on: &AllocationInfo) {
    assert!(
        decoded.count_total > passed_on.count_total + LARGE as u64,
        "{decoded:?}"
    );
}

fn on_one_thread() -> Runtime {
    let mut builder = Builder::new_current_thread();
    builder.enable_all().build().expect("a runtime")
}

#[test]
fn a_hit_in_the_process_allocates_the_same_however_large_it_is() {
    let (runtime, application) = (on_one_thread(), application(&Cache::in_memory()));
    let small = hit(&runtime, &application, "/cached/1");
    let large = hit(&runtime, &application, "/cached/1000");
    assert_eq!(large.count_total, small.count_total);
    assert!(
        large.bytes_total < small.bytes_total + 100,
        "{small:?} {large:?}"
    );
    assert_each_name_is_decoded(&hit(&runtime, &application, "/json/1000"), &large);
}

#[test]
fn a_hit_in_redis_allocates_hardly_more_than_a_get() {
    let (runtime, server) = (on_one_thread(), RedisServer::start());
    let application = application(&server.cache());
    let large = hit(&runtime, &application, "/cached/1000");
    let mut connection = runtime
        .block_on(async {
            let client = Client::open(server.url())?;
            client.get_multiplexed_async_connection().await
        })
        .expect("a connection");
    let mut get = || {
        let entry = runtime.block_on(connection.get::<_, Vec<u8>>("cached:1000"));
        entry.expect("it is there").len()
    };
    assert_eq!(get(), get());
    let raw = measure(|| _ = get());
    println!("hit {large:?}, GET {raw:?}");
    // Not even one copy of the 50 000 bytes more than the client's own.
    assert!(
        large.bytes_total < raw.bytes_total + 10_000,
        "{raw:?} {large:?}"
    );
    assert!(
        large.count_total < raw.count_total + 100,
        "{raw:?} {large:?}"
    );
    assert_each_name_is_decoded(&hit(&runtime, &application, "/json/1000"), &large);
}
