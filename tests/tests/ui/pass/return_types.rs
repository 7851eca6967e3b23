//! What is kept is found by type: through aliases, associated types, statuses and `Cached`.

use std::borrow::Cow;
use std::collections::HashMap;

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use cache_runtime::{Cached, cache};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

#[derive(Clone, Deserialize, Serialize)]
struct Post<'a> {
    title: Cow<'a, str>,
}

type Owned = Post<'static>;
type Answer<T = Owned> = Json<T>;
type ApiResult<T, E = ApiError> = std::result::Result<T, E>;
type Found = ApiResult<Answer>;

struct ApiError;

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        StatusCode::NOT_FOUND.into_response()
    }
}

fn post() -> Owned {
    Post { title: "a".into() }
}

#[cache("alias")]
async fn alias(id: u64) -> Found {
    Ok(Json(post()))
}

#[cache("cached")]
async fn cached(id: u64) -> Cached<Owned> {
    post().into()
}

#[cache("cached_result")]
async fn cached_result(id: u64) -> ApiResult<Cached<Vec<Owned>>> {
    Ok(Cached::new(vec![post()]))
}

#[cache("status")]
async fn status(id: u64) -> (StatusCode, Json<Owned>) {
    (StatusCode::OK, Json(post()))
}

#[cache("status_result")]
async fn status_result(id: u64) -> Result<(StatusCode, Cached<Owned>), (StatusCode, &'static str)> {
    Ok((StatusCode::OK, Cached::new(post())))
}

#[cache("std")]
async fn collections(id: u64) -> Option<HashMap<String, (u8, [i32; 3], Option<()>)>> {
    None
}

trait Source {
    type Value: Serialize + DeserializeOwned;
    type Error;
}

#[cache("associated:{S}:{key}", skip(value))]
async fn associated<S: Source>(key: &str, value: S::Value) -> Result<S::Value, S::Error> {
    Ok(value)
}

#[cache("qualified:{key}", skip(S, value))]
async fn qualified<S>(key: &str, value: <S as Source>::Value) -> <S as Source>::Value
where
    S: Source,
{
    value
}

struct Numbers;

impl Source for Numbers {
    type Value = u64;
    type Error = std::convert::Infallible;
}

#[cache("response", method = "PUT")]
async fn any_response(id: u64) -> Response {
    StatusCode::NO_CONTENT.into_response()
}

#[cache("opaque", method = "PUT")]
async fn opaque(id: u64) -> Result<impl IntoResponse, impl IntoResponse + Send> {
    if id == 0 {
        return Err(ApiError);
    }
    Ok((StatusCode::CREATED, "made"))
}

#[cache("boxed", method = "PUT")]
async fn trait_object(id: u64) -> Box<dyn std::error::Error> {
    "no".into()
}

#[cache(to_invalidate_extra = {"made": "{result.0.title}"})]
async fn made() -> ApiResult<Json<Owned>> {
    Ok(Json(post()))
}

#[cache("none", method = "OPTIONS")]
async fn passes(id: u64) -> impl Fn() -> u64 {
    move || id
}

fn main() {
    let _ = (
        alias(1),
        cached(1),
        cached_result(1),
        status(1),
        status_result(1),
    );
    let _ = (
        collections(1),
        any_response(1),
        opaque(1),
        trait_object(1),
    );
    let _ = associated::<Numbers>("a", 1);
    let _ = qualified::<Numbers>("a", 1);
    let _ = (made(), passes(1));
}
