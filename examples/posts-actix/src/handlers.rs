//! One function for each route, cached as its attribute says.

use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, HeaderValue};
use actix_web::web::{Data, Json, Path, Query};
use actix_web::{CustomizeResponder, HttpResponse, Responder, ResponseError};
use cache_runtime::{Cache, Cached, cache};
use posts_core::{
    Country, Db, Employee, Error, Health, Message, NewPost, PageQuery, Post, PostPage, PostUpdate,
    SearchQuery, Stats,
};
use serde::Deserialize;

use crate::error::{ApiError, ApiResult};

/// `/{username}/post/{id}`
#[derive(Deserialize)]
pub(crate) struct PostPath {
    username: String,
    id: i64,
}

/// `/organizations/{org_id}/departments/{dept_id}/…`
#[derive(Deserialize)]
pub(crate) struct DepartmentPath {
    org_id: i64,
    dept_id: i64,
}

#[cache(
    key_prefix = "{username}_posts:page_{query.page}:items_per_page_{query.items_per_page}",
    resource_id_name = "username",
    expiration = 60
)]
pub(crate) async fn list_posts(
    db: Data<Db>,
    username: Path<String>,
    query: Query<PageQuery>,
) -> ApiResult<Cached<PostPage>> {
    Ok(Cached::new(
        db.list_posts(&username, query.into_inner()).await?,
    ))
}

#[cache(
    key_prefix = "{path.username}_post_cache",
    resource_id_name = "path.id",
    expiration = 3600
)]
pub(crate) async fn read_post(db: Data<Db>, path: Path<PostPath>) -> ApiResult<Cached<Post>> {
    Ok(Cached::new(db.read_post(&path.username, path.id).await?))
}

#[cache(
    method = "POST",
    to_invalidate_extra = {"latest_posts": "global"},
    pattern_to_invalidate_extra = ["{username}_posts:*"]
)]
pub(crate) async fn create_post(
    db: Data<Db>,
    username: Path<String>,
    post: Json<NewPost>,
) -> ApiResult<CustomizeResponder<Json<Post>>> {
    let post = db.create_post(&username, &post).await?;
    Ok(Json(post).customize().with_status(StatusCode::CREATED))
}

#[cache(
    key_prefix = "{path.username}_post_cache",
    resource_id_name = "path.id",
    method = "PATCH",
    to_invalidate_extra = {"latest_posts": "global"},
    pattern_to_invalidate_extra = ["{path.username}_posts:*"]
)]
pub(crate) async fn update_post(
    db: Data<Db>,
    path: Path<PostPath>,
    update: Json<PostUpdate>,
) -> ApiResult<Json<Message>> {
    Ok(Json(
        db.update_post(&path.username, path.id, &update).await?,
    ))
}

#[cache(
    key_prefix = "{path.username}_post_cache",
    resource_id_name = "path.id",
    method = "DELETE",
    to_invalidate_extra = {"latest_posts": "global"},
    pattern_to_invalidate_extra = ["{path.username}_posts:*"]
)]
pub(crate) async fn delete_post(db: Data<Db>, path: Path<PostPath>) -> ApiResult<Json<Message>> {
    Ok(Json(db.delete_post(&path.username, path.id).await?))
}

#[cache(key_prefix = "latest_posts:global", expiration = 60)]
pub(crate) async fn latest_posts(db: Data<Db>) -> ApiResult<Cached<Vec<Post>>> {
    Ok(Cached::new(db.latest_posts().await?))
}

#[cache(key_prefix = "countries", expiration = 86400)]
pub(crate) async fn countries(db: Data<Db>) -> ApiResult<Cached<Vec<Country>>> {
    Ok(Cached::new(db.countries().await?))
}

#[cache(
    key_prefix = "org_{path.org_id}_dept_{path.dept_id}_employees",
    resource_id_name = "path.dept_id",
    expiration = 1800
)]
pub(crate) async fn employees(
    db: Data<Db>,
    path: Path<DepartmentPath>,
) -> ApiResult<Cached<Vec<Employee>>> {
    Ok(Cached::new(db.employees(path.org_id, path.dept_id).await?))
}

#[cache(
    key_prefix = "search:page_{search.page}",
    resource_id_name = "search.query",
    expiration = 3600
)]
pub(crate) async fn search(
    db: Data<Db>,
    search: Query<SearchQuery>,
) -> ApiResult<Cached<PostPage>> {
    Ok(Cached::new(db.search_posts(&search).await?))
}

/// Never cached: it tells what the cache has done.
pub(crate) async fn stats(db: Data<Db>, cache: Data<Cache>) -> Json<Stats<cache_runtime::Stats>> {
    Json(db.stats(cache.stats()))
}

/// With status 200 as long as the application works, which it does without its cache.
pub(crate) async fn health(cache: Data<Cache>) -> Json<Health> {
    Json(Health::new(cache.ping().await.is_ok()))
}

pub(crate) async fn no_route() -> ApiResult<HttpResponse> {
    Err(Error::NoRoute.into())
}

/// The only error with a header: RFC 9110, section 15.5.6, asks for the methods that are allowed.
pub(crate) fn method_not_allowed(allowed: &'static str) -> HttpResponse {
    let mut answer = ApiError::from(Error::MethodNotAllowed).error_response();
    answer
        .headers_mut()
        .insert(ALLOW, HeaderValue::from_static(allowed));
    answer
}
