//! How a write ended, as its return value tells.

use std::marker::PhantomData;

/// A return value or an error that has an HTTP status.
///
/// A write that returns a status of 400 to 499 was *refused*: nothing happened, and what is cached stays as it is. With
/// 500 or more, and with an `Err` that tells no status, the write is *in doubt*: it may have committed, or may still
/// commit. Nothing is removed then, but what it names is cached for no longer than half a minute.
///
/// A read with `stale_if_error` has *failed* with 500 or more, and with an `Err` that tells no status; any other status
/// is an answer, and is returned as it is.
///
/// The frameworks' statuses, responses and errors implement it. Implement it for an error type of your own, on axum beside
/// its `IntoResponse`, so that a refusal changes nothing, and nobody gets an old value for a 404:
///
/// ```
/// use cache_runtime::HttpStatus;
///
/// enum ApiError {
///     NotFound,
///     Database(std::io::Error),
/// }
///
/// impl HttpStatus for ApiError {
///     fn http_status(&self) -> u16 {
///         match self {
///             Self::NotFound => 404,
///             Self::Database(_) => 500,
///         }
///     }
/// }
/// ```
pub trait HttpStatus {
    /// The status, such as 404.
    fn http_status(&self) -> u16;
}

/// A read that failed, as far as the log may tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The type of the error, if there is one.
    pub(crate) error: Option<&'static str>,
    /// Its status, or that beside the body.
    pub(crate) status: Option<u16>,
}

/// Whether a return value or an `Err` with this status is a failure. With any other it is an answer: that there is no
/// such thing, or that this one may not see it.
pub(crate) fn is_failure(status: Option<u16>) -> bool {
    status.is_none_or(|status| status >= 500)
}

/// How a write ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteOutcome<S> {
    /// It did what it was asked.
    Succeeded(S),
    /// It did nothing.
    Refused,
    /// Nobody knows: it may have committed, or may still commit.
    InDoubt,
}

impl<S> WriteOutcome<S> {
    /// What this status says of a write with this value.
    pub(crate) fn of_status(status: u16, value: S) -> Self {
        match status {
            ..400 => Self::Succeeded(value),
            400..500 => Self::Refused,
            500.. => Self::InDoubt,
        }
    }

    /// The same, with another value.
    pub(crate) fn map<T>(self, map: impl FnOnce(S) -> T) -> WriteOutcome<T> {
        match self {
            Self::Succeeded(value) => WriteOutcome::Succeeded(map(value)),
            Self::Refused => WriteOutcome::Refused,
            Self::InDoubt => WriteOutcome::InDoubt,
        }
    }
}

/// No write that failed makes stale what it names.
pub fn no_failure<T>(_: &T) -> bool {
    false
}

/// Each does.
pub fn any_failure<T>(_: &T) -> bool {
    true
}

/// The status of an error, if it has one.
pub trait StatusOf<E> {
    /// Nothing where the error does not tell.
    fn status(error: &E) -> Option<u16>;
}

/// An error that tells its status.
#[derive(Debug)]
pub struct Telling<E>(PhantomData<E>);

impl<E> Telling<E> {
    pub(super) fn new() -> Self {
        Self(PhantomData)
    }
}

impl<E: HttpStatus> StatusOf<E> for Telling<E> {
    fn status(error: &E) -> Option<u16> {
        Some(error.http_status())
    }
}

/// An error that does not tell its status, or no error at all.
#[derive(Debug)]
pub struct Silent;

impl<E> StatusOf<E> for Silent {
    fn status(_: &E) -> Option<u16> {
        None
    }
}
