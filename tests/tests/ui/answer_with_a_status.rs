use axum::{Json, http::StatusCode};
use cache_runtime::cache;

#[cache("post")]
async fn post(post_id: i64) -> Result<(StatusCode, Json<u32>), StatusCode> {
    Ok((StatusCode::OK, Json(1)))
}

fn main() {
    let _ = post(1);
}
