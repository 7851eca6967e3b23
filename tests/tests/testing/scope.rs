//! A cache that stands for all others while a future runs.

use std::sync::LazyLock;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Path;
use axum::http::Request;
use axum::routing::get;
use cache_runtime::{Cache, Cached, cache};
use cache_testkit::{MINUTE, RedisServer, Runs, SECOND, eventually};
use futures_util::future::join;
use tokio::task::yield_now;
use tower::ServiceExt as _;

/// What the functions of this file would use.
static INSTALLED: LazyLock<Cache> = LazyLock::new(|| {
    let cache = Cache::in_memory();
    cache.install();
    cache
});
static NAMED: LazyLock<Cache> = LazyLock::new(Cache::in_memory);

#[cache("square:{n}")]
async fn square(n: u64) -> u64 {
    yield_now().await;
    n * n
}

#[cache("cube:{n}", cache = NAMED.clone())]
async fn cube(n: u64) -> u64 {
    n * n * n
}

#[cache("square:{n}", method = "PUT", to_invalidate_extra = {"cube": "{n}"}, cache = NAMED.clone())]
async fn change(n: u64) -> Result<(), u64> {
    Ok(())
}

#[cache("handled")]
async fn handler(Path(id): Path<u64>) -> Cached<u64> {
    Cached::new(square(id).await)
}

/// Other tests use the installed cache as well.
async fn is_installed_used_for(key: &str) -> bool {
    INSTALLED.get::<u64>(key).await.expect("get").is_some()
}

fn reads(cache: &Cache) -> (u64, u64) {
    let stats = cache.stats();
    (stats.misses, stats.hits)
}

#[tokio::test]
async fn in_a_scope_functions_use_its_cache_whatever_else_they_would_use() {
    let (cache, layers) = (Cache::in_memory(), Cache::in_memory());
    LazyLock::force(&INSTALLED);
    let application = Router::new()
        .route("/{id}", get(handler))
        .layer(layers.layer());
    let request = || Request::get("/3").body(Body::empty()).expect("a request");
    cache
        .scope(async {
            for _ in 0..2 {
                square(4).await;
                cube(4).await;
                let response = application.clone().oneshot(request()).await;
                assert_eq!(response.expect("infallible").status(), 200);
            }
        })
        .await;
    // The handler calls another function, once.
    assert_eq!(reads(&cache), (4, 3));
    assert_eq!((reads(&layers), reads(&NAMED)), ((0, 0), (0, 0)));
    assert!(!is_installed_used_for("square:4").await);

    cache.scope(change(4)).await.expect("it succeeds");
    for key in ["square:4", "cube:4"] {
        assert_eq!(cache.get::<u64>(key).await.expect("get"), None, "{key}");
    }
    assert_eq!(NAMED.stats().invalidations, 0);
}

#[tokio::test]
async fn scopes_side_by_side_do_not_see_each_other_and_of_nested_ones_the_innermost_counts() {
    let (one, other) = (Cache::in_memory(), Cache::in_memory());
    let twice = || async {
        square(1).await;
        square(1).await;
    };
    // Each of them yields in the middle of its load.
    join(one.scope(twice()), other.scope(twice())).await;
    assert_eq!((reads(&one), reads(&other)), ((1, 1), (1, 1)));

    one.scope(async {
        other.scope(square(1)).await;
        square(1).await;
    })
    .await;
    assert_eq!((reads(&one), reads(&other)), ((1, 2), (1, 2)));
}

#[cache("refreshed", expiration = 60, stale_while_revalidate = 60, skip(runs))]
async fn refreshed(runs: Runs) -> u64 {
    // What it calls asks which cache it is to use.
    square(9).await;
    runs.count()
}

#[tokio::test(start_paused = true)]
async fn a_refresh_in_the_background_belongs_to_the_scope_that_it_began_in() {
    LazyLock::force(&INSTALLED);
    let (cache, runs) = (Cache::in_memory(), Runs::default());
    cache
        .scope(async {
            refreshed(runs.clone()).await;
            tokio::time::advance(61 * SECOND).await;
            refreshed(runs.clone()).await;
        })
        .await;
    eventually("it is refreshed", async || runs.get() == 2).await;
    eventually("it is stored", async || cache.stats().fills == 3).await;
    let stats = cache.stats();
    assert_eq!((stats.misses, stats.hits, stats.stale), (2, 1, 1));
    assert!(!is_installed_used_for("square:9").await);
}

#[tokio::test]
async fn a_task_that_is_spawned_in_a_scope_has_it_where_it_is_given_along() {
    LazyLock::force(&INSTALLED);
    let cache = Cache::in_memory();
    cache
        .scope(async {
            tokio::spawn(square(16)).await.expect("no panic");
            let own = cache.clone();
            let task = tokio::spawn(async move { own.scope(square(16)).await });
            task.await.expect("no panic");
        })
        .await;
    assert_eq!(reads(&cache), (1, 0));
    let is_used = is_installed_used_for("square:16").await;
    assert!(is_used, "the first task knew nothing of the scope");
}

#[tokio::test]
async fn what_writes_in_a_scope_make_stale_can_be_deferred() {
    let server = RedisServer::start();
    for cache in [Cache::in_memory(), server.cache()] {
        let others = Cache::in_memory();
        let is_there = async |key: &str| cache.get::<u64>(key).await.expect("get").is_some();
        let store = async || {
            for key in ["square:2", "cube:2"] {
                cache.set(key, &1, MINUTE).await.expect("set");
            }
        };
        store().await;
        let (written, stale) = cache.scope(others.deferred(change(2))).await;
        assert_eq!(written, Ok(()));
        assert!(is_there("square:2").await && is_there("cube:2").await);
        stale.apply().await;
        assert!(!is_there("square:2").await && !is_there("cube:2").await);

        store().await;
        let (written, stale) = others.deferred(cache.scope(change(2))).await;
        assert_eq!(written, Ok(()));
        assert!(is_there("square:2").await && is_there("cube:2").await);
        stale.apply().await;
        assert!(!is_there("square:2").await && !is_there("cube:2").await);
    }
}

#[tokio::test]
async fn what_a_dropped_write_in_a_scope_makes_stale_is_removed_from_its_cache() {
    #[cache("slow:{n}", method = "PUT")]
    async fn slow(n: u64) {
        std::future::pending::<()>().await;
    }

    let cache = Cache::in_memory();
    cache.set("slow:1", &1, MINUTE).await.expect("set");
    let write = cache.scope(slow(1));
    let outcome = tokio::time::timeout(Duration::from_millis(1), write).await;
    assert!(outcome.is_err());
    assert_eq!(cache.get::<u64>("slow:1").await.expect("get"), None);
}
