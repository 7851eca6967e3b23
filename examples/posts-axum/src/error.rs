//! Errors as answers: every one is JSON, also where axum would answer with plain text.

use std::error::Error as StdError;
use std::iter::successors;

use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use cache_runtime::HttpStatus;
use posts_core::Error;

/// What a handler returns.
pub(crate) type ApiResult<T> = Result<T, ApiError>;

/// The blog's error, as an answer of axum's.
#[derive(Debug)]
pub(crate) struct ApiError(Error);

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status =
            StatusCode::from_u16(self.0.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        (status, Json(self.0.body())).into_response()
    }
}

/// A write that was refused has changed nothing: so what is cached stays as it is.
impl HttpStatus for ApiError {
    fn http_status(&self) -> u16 {
        self.0.status()
    }
}

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

impl From<PathRejection> for ApiError {
    fn from(_: PathRejection) -> Self {
        Self(Error::BadPath)
    }
}

impl From<QueryRejection> for ApiError {
    fn from(rejection: QueryRejection) -> Self {
        Self(Error::BadQuery(reason::<serde::de::value::Error>(
            &rejection,
        )))
    }
}

impl From<JsonRejection> for ApiError {
    fn from(rejection: JsonRejection) -> Self {
        let reason = reason::<serde_json::Error>(&rejection);
        Self(match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => Error::BodyTooLarge,
            StatusCode::UNSUPPORTED_MEDIA_TYPE => Error::NotJson,
            StatusCode::UNPROCESSABLE_ENTITY => Error::Unprocessable(reason),
            _ => Error::BadBody(reason),
        })
    }
}

/// What the deserializer said, whose error is an `E`: axum's own text repeats what the status says already.
fn reason<E: StdError + 'static>(rejection: &(dyn StdError + 'static)) -> String {
    let said = |error: &(dyn StdError + 'static)| {
        let traced = error.downcast_ref::<serde_path_to_error::Error<E>>();
        traced
            .map(serde_path_to_error::Error::inner)
            .or(error.downcast_ref::<E>())
            .map(E::to_string)
    };
    successors(Some(rejection), |&error| error.source())
        .find_map(said)
        .unwrap_or_else(|| rejection.to_string())
}
