//! Extractors of axum make keys.

#![allow(
    clippy::unused_async,
    reason = "the attribute wants async functions, whatever they do"
)]

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use cache_runtime::{Cache, cache};

use crate::page::{Page, page};

type ApiResult<T> = Result<T, StatusCode>;
type PageJson = axum::Json<Page>;

#[cache("page:{page.number}:{page.type}", cache = cache)]
async fn fields(State(cache): State<Cache>, Query(page): Query<Page>) -> ApiResult<PageJson> {
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
) -> Result<PageJson, Box<dyn std::error::Error>> {
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
