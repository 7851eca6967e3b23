//! Functions of every shape compile under the attribute and are cached.

#![allow(
    clippy::unused_async,
    reason = "the attribute wants async functions, whatever they do"
)]

use std::fmt::Display;
use std::rc::Rc;

use axum::extract::{Path, Query, State};
use axum::http::{Method, StatusCode};
use axum::response::IntoResponse;
use cache_runtime::{Cache, cache};
use serde::{Deserialize, Serialize};

use crate::{MINUTE, Runs};

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
struct Page {
    number: u32,
    r#type: String,
}

type ApiResult<T> = Result<T, StatusCode>;
type Answer = axum::Json<Page>;

fn page() -> Page {
    Page {
        number: 3,
        r#type: "new".into(),
    }
}

/// Names that the attribute's output might use are the user's own here.
mod shadowed {
    #![allow(
        non_camel_case_types,
        dead_code,
        non_snake_case,
        reason = "to shadow what the output might name"
    )]

    use cache_runtime::cache;

    mod core {}
    mod std {}
    mod cache_runtime_shadow {}
    struct Result;
    struct Option;
    struct Some;
    struct Duration;
    struct Read;
    fn Ok() {}
    fn key() {}
    fn read() {}

    #[cache("shadowed:{call}:{handler}:{codec}", cache = store)]
    pub(super) async fn shadowed(store: &crate::Cache, call: u32, handler: u32, codec: u32) -> u32 {
        call + handler + codec
    }
}

struct Service {
    cache: Cache,
    tenant: String,
    runs: Runs,
}

impl Service {
    #[cache("tenant_{self.tenant}", cache = self.cache)]
    async fn by_reference(&self, id: u64) -> u64 {
        id + self.runs.count()
    }

    #[cache("tenant", cache = self.cache, expiration = MINUTE * 2)]
    async fn by_mutable_reference(&mut self, id: u64) -> u64 {
        self.tenant.push('x');
        id + self.runs.count()
    }
}

trait Source {
    async fn load(&self, id: u64) -> u64;
}

impl Source for Service {
    #[cache("source", cache = self.cache)]
    async fn load(&self, id: u64) -> u64 {
        id + self.runs.count()
    }
}

#[cache("generic:{key}", cache = cache)]
async fn generic<K: Display + Send, V>(cache: &Cache, key: K, value: V) -> V
where
    V: Serialize + serde::de::DeserializeOwned,
{
    value
}

#[cache("impl:{name}", cache = cache)]
async fn impl_trait(cache: &Cache, name: impl AsRef<str> + Display, runs: &Runs) -> u64 {
    runs.count()
}

#[cache("lifetimes:{maybe}", resource_id_name = "name", cache = cache)]
async fn lifetimes<'a>(
    cache: &'a Cache,
    name: &'a str,
    maybe: Option<&'a str>,
    runs: &Runs,
) -> Option<String>
where
    'a: 'a,
{
    let maybe = maybe?;
    runs.count();
    Some(format!("{name}{maybe}"))
}

#[cache("page:{page.number}:{page.type}", cache = cache)]
async fn fields(State(cache): State<Cache>, Query(page): Query<Page>) -> ApiResult<Answer> {
    if page.number == 0 {
        return Err(StatusCode::NOT_FOUND);
    }
    Ok(axum::Json(page))
}

#[cache("hash:{page:hash}", cache = cache)]
#[tracing::instrument(skip_all)]
async fn hashed(
    State(cache): State<Cache>,
    Query(page): Query<Page>,
) -> Result<Answer, Box<dyn std::error::Error>> {
    Ok(axum::Json(page))
}

