//! Handlers of web frameworks.

use core::future::ready;

use actix_web::{HttpRequest, web};
use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::{Method, StatusCode};
use axum::response::IntoResponse;
use cache_runtime::{Cache, Cached, cache};

use crate::reads::Page;

/// Extractors, and JSON.
#[cache("{owner}_page:{filter.number}", cache = cache)]
pub async fn read(
    State(cache): State<Cache>,
    Path((owner, page_id)): Path<(String, u32)>,
    Query(filter): Query<Page>,
) -> Result<Json<Page>, StatusCode> {
    ready(()).await;
    if page_id == 0 {
        return Err(StatusCode::NOT_FOUND);
    }
    Ok(Json(Page { owner, ..filter }))
}

/// A status beside a value that goes out as it was stored.
#[cache("status_of_page", cache = cache)]
pub async fn with_status(
    State(cache): State<Cache>,
    Path(page_id): Path<u32>,
) -> (StatusCode, Cached<u32>) {
    ready(()).await;
    (StatusCode::OK, Cached::new(page_id))
}

/// The request's method tells a read from a write.
#[cache("page", cache = cache)]
pub async fn by_method(
    method: Method,
    State(cache): State<Cache>,
    Path(page_id): Path<u32>,
) -> Json<u32> {
    ready(()).await;
    Json(page_id)
}

/// A write may return anything.
#[cache("page", method = "PUT", cache = cache)]
pub async fn update(
    State(cache): State<Cache>,
    Path(page_id): Path<u32>,
    Json(page): Json<Page>,
) -> impl IntoResponse {
    ready(()).await;
    if page.number == page_id {
        StatusCode::NO_CONTENT
    } else {
        StatusCode::NOT_FOUND
    }
}

/// A future that stays on its thread, refreshed there.
#[expect(clippy::future_not_send, reason = "actix's requests are not `Send`")]
#[cache("actix_page", cache = cache, stale_while_revalidate = "1m", skip(request))]
pub async fn on_one_thread(
    request: HttpRequest,
    cache: web::Data<Cache>,
    page_id: web::Path<u32>,
) -> actix_web::Result<web::Json<u32>> {
    ready(()).await;
    Ok(web::Json(*page_id))
}
