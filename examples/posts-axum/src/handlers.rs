//! One function for each route, cached as its attribute says.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use cache_runtime::{Cache, Cached, cache};
use posts_core::{
    Country, Db, Employee, Error, Health, Message, NewPost, PageQuery, Post, PostPage, PostUpdate,
    SearchQuery, Stats,
};

use crate::error::{ApiError, ApiResult};
use crate::extract::{Body, Path, Query};

#[cache(
    key_prefix = "{username}_posts:page_{page}:items_per_page_{items_per_page}",
    resource_id_name = "username",
    expiration = 60
)]
pub(crate) async fn list_posts(
    State(db): State<Db>,
    Path(username): Path<String>,
    Query(PageQuery {
        page,
        items_per_page,
    }): Query<PageQuery>,
) -> ApiResult<Cached<PostPage>> {
    Ok(Cached::new(
        db.list_posts(
            &username,
            PageQuery {
                page,
                items_per_page,
            },
        )
        .await?,
    ))
}

#[cache(
    key_prefix = "{username}_post_cache",
    resource_id_name = "id",
    expiration = 3600
)]
pub(crate) async fn read_post(
    State(db): State<Db>,
    Path((username, id)): Path<(String, i64)>,
) -> ApiResult<Cached<Post>> {
    Ok(Cached::new(db.read_post(&username, id).await?))
}

#[cache(
    method = "POST",
    to_invalidate_extra = {"latest_posts": "global"},
    pattern_to_invalidate_extra = ["{username}_posts:*"]
)]
pub(crate) async fn create_post(
    State(db): State<Db>,
    Path(username): Path<String>,
    Body(post): Body<NewPost>,
) -> ApiResult<(StatusCode, Json<Post>)> {
    Ok((
        StatusCode::CREATED,
        Json(db.create_post(&username, &post).await?),
    ))
}

#[cache(
    key_prefix = "{username}_post_cache",
    resource_id_name = "id",
    method = "PATCH",
    to_invalidate_extra = {"latest_posts": "global"},
    pattern_to_invalidate_extra = ["{username}_posts:*"]
)]
pub(crate) async fn update_post(
    State(db): State<Db>,
    Path((username, id)): Path<(String, i64)>,
    Body(update): Body<PostUpdate>,
) -> ApiResult<Json<Message>> {
    Ok(Json(db.update_post(&username, id, &update).await?))
}

#[cache(
    key_prefix = "{username}_post_cache",
    resource_id_name = "id",
    method = "DELETE",
    to_invalidate_extra = {"latest_posts": "global"},
    pattern_to_invalidate_extra = ["{username}_posts:*"]
)]
pub(crate) async fn delete_post(
    State(db): State<Db>,
    Path((username, id)): Path<(String, i64)>,
) -> ApiResult<Json<Message>> {
    Ok(Json(db.delete_post(&username, id).await?))
}

#[cache(key_prefix = "latest_posts:global", expiration = 60)]
pub(crate) async fn latest_posts(State(db): State<Db>) -> ApiResult<Cached<Vec<Post>>> {
    Ok(Cached::new(db.latest_posts().await?))
}

#[cache(key_prefix = "countries", expiration = 86400)]
pub(crate) async fn countries(State(db): State<Db>) -> ApiResult<Cached<Vec<Country>>> {
    Ok(Cached::new(db.countries().await?))
}

#[cache(
    key_prefix = "org_{org_id}_dept_{dept_id}_employees",
    resource_id_name = "dept_id",
    expiration = 1800
)]
pub(crate) async fn employees(
    State(db): State<Db>,
    Path((org_id, dept_id)): Path<(i64, i64)>,
) -> ApiResult<Cached<Vec<Employee>>> {
    Ok(Cached::new(db.employees(org_id, dept_id).await?))
}

#[cache(
    key_prefix = "search:page_{page}",
    resource_id_name = "query",
    expiration = 3600
)]
pub(crate) async fn search(
    State(db): State<Db>,
    Query(SearchQuery { query, page }): Query<SearchQuery>,
) -> ApiResult<Cached<PostPage>> {
    Ok(Cached::new(
        db.search_posts(&SearchQuery { query, page }).await?,
    ))
}

/// Never cached: it tells what the cache has done.
pub(crate) async fn stats(
    State(db): State<Db>,
    State(cache): State<Cache>,
) -> Json<Stats<cache_runtime::Stats>> {
    Json(db.stats(cache.stats()))
}

/// With status 200 as long as the application works, which it does without its cache.
pub(crate) async fn health(State(cache): State<Cache>) -> Json<Health> {
    Json(Health::new(cache.ping().await.is_ok()))
}

pub(crate) async fn no_route() -> ApiError {
    Error::NoRoute.into()
}

pub(crate) async fn method_not_allowed() -> ApiError {
    Error::MethodNotAllowed.into()
}