#[tracing::instrument(skip_all)]
#[cache("type:{type}", cache = cache)]
async fn raw_name(
    State(cache): State<Cache>,
    Path((r#type, mut id)): Path<(String, u64)>,
) -> axum::Json<u64> {
    id += 1;
    axum::Json(id)
}

#[cache("path", cache = cache)]
async fn whole_path(State(cache): State<Cache>, id: Path<i64>) -> axum::Json<i64> {
    axum::Json(id.0)
}

#[cache("item", cache = cache, skip(cache, runs))]
async fn by_method(method: Method, cache: &Cache, item_id: u64, runs: &Runs) -> u64 {
    runs.count()
}

#[cache("write", cache = cache, method = "POST", to_invalidate_extra = {"made": "{result.1.number}"})]
async fn any_answer(cache: &Cache, id: u64) -> (StatusCode, axum::Json<Page>) {
    (StatusCode::CREATED, axum::Json(page()))
}

#[cache("write", cache = cache, method = "POST")]
async fn opaque(cache: &Cache, id: u64, status: StatusCode) -> impl IntoResponse + use<> {
    status
}

#[cache("local", cache = cache)]
async fn not_send(cache: &Cache, id: u64) -> u64 {
    let local = Rc::new(id);
    tokio::task::yield_now().await;
    *local
}

#[tokio::test]
async fn methods_of_types_and_traits_are_cached() {
    let mut service = Service {
        cache: Cache::in_memory(),
        tenant: "a".into(),
        runs: Runs::default(),
    };
    assert_eq!(
        (
            service.by_reference(10).await,
            service.by_reference(10).await
        ),
        (11, 11)
    );
    assert_eq!((service.load(10).await, service.load(10).await), (12, 12));
    assert_eq!(service.by_mutable_reference(10).await, 13);
    assert_eq!(
        (
            service.by_mutable_reference(10).await,
            service.tenant.as_str()
        ),
        (13, "ax")
    );
    assert_eq!(
        service.cache.get("tenant_a:10").await.expect("get"),
        Some(11)
    );
}

#[tokio::test]
async fn generics_lifetimes_and_shadowed_names_are_no_matter() {
    let (cache, runs) = (Cache::in_memory(), Runs::default());
    assert_eq!(generic(&cache, 'k', page()).await, page());
    assert_eq!(
        cache.get::<Page>("generic:k").await.expect("get"),
        Some(page())
    );
    assert_eq!(
        (
            impl_trait(&cache, "n", &runs).await,
            impl_trait(&cache, "n", &runs).await
        ),
        (1, 1)
    );
    assert_eq!(shadowed::shadowed(&cache, 1, 2, 3).await, 6);
    assert_eq!(not_send(&cache, 4).await, 4);
    assert_eq!(cache.get("local:4").await.expect("get"), Some(4));
}

#[tokio::test]
async fn extractors_patterns_and_fields_make_keys() {
    let cache = Cache::in_memory();
    let state = || State(cache.clone());
    let _ = fields(state(), Query(page())).await.expect("found");
    let _ = hashed(state(), Query(page())).await.expect("found");
    let _ = raw_name(state(), Path(("t".into(), 1))).await;
    let _ = whole_path(state(), Path(8)).await;
    for key in ["page:3:new", "type:t:1", "path:8"] {
        assert!(
            cache
                .get::<serde_json::Value>(key)
                .await
                .expect("get")
                .is_some(),
            "{key}"
        );
    }
    assert_eq!(cache.stats().fills, 4);
}

#[tokio::test]
async fn the_method_of_a_request_decides() {
    let (cache, runs) = (Cache::in_memory(), Runs::default());
    for (method, runs_after) in [
        (Method::GET, 1),
        (Method::HEAD, 1),
        (Method::OPTIONS, 2),
        (Method::GET, 2),
        (Method::PUT, 3),
        (Method::GET, 4),
        (Method::DELETE, 5),
    ] {
        by_method(method.clone(), &cache, 1, &runs).await;
        assert_eq!(runs.get(), runs_after, "{method}");
    }
}

#[tokio::test]
async fn a_write_may_answer_anything_and_fails_by_its_status() {
    let cache = Cache::in_memory();
    for key in ["write:1", "write:2", "made:3"] {
        cache.set(key, &0, MINUTE).await.expect("set");
    }
    let _ = any_answer(&cache, 1).await;
    assert_eq!(cache.get::<u8>("made:3").await.expect("get"), None);
    opaque(&cache, 2, StatusCode::BAD_REQUEST).await;
    assert_eq!(cache.get::<u8>("write:2").await.expect("get"), Some(0));
    opaque(&cache, 2, StatusCode::NO_CONTENT).await;
    assert_eq!(cache.get::<u8>("write:2").await.expect("get"), None);
}

#[test]
fn the_future_of_a_call_is_small() {
    #[cache("value", cache = cache)]
    async fn read(cache: &Cache, id: u64) -> u64 {
        id
    }

    let cache = Cache::in_memory();
    assert!(size_of_val(&read(&cache, 1)) < 4096);
}
