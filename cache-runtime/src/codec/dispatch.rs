//! Choosing a codec or an outcome by the type of the return value, through method resolution.
//!
//! A macro sees only how a type is spelt, and an alias hides that. So the generated code calls a method on an
//! empty value that has the type as its parameter, and the compiler picks what it finds first:
//!
//! 1. an inherent method, which exists for the types known here (`Result`, a framework's `Json`, [`Cached`]);
//! 2. a trait's method on the value, for everything that meets a bound (`Serialize + DeserializeOwned`);
//! 3. a trait's method on a reference to it, for all that is left, whose bound no type meets: its
//!    `#[diagnostic::on_unimplemented]` explains what is wrong.
//!
//! [`crate::key::Value`] does the same with the parameters.
//!
//! [`Cached`]: super::Cached

#![expect(
    clippy::unused_self,
    clippy::unnecessary_wraps,
    reason = "the values are empty: their types are what matters"
)]

use std::convert;
use std::future::Future;
use std::marker::PhantomData;

use serde::Serialize;
use serde::de::{DeserializeOwned, Error as _};

use super::hold::HoldAll;
use super::outcome::{HttpStatus, Silent, Telling, WriteOutcome};
use super::{Body, Codec, LoadResult, OkOf, Plain, Success};

/// The type of a return value. Its caller holds it while the function runs, so it is `Send` whatever that is.
#[derive(Debug)]
pub struct OutputOf<T>(PhantomData<fn() -> T>);

/// The type of a return value inside its `Result`, if it has one.
#[derive(Debug)]
pub struct Inner<T>(PhantomData<T>);

/// A return value of type `Result<T, E>`.
#[derive(Debug)]
pub struct Fallible<T, E>(PhantomData<(T, E)>);

/// A return value that is no `Result`.
#[derive(Debug)]
pub struct Infallible<T>(PhantomData<T>);

/// The future, and the type of what it returns. Were it only borrowed, a caller would hold it twice.
pub fn output_of<F: Future>(future: F) -> (F, OutputOf<F::Output>) {
    (future, OutputOf(PhantomData))
}

impl<T, E> OutputOf<Result<T, E>> {
    /// There is a `Result` around the value.
    pub fn layer(self) -> Fallible<T, E> {
        Fallible(PhantomData)
    }
}

/// The fallback of `OutputOf::layer`.
pub trait AnyLayer<T> {
    /// There is no `Result` around the value.
    fn layer(self) -> Infallible<T>;
}

impl<T> AnyLayer<T> for OutputOf<T> {
    fn layer(self) -> Infallible<T> {
        Infallible(PhantomData)
    }
}

impl<T, E> Fallible<T, E> {
    /// The type of what is in the `Ok`.
    pub fn inner(&self) -> Inner<T> {
        Inner(PhantomData)
    }

    /// The type of what is in the `Err`.
    pub fn error(&self) -> ErrorOf<E> {
        ErrorOf(PhantomData)
    }

    /// The inner codec or outcome for the whole return value, with what knows the status of the `Err`, and whether
    /// that is `Send`.
    pub fn wrap<C, S, H>(&self, inner: C, status: S, sendable: H) -> OkOf<C, E, S, H> {
        let _ = (inner, status, sendable);
        OkOf::new()
    }

    /// The error's status says whether it is a failure.
    pub fn by_status(&self) -> Option<fn(&E) -> bool> {
        None
    }

    /// This predicate says whether an error is a failure.
    pub fn errors<X: FnOnce(&E) -> bool>(&self, errors: X) -> Option<X> {
        Some(errors)
    }

    /// The return values with an error for which this predicate holds.
    pub fn failures<X: FnOnce(&E) -> bool>(
        &self,
        errors: X,
    ) -> impl FnOnce(&Result<T, E>) -> bool + use<T, E, X> {
        |output| output.as_ref().is_err_and(errors)
    }
}

impl<T> Infallible<T> {
    /// The type of the return value.
    pub fn inner(&self) -> Inner<T> {
        Inner(PhantomData)
    }

    /// There is no `Err`.
    pub fn error(&self) -> ErrorOf<Infallible<T>> {
        ErrorOf(PhantomData)
    }

    /// The inner codec or outcome is that of the whole return value.
    pub fn wrap<C, S, H>(&self, inner: C, status: S, sendable: H) -> C {
        let _ = (status, sendable);
        inner
    }

    /// There is no error.
    pub fn by_status(&self) -> Option<fn(&convert::Infallible) -> bool> {
        None
    }

