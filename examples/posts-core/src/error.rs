//! What can go wrong with a request, and the status that says so.

use serde::{Deserialize, Serialize};

/// Why a request was not answered as asked. Its text is what the client reads.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A path parameter that is not what the route needs.
    #[error("the path is not valid: an id must be a whole number, and all text UTF-8")]
    BadPath,
    /// A query string that is not what the route needs.
    #[error("the query string is not valid: {0}")]
    BadQuery(String),
    /// A body that is not JSON at all, or did not arrive.
    #[error("the body is not valid JSON: {0}")]
    BadBody(String),
    /// There is no such user, post or department.
    #[error("{0} not found")]
    NotFound(&'static str),
    /// There is no such route.
    #[error("there is nothing at this path")]
    NoRoute,
    /// The route exists, but not for this method.
    #[error("this method is not allowed here")]
    MethodNotAllowed,
    /// A body longer than [`BODY_LIMIT`](crate::BODY_LIMIT).
    #[error("the body is too large")]
    BodyTooLarge,
    /// A body that does not say that it is JSON.
    #[error("the body must be sent as `content-type: application/json`")]
    NotJson,
    /// Well-formed JSON of the wrong shape or content.
    #[error("the body is not acceptable: {0}")]
    Unprocessable(String),
    /// The database failed. What happened is for the log, not for the client.
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
}

/// The body of every answer that is an error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorBody {
    /// What was wrong, in plain English.
    pub error: String,
}

impl Error {
    /// The HTTP status of this error.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Self::BadPath | Self::BadQuery(_) | Self::BadBody(_) => 400,
            Self::NotFound(_) | Self::NoRoute => 404,
            Self::MethodNotAllowed => 405,
            Self::BodyTooLarge => 413,
            Self::NotJson => 415,
            Self::Unprocessable(_) => 422,
            Self::Database(_) => 500,
        }
    }

    /// The body that goes with the status. A failure of the database is logged on the way.
    #[must_use]
    pub fn body(&self) -> ErrorBody {
        if let Self::Database(cause) = self {
            tracing::error!(%cause, "the database failed");
        }
        ErrorBody {
            error: self.to_string(),
        }
    }
}
