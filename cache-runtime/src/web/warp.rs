//! warp. A filter can't be wrapped from outside of warp: `cache.layer()` goes around the tower service that
//! `warp::service` makes of all filters, and a server for those serves it. `warp::method()` gives a filter's
//! function its method as a parameter, with or without the layer. warp's own `Json` has been encoded already
//! when a function returns it, so there is nothing in it that could be cached: return a `Cached`.

use serde::Serialize;
use warp::http::StatusCode;
use warp::http::header::{CONTENT_TYPE, HeaderValue};
use warp::reply::{Reply, Response};

use crate::codec::Cached;

/// As warp's own `Json`, also where there is no JSON.
impl<T: Serialize + Send> Reply for Cached<T> {
    fn into_response(self) -> Response {
        let Ok((json, cached)) = self.into_body() else {
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        };
        let mut response = Response::new(json.into());
        let content_type = const { HeaderValue::from_static("application/json") };
        response.headers_mut().insert(CONTENT_TYPE, content_type);
        if let Some(cached) = cached {
            response.extensions_mut().insert(cached);
        }
        response
    }
}
