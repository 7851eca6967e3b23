//! Functions that invalidate: by what they return, and by its fields.

#![allow(
    clippy::unused_async,
    reason = "the attribute wants async functions, whatever they do"
)]

use actix_web::web;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use cache_runtime::{Cache, cache};
use cache_testkit::MINUTE;
use serde::{Deserialize, Serialize};

use crate::page::{Page, page};

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
struct Post {
    id: i64,
}

#[cache("write", cache = cache, method = "POST", to_invalidate_extra = {"made": "{result.1.number}"})]
async fn any_answer(cache: &Cache, id: u64) -> (StatusCode, axum::Json<Page>) {
    (StatusCode::CREATED, axum::Json(page()))
}

#[cache("write", cache = cache, method = "POST")]
async fn opaque(cache: &Cache, id: u64, status: StatusCode) -> impl IntoResponse + use<> {
    status
}

#[cache("made", method = "POST", resource_id_name = "result.id", cache = cache)]
async fn key_from_the_answer(cache: &Cache) -> Result<Post, String> {
    Ok(Post { id: 4 })
}

#[cache(pattern_to_invalidate_extra = ["{result.0.id}_*", "static_"], cache = cache)]
async fn pattern_from_the_answer(cache: &Cache) -> web::Json<Post> {
    web::Json(Post { id: 4 })
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

#[tokio::test]
async fn what_the_answer_says_is_removed() {
    let cache = Cache::in_memory();
    for key in ["made:4", "4_posts", "static_page", "5_posts"] {
        cache.set(key, &0, MINUTE).await.expect("set");
    }
    key_from_the_answer(&cache).await.expect("made");
    let _ = pattern_from_the_answer(&cache).await;
    assert_eq!(
        cache.delete_pattern("*").await.expect("deleted"),
        1,
        "5_posts is left"
    );
}
