//! axum.

use std::convert::Infallible;
use std::future::{pending, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequestParts, Path, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Request, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::routing::{any, get};
use axum::{Json, Router, extract, response};
use cache_runtime::{Cache, CacheLayer, Cached, cache};
use cache_testkit::{RedisServer, Response, Runs, eventually};
use tower::ServiceExt as _;

use crate::Application;
use crate::cases;

#[cache("item")]
async fn item(State(runs): State<Runs>, Path(id): Path<u64>) -> Cached<Vec<u64>> {
    Cached::new(vec![id, runs.count()])
}

#[cache("fallible")]
async fn fallible(
    State(runs): State<Runs>,
    Path(id): Path<u64>,
) -> Result<Cached<u64>, StatusCode> {
    let run = runs.count();
    if id == 0 {
        return Err(StatusCode::NOT_FOUND);
    }
    Ok(run.into())
}

#[cache("status")]
async fn status(State(runs): State<Runs>, Path(id): Path<u16>) -> (StatusCode, Json<u64>) {
    let status = StatusCode::from_u16(id).unwrap_or_default();
    (status, Json(runs.count()))
}

#[cache("json")]
async fn json(State(runs): State<Runs>, Path(id): Path<u64>) -> Json<u64> {
    Json(runs.count())
}

async fn tagged(path: Path<u64>) -> ([(&'static str, &'static str); 1], Cached<u64>) {
    ([("etag", cases::TAG)], controlled(path).await)
}

/// As a layer that compresses would leave it.
async fn encoded(path: Path<u64>) -> ([(&'static str, &'static str); 1], Cached<u64>) {
    ([("content-encoding", "x-none")], controlled(path).await)
}

/// Not cached itself.
async fn nested(State(runs): State<Runs>, Path(id): Path<u64>) -> Json<u64> {
    Json(cases::number(&runs, id).await)
}

async fn explicit(State(runs): State<Runs>, Path(id): Path<u64>) -> Json<u64> {
    Json(cases::explicit(&runs, id).await)
}

#[cache("controlled")]
async fn controlled(Path(id): Path<u64>) -> Cached<u64> {
    Cached::new(id)
}

async fn with_a_policy_of_its_own(path: Path<u64>) -> (HeaderMap, Cached<u64>) {
    let mut headers = HeaderMap::new();
    headers.insert("cache-control", "no-cache".parse().expect("a value"));
    (headers, controlled(path).await)
}

/// A handler by its parameters alone.
#[cache("text")]
async fn text(State(runs): State<Runs>, Path(id): Path<u64>) -> String {
    runs.count().to_string()
}

/// Not cached itself.
async fn called(State(runs): State<Runs>, Path(id): Path<u64>) -> Cached<u64> {
    let Ok(answer) = cases::answer(&runs, id).await;
    answer
}

async fn change(State(runs): State<Runs>, Path(id): Path<u16>) -> (StatusCode, Json<[u64; 2]>) {
    let status = StatusCode::from_u16(id).unwrap_or_default();
    (status, Json(cases::around_a_change(&runs).await))
}

/// A read that writes something else on its way.
#[cache("visited", method = "GET")]
async fn visited(State(runs): State<Runs>) -> Cached<u64> {
    cases::change(1).await;
    Cached::new(runs.count())
}

async fn hang(State(runs): State<Runs>) {
    cases::around_a_change(&runs).await;
    pending::<()>().await;
}

async fn commit(
    State((cache, kept)): State<(Cache, Runs)>,
    request: extract::Request,
    next: Next,
) -> response::Response {
    let response = next.run(request).await;
    cases::commit(&cache, &kept).await;
    response
}

/// With a middleware that commits within the layer.
fn committed(cache: &Cache) -> (Axum, Runs) {
    let kept = Runs::default();
    let router = Router::new()
        .route("/nested/{id}", any(nested))
        .route("/change/{id}", any(change))
        .route("/visited", get(visited))
        .route("/hang", any(hang))
        .layer(from_fn_with_state((cache.clone(), kept.clone()), commit))
        .layer(cache.layer().deferred())
        .with_state(Runs::default());
    (Axum(router), kept)
}

struct Axum(Router);

impl Application for Axum {
    async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Response {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::empty()).expect("a request");
        let response = self.0.clone().oneshot(request).await.expect("infallible");
        let (head, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.expect("a body");
        let text = String::from_utf8(body.into()).expect("text");
        Response::new(head.status.as_u16(), &head.headers, text)
    }
}

/// What an application takes from requests itself.
struct Caller {
    id: u64,
    runs: Runs,
}

impl FromRequestParts<Runs> for Caller {
    type Rejection = PathRejection;

    async fn from_request_parts(parts: &mut Parts, runs: &Runs) -> Result<Self, PathRejection> {
        let Path(id) = Path::from_request_parts(parts, runs).await?;
        let runs = runs.clone();
        Ok(Self { id, runs })
    }
}

/// A handler, since it returns what is sent, and takes what may be extracted.
#[cache("own:{caller.id}")]
async fn own(caller: Caller) -> String {
    caller.runs.count().to_string()
}

#[cache("own_error:{caller.id}")]
async fn own_error(caller: Caller) -> Result<String, StatusCode> {
    Ok(caller.runs.count().to_string())
}

fn application(layer: CacheLayer) -> Axum {
    Axum(
        Router::new()
            .route("/item/{id}", any(item))
            .route("/fallible/{id}", get(fallible))
            .route("/status/{id}", get(status))
            .route("/nested/{id}", any(nested))
            .route("/explicit/{id}", any(explicit))
            .route("/json/{id}", any(json))
            .route("/tagged/{id}", get(tagged))
            .route("/encoded/{id}", get(encoded))
            .route("/text/{id}", any(text))
            .route("/called/{id}", any(called))
            .route("/own/{id}", any(own))
            .route("/own_error/{id}", any(own_error))
            .route("/controlled/{id}", get(with_a_policy_of_its_own))
            .layer(layer)
            .with_state(Runs::default()),
    )
}

#[tokio::test]
async fn a_function_follows_the_method_of_its_request() {
    cases::follows_the_method(&application(Cache::in_memory().layer())).await;
}

#[tokio::test]
async fn a_plain_function_reads_whatever_the_request_is() {
    cases::nested_functions(&application(Cache::in_memory().layer())).await;
}

#[tokio::test]
async fn a_handler_is_one_by_its_parameters_or_by_what_it_returns() {
    cases::handlers(&application(Cache::in_memory().layer())).await;
}

#[tokio::test]
async fn a_response_says_what_became_of_the_call() {
    cases::statuses(&application(Cache::in_memory().layer())).await;
}

#[tokio::test]
async fn a_client_that_has_the_bytes_is_told_so() {
    cases::conditional_requests(&application(Cache::in_memory().layer())).await;
}

#[tokio::test]
async fn a_json_says_what_became_of_the_call_too() {
    let layer = || Cache::in_memory().layer();
    cases::json(&application(layer()), &application(layer().max_age(&[]))).await;
}

#[tokio::test]
async fn a_tag_is_the_handlers_own_or_says_that_the_body_is_another_one() {
    cases::tags(&application(Cache::in_memory().layer())).await;
}

/// A body that can't be made of nothing.
struct Text;

#[tokio::test]
async fn a_service_of_any_body_is_under_the_layer() {
    let cache = Cache::in_memory();
    let inner = tower::service_fn(async |_: Request<()>| {
        Ok::<_, Infallible>(axum::http::Response::new(Text))
    });
    let service = tower::Layer::layer(&cache.layer(), inner);
    let response = service.oneshot(Request::new(())).await.expect("infallible");
    assert_eq!(response.status(), 200);
}

#[tokio::test]
async fn ages_are_told_where_the_application_wants_it() {
    let layer = || Cache::in_memory().layer();
    cases::ages(
        &application(layer()),
        &application(layer().age()),
        &application(layer().max_age(&["Cookie", "X-Tenant"])),
    )
    .await;
}

#[tokio::test]
async fn a_client_decides_only_where_it_is_allowed_to() {
    let layer = || Cache::in_memory().layer();
    cases::client_directives(
        &application(layer()),
        &application(layer().client_directives()),
    )
    .await;
}

const SOON: Duration = Duration::from_millis(20);

#[cache("stale", expiration = SOON, stale_while_revalidate = "1h")]
async fn stale(State(runs): State<Runs>) -> Cached<u64> {
    Cached::new(cases::number(&runs, 1).await)
}

#[cache("spare", expiration = SOON, stale_if_error = "1h")]
async fn spare(State(runs): State<Runs>) -> (StatusCode, Cached<u64>) {
    let run = runs.count();
    // The first run was that of another function.
    let status = if run <= 2 { 200 } else { 503 };
    (StatusCode::from_u16(status).unwrap_or_default(), run.into())
}

#[cache("slow")]
async fn slow(State(runs): State<Runs>) -> Cached<u64> {
    tokio::task::yield_now().await;
    Cached::new(runs.count())
}

#[cache("never", condition = false)]
async fn never() -> Cached<u64> {
    Cached::new(1)
}

#[tokio::test]
async fn a_response_tells_of_stale_shared_and_bypassed_answers_too() {
    let cache = Cache::in_memory();
    let router = Router::new()
        .route("/stale", get(stale))
        .route("/spare", get(spare))
        .route("/slow", get(slow))
        .route("/never", get(never))
        .layer(cache.layer().age())
        .with_state(Runs::default());
    let application = Axum(router);
    let status_of = async |path| application.get(path).await.cache_status().to_owned();
    assert_eq!(status_of("/never").await, "fwd=bypass");

    let both = tokio::join!(status_of("/slow"), status_of("/slow"));
    assert!(both.0.starts_with("fwd=miss; stored; ttl="), "{both:?}");
    assert!(both.1.starts_with("fwd=miss; collapsed; ttl="), "{both:?}");

    let mut response = application.get("/spare").await;
    assert!(response.cache_status().starts_with("fwd=miss; stored"));
    eventually("the entry is stale", async || {
        response = application.get("/spare").await;
        !response.cache_status().starts_with("hit")
    })
    .await;
    assert_eq!((response.status, response.text.as_str()), (200, "2"));
    assert_eq!(response.cache_status(), "fwd=stale; detail=stale-if-error");

    assert!(status_of("/stale").await.starts_with("fwd=miss; stored"));
    cache.delete(["number:1"]).await.expect("deleted");
    let misses = cache.stats().misses;
    eventually("the entry is stale", async || {
        let status = status_of("/stale").await;
        assert!(status.starts_with("hit; ttl="), "{status}");
        status.starts_with("hit; ttl=-")
    })
    .await;
    // The refresh runs the nested function, in the cache of the request that it was started by.
    let is_refreshed = async || cache.stats().misses > misses;
    eventually("the layer's cache is refreshed", is_refreshed).await;
}

#[cache("telling:{seconds}", expiration = |seconds| *seconds, near = "50ms")]
async fn telling(Path(seconds): Path<i64>) -> Cached<i64> {
    tokio::task::yield_now().await;
    Cached::new(seconds)
}

#[cache("telling_stale:{seconds}", expiration = |_| SOON, stale_if_error = "1h", stale_while_revalidate = "1h")]
async fn telling_stale(Path(seconds): Path<i64>) -> Cached<i64> {
    Cached::new(seconds)
}

#[cache("telling_never:{seconds}", expiration = |seconds| *seconds, condition = false)]
async fn telling_never(Path(seconds): Path<i64>) -> Cached<i64> {
    Cached::new(seconds)
}

fn with_ttls_of_its_own(cache: &Cache) -> Axum {
    let router: Router = Router::new()
        .route("/own/{seconds}", get(telling))
        .route("/stale/{seconds}", get(telling_stale))
        .route("/never/{seconds}", get(telling_never))
        .layer(cache.layer().max_age(&[]));
    Axum(router)
}

/// Its status without the `ttl`, that, and its `max-age`.
fn times(response: &Response) -> (String, Option<i64>, Option<i64>) {
    let status = response.cache_status();
    let (status, ttl) = match status.split_once("; ttl=") {
        Some((status, ttl)) => (status, ttl.parse().ok()),
        None => (status, None),
    };
    let max_age = response.header("cache-control");
    let max_age = max_age.strip_prefix("private, max-age=");
    let max_age = max_age.and_then(|seconds| seconds.parse().ok());
    (status.to_owned(), ttl, max_age)
}

#[tokio::test]
async fn a_ttl_that_the_value_tells_is_the_one_that_the_client_is_told() {
    let server = RedisServer::start();
    for cache in [Cache::in_memory(), server.cache()] {
        let application = with_ttls_of_its_own(&cache);
        let get = async |path| application.get(path).await;
        let told = |seconds| (Some(seconds), Some(seconds));

        let stored = "fwd=miss; stored".to_owned();
        let miss = get("/own/300").await;
        assert_eq!(times(&miss), (stored.clone(), Some(300), Some(300)));
        assert_eq!(miss.header("age"), "");
        let hit = get("/own/300").await;
        let (status, ttl, max_age) = times(&hit);
        assert_eq!((&*status, hit.header("age")), ("hit", ""), "{hit:?}");
        assert!((250..=300).contains(&ttl.unwrap_or_default()), "{hit:?}");
        assert_eq!(max_age, ttl, "what is left");

        // What nothing is left of is new, and good for nothing more.
        let spent = get("/own/-5").await;
        assert_eq!(times(&spent), ("fwd=miss".to_owned(), Some(0), Some(0)));

        // Either of them may be the one that loads.
        let both = tokio::join!(get("/own/200"), get("/own/200"));
        let mut both: [Response; 2] = both.into();
        both.sort_by_key(|response| response.cache_status().contains("collapsed"));
        let [first, second] = both;
        assert_eq!(times(&first), (stored, Some(200), Some(200)));
        let (status, ttl, max_age) = times(&second);
        assert_eq!(
            (&*status, (ttl, max_age)),
            ("fwd=miss; collapsed", told(200))
        );
        assert_eq!(second.header("age"), "0");

        // The other runs itself, and its value is not asked.
        let both = tokio::join!(get("/own/0"), get("/own/0"));
        let mut both: [Response; 2] = both.into();
        both.sort_by_key(|response| times(response).1.is_none());
        let [first, second] = both;
        assert_eq!(times(&first), ("fwd=miss".to_owned(), Some(0), Some(0)));
        for (response, status) in [
            (second, "fwd=miss"),
            (get("/never/300").await, "fwd=bypass"),
        ] {
            assert_eq!(times(&response), (status.to_owned(), None, None));
            assert_eq!(response.header("cache-control"), cases::ALWAYS_ASKED_FOR);
        }
    }
}

#[tokio::test]
async fn so_it_is_with_copies_in_memory_and_past_that_ttl() {
    let server = RedisServer::start();
    let cache = server.cache();
    let application = with_ttls_of_its_own(&cache);
    let mut response = application.get("/own/300").await;
    eventually("there is a copy", async || {
        response = application.get("/own/300").await;
        response.cache_status().contains("detail=near")
    })
    .await;
    let (_, ttl, max_age) = times(&response);
    assert!(
        (250..=300).contains(&ttl.unwrap_or_default()),
        "{response:?}"
    );
    assert_eq!((max_age, response.header("age")), (ttl, ""));

    application.get("/stale/1").await;
    let mut times_of_stale = (String::new(), None, None);
    eventually("it is stale", async || {
        response = application.get("/stale/1").await;
        times_of_stale = times(&response);
        times_of_stale.1 < Some(0)
    })
    .await;
    assert_eq!(times_of_stale, ("hit".to_owned(), Some(-1), Some(0)));
    assert_eq!(response.header("age"), "");
}

#[tokio::test]
async fn a_policy_of_the_handlers_own_stays() {
    let application = application(Cache::in_memory().layer().max_age(&["Cookie", "X-Tenant"]));
    for expected in ["fwd=miss; stored; ttl=3600", "hit; ttl="] {
        let response = application.get("/controlled/1").await;
        assert_eq!(response.header("cache-control"), "no-cache");
        assert!(
            response.cache_status().starts_with(expected),
            "{response:?}"
        );
    }
}

#[tokio::test]
async fn the_layers_cache_is_used_and_an_explicit_one_before_it() {
    #[cache("own", cache = cases::OTHER.clone())]
    async fn own() -> Cached<u64> {
        Cached::new(1)
    }
    let cache = Cache::in_memory();
    let router = Router::new()
        .route("/item/{id}", any(item))
        .route("/own", get(own))
        .layer(cache.layer())
        .with_state(Runs::default());
    let application = Axum(router);
    application.get("/item/1").await;
    assert_eq!(cache.stats().misses, 1);
    application.get("/own").await;
    assert_eq!(cache.stats().misses, 1);
    assert_eq!(cases::OTHER.stats().misses, 1);
}

#[tokio::test]
async fn what_a_request_made_stale_is_removed_behind_its_commit() {
    let (application, kept) = committed(&Cache::in_memory());
    cases::deferred(&application, &kept).await;
    let server = RedisServer::start();
    let (application, kept) = committed(&server.cache());
    cases::deferred(&application, &kept).await;
}

#[tokio::test]
async fn what_is_loaded_around_a_write_in_a_transaction_is_not_stored() {
    let cache = Cache::in_memory();
    let (application, _) = committed(&cache);
    for run in 1..=2 {
        let response = application.get("/visited").await;
        assert_eq!(response.text, run.to_string());
        assert_eq!(response.cache_status(), "fwd=miss");
    }
    assert_eq!(cache.stats().fills, 0);
}

#[tokio::test(start_paused = true)]
async fn a_request_in_doubt_leaves_its_fences() {
    let (application, _) = committed(&Cache::in_memory());
    application.get("/nested/1").await;
    application.send("PUT", "/change/500", &[]).await;
    assert_eq!(application.get("/nested/1").await.text, "1");
    tokio::time::advance(Duration::from_secs(30)).await;
    assert_eq!(application.get("/nested/1").await.text, "4");
}

#[tokio::test]
async fn a_request_that_is_dropped_is_in_doubt() {
    let (application, kept) = committed(&Cache::in_memory());
    application.get("/nested/1").await;
    {
        let mut request = pin!(application.send("PUT", "/hang", &[]));
        let poll = poll_fn(|context| Poll::Ready(request.as_mut().poll(context)));
        assert!(poll.await.is_pending());
        assert_eq!(application.get("/nested/1").await.text, "1");
    }
    assert_eq!(application.get("/nested/1").await.text, "4");
    assert_eq!(kept.get(), 3, "it was not committed");
}
