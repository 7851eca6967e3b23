//! axum's own types.

use std::fmt::Display;

use axum::Json;
use axum::body::Body;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, HeaderValue};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::json::json_output;
use crate::codec::Cached;
use crate::key::AsPart;
use crate::key::KeyPart;

json_output!(AxumJson, Json);

/// `{id}` where the parameter is `id: Path<i64>`.
impl<T: Display> AsPart for Path<T> {
    fn as_part(&self) -> KeyPart {
        KeyPart::text(&self.0)
    }
}

/// As axum's own `Json`, also where there is no JSON.
impl<T: Serialize> IntoResponse for Cached<T> {
    fn into_response(self) -> Response {
        let (json, cached) = match self.into_body() {
            Ok(parts) => parts,
            Err(error) => {
                return (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response();
            }
        };
        let mut response = Response::new(Body::from(json));
        let content_type = const { HeaderValue::from_static("application/json") };
        response.headers_mut().insert(CONTENT_TYPE, content_type);
        if let Some(cached) = cached {
            response.extensions_mut().insert(cached);
        }
        response
    }
}
