use std::convert::Infallible;

use axum::Json;
use axum::http::HeaderMap;
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use cache_runtime::cache;

#[cache("response")]
async fn response() -> Response {
    Json(1).into_response()
}

#[cache("opaque")]
async fn opaque() -> Result<impl IntoResponse, Infallible> {
    Ok(Json(1).into_response())
}

#[cache("cookies")]
async fn cookies() -> (HeaderMap, Json<u32>) {
    (HeaderMap::new(), Json(1))
}

#[cache("stream")]
async fn stream() -> Sse<axum::body::BodyDataStream> {
    unimplemented!("{:?}", Event::default())
}

fn main() {
    drop((response(), opaque(), cookies(), stream()));
}