    /// Not to be had.
    pub fn errors<X>(&self, _: X) -> Option<fn(&convert::Infallible) -> bool>
    where
        T: HasError,
    {
        None
    }

    /// Not to be had.
    pub fn failures<X>(&self, _: X) -> fn(&T) -> bool
    where
        T: HasError,
    {
        |_| false
    }
}

/// Never implemented: its message is the one that a predicate of errors gets where there is no `Result`.
#[diagnostic::on_unimplemented(
    message = "there is no error to ask about: this function returns `{Self}`, which is no `Result`",
    label = "is asked about the `Err` of a `Result`",
    note = "without a predicate the status counts: `stale_if_error = 60`, `invalidate_on_error = true`"
)]
pub trait HasError {}

/// The type of an error.
#[derive(Debug)]
pub struct ErrorOf<E>(pub(crate) PhantomData<E>);

impl<E: HttpStatus> ErrorOf<E> {
    /// The error tells its status.
    pub fn status(self) -> Telling<E> {
        Telling::new()
    }
}

/// The fallback of `ErrorOf::status`, behind what a framework knows of errors.
pub trait SilentError {
    /// The error does not tell its status.
    fn status(self) -> Silent;
}

impl<E> SilentError for &ErrorOf<E> {
    fn status(self) -> Silent {
        Silent
    }
}

/// Plain data is its own JSON.
pub trait PlainCodec<T> {
    /// The codec of this type.
    fn codec(self) -> Plain<T>;
}

impl<T: Serialize + DeserializeOwned> PlainCodec<T> for Inner<T> {
    fn codec(self) -> Plain<T> {
        Plain::new()
    }
}

/// Never implemented: its message is the one that a read without a value gets.
#[diagnostic::on_unimplemented(
    message = "a function that returns `()` can't be read from a cache: its second call would do nothing",
    label = "there is no value to keep",
    note = "if the function writes, say so: `method = \"PUT\"`; if it reads, return what it has read"
)]
pub trait HasValue<'v> {}

impl Inner<()> {
    /// Not to be had. The lifetime keeps rustc from looking at the bound before there is a call.
    pub fn codec(self) -> Uncacheable<()>
    where
        for<'v> (): HasValue<'v>,
    {
        Uncacheable(PhantomData)
    }
}

/// Never implemented: its message is the one that a return value without a codec gets.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be cached: it is not read from JSON and written as JSON",
    label = "this return value can't be cached",
    note = "if the function writes, say so: `method = \"PUT\"`; a write may return anything",
    note = "return a type that derives `serde::Serialize` and `serde::Deserialize`, or a `Cached` or `Json` of one; a status beside it and a `Result` around it are fine",
    note = "a type of another crate may need that crate's feature `serde`: `chrono`, `time`, `rust_decimal` and `uuid` have one",
    note = "headers, cookies and streams can't be replayed from a cache: let a function of its own make the data, and cache that",
    note = "a framework's `Json` needs its feature of `cache-runtime`, such as `axum` or `actix`"
)]
pub trait Cacheable {}

/// The fallback, which explains what is wrong.
pub trait NoCodec<T> {
    /// Not to be had.
    fn codec(self) -> Uncacheable<T>
    where
        T: Cacheable;
}

impl<T> NoCodec<T> for &Inner<T> {
    fn codec(self) -> Uncacheable<T>
    where
        T: Cacheable,
    {
        Uncacheable(PhantomData)
    }
}

/// A codec that asks nothing of the type, so that the one message stays the only one.
#[derive(Debug)]
pub struct Uncacheable<T>(PhantomData<T>);

impl<T> Codec for Uncacheable<T> {
    type Output = T;
    type Value = ();
    type Error = convert::Infallible;
    type Hold = HoldAll<T>;

    fn outcome(_: &T) -> WriteOutcome<()> {
        WriteOutcome::Succeeded(())
    }

    fn encode(_: &mut T, _: impl FnOnce(&()) -> bool) -> LoadResult {
        LoadResult::Skip
    }

    fn decode(_: &mut Body) -> serde_json::Result<T> {
        Err(serde_json::Error::custom("there is no such value"))
    }
}

/// The outcome of a type that is none of the frameworks' responses.
pub trait AnyOutcome<T> {
    /// Success.
    fn outcome(self) -> Success<T>;
}

impl<T> AnyOutcome<T> for Inner<T> {
    fn outcome(self) -> Success<T> {
        Success::new()
    }
}
