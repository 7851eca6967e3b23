//! Errors as answers: every one is JSON, also where actix-web would answer with plain text.

use std::fmt;

use actix_web::error::{JsonPayloadError, PathError, QueryPayloadError};
use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError};
use posts_core::Error;

/// What a handler returns.
pub(crate) type ApiResult<T> = Result<T, ApiError>;

/// The blog's error, as an answer of actix-web's.
#[derive(Debug)]
pub(crate) struct ApiError(Error);

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.0.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        HttpResponse::build(self.status_code()).json(self.0.body())
    }
}

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

impl From<PathError> for ApiError {
    fn from(_: PathError) -> Self {
        Self(Error::BadPath)
    }
}

impl From<QueryPayloadError> for ApiError {
    fn from(error: QueryPayloadError) -> Self {
        Self(Error::BadQuery(match error {
            QueryPayloadError::Deserialize(error) => error.to_string(),
            error => error.to_string(),
        }))
    }
}

impl From<JsonPayloadError> for ApiError {
    fn from(error: JsonPayloadError) -> Self {
        Self(match error {
            JsonPayloadError::Overflow { .. } | JsonPayloadError::OverflowKnownLength { .. } => {
                Error::BodyTooLarge
            }
            JsonPayloadError::ContentType => Error::NotJson,
            JsonPayloadError::Deserialize(error) if error.is_data() => {
                Error::Unprocessable(error.to_string())
            }
            JsonPayloadError::Deserialize(error) => Error::BadBody(error.to_string()),
            error => Error::BadBody(error.to_string()),
        })
    }
}
