//! What of an answer is stored, decided by its type: the value inside `Result` and `Json`, as JSON.

#![expect(
    clippy::unused_self,
    clippy::needless_pass_by_value,
    reason = "the values are empty: their types are what matters"
)]

use std::future::Future;
use std::marker::PhantomData;

use bytes::Bytes;
use serde::Serialize;
use serde::de::{DeserializeOwned, Error as _};
use serde_json::Error;

use crate::label::Label;
use crate::lease::Made;

/// How an answer becomes JSON that is stored, and back.
pub trait Codec {
    /// What the function returns.
    type Answer;
    /// What of it is stored, as `unless` sees it.
    type Value;

    /// Whether the function did what it was asked.
    fn succeeded(answer: &Self::Answer) -> bool;

    /// Whether an older value is a better answer (RFC 5861, section 4).
    fn failed(answer: &Self::Answer) -> bool {
        !Self::succeeded(answer)
    }

    /// What of the answer is to be stored.
    fn made(answer: &mut Self::Answer, unless: impl FnOnce(&Self::Value) -> bool) -> Made;

    /// The answer that stored JSON stands for.
    ///
    /// # Errors
    ///
    /// If it stands for none.
    fn answer(json: &Bytes) -> serde_json::Result<Self::Answer>;

    /// Tells an answer how it came about, if it has a place for that.
    fn label(_: &mut Self::Answer, _: Label) {}
}

/// Whether a write succeeded, and with what.
pub trait Outcome {
    /// What the function returns.
    type Answer;
    /// What `{result…}` means in a template.
    type Success;

    /// The successful answer; nothing for an `Err` or a status of 400 or more.
    fn success(answer: &Self::Answer) -> Option<&Self::Success>;
}

/// The type of an answer.
#[derive(Debug)]
pub struct AnswerOf<T>(PhantomData<T>);

/// The type of an answer inside its `Result`, if it has one.
#[derive(Debug)]
pub struct Inner<T>(PhantomData<T>);

/// An answer of type `Result<T, E>`.
#[derive(Debug)]
pub struct Fallible<T, E>(PhantomData<(T, E)>);

/// An answer that is no `Result`.
#[derive(Debug)]
pub struct Infallible<T>(PhantomData<T>);

/// What this future will answer.
pub fn answer_of<F: Future>(_: &F) -> AnswerOf<F::Output> {
    AnswerOf(PhantomData)
}

// The type decides by what method resolution finds first: an inherent method, a trait's method on the
// value, a trait's method on the reference.

impl<T, E> AnswerOf<Result<T, E>> {
    /// The `Result` around the answer.
    pub fn layer(self) -> Fallible<T, E> {
        Fallible(PhantomData)
    }
}

/// The fallback of `AnswerOf::layer`.
pub trait AnyLayer<T> {
    /// No `Result` around the answer.
    fn layer(self) -> Infallible<T>;
}

impl<T> AnyLayer<T> for AnswerOf<T> {
    fn layer(self) -> Infallible<T> {
        Infallible(PhantomData)
    }
}

impl<T, E> Fallible<T, E> {
    /// The type of what is in the `Ok`.
    pub fn inner(&self) -> Inner<T> {
        Inner(PhantomData)
    }

    /// The inner codec or outcome for the whole answer.
    pub fn wrap<C>(&self, inner: C) -> OkOf<C, E> {
        let _ = inner;
        OkOf(PhantomData)
    }
}

impl<T> Infallible<T> {
    /// The type of the answer.
    pub fn inner(&self) -> Inner<T> {
        Inner(PhantomData)
    }

    /// The inner codec or outcome is that of the whole answer.
    pub fn wrap<C>(&self, inner: C) -> C {
        inner
    }
}

/// The answer is `Ok` of what `C` knows.
#[derive(Debug)]
pub struct OkOf<C, E>(PhantomData<(C, E)>);

impl<C: Codec, E> Codec for OkOf<C, E> {
    type Answer = Result<C::Answer, E>;
    type Value = C::Value;

    fn succeeded(answer: &Self::Answer) -> bool {
        answer.as_ref().is_ok_and(C::succeeded)
    }

    fn failed(answer: &Self::Answer) -> bool {
        answer.as_ref().map_or(true, C::failed)
    }

    fn made(answer: &mut Self::Answer, unless: impl FnOnce(&C::Value) -> bool) -> Made {
        match answer {
            Ok(answer) => C::made(answer, unless),
            Err(_) => Made::Failure,
        }
    }

    fn answer(json: &Bytes) -> serde_json::Result<Self::Answer> {
        C::answer(json).map(Ok)
    }

    fn label(answer: &mut Self::Answer, label: Label) {
        if let Ok(answer) = answer {
            C::label(answer, label);
        }
    }
}

impl<C: Outcome, E> Outcome for OkOf<C, E> {
    type Answer = Result<C::Answer, E>;
    type Success = C::Success;

    fn success(answer: &Self::Answer) -> Option<&C::Success> {
        answer.as_ref().ok().and_then(C::success)
    }
}

/// The answer is the value.
#[derive(Debug)]
pub struct Plain<T>(PhantomData<T>);

impl<T: Serialize + DeserializeOwned> Codec for Plain<T> {
    type Answer = T;
    type Value = T;

    fn succeeded(_: &T) -> bool {
        true
    }

    fn made(answer: &mut T, unless: impl FnOnce(&T) -> bool) -> Made {
        made(answer, unless)
    }

    fn answer(json: &Bytes) -> serde_json::Result<T> {
        serde_json::from_slice(json)
    }
}

/// A value as its JSON, if it is to be stored.
pub(crate) fn made<T: Serialize>(value: &T, unless: impl FnOnce(&T) -> bool) -> Made {
    if unless(value) {
        return Made::Nothing;
    }
    match serde_json::to_vec(value) {
        Ok(json) => Made::Json(json.into()),
        Err(error) => Made::Unwritable(error),
    }
}

/// Plain data is its own JSON.
pub trait PlainCodec<T> {
    /// The codec of this type.
    fn codec(self) -> Plain<T>;
}

impl<T: Serialize + DeserializeOwned> PlainCodec<T> for Inner<T> {
    fn codec(self) -> Plain<T> {
        Plain(PhantomData)
    }
}

/// Never implemented: its message is the one that an answer without a codec gets.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be cached: it is not read from JSON and written as JSON",
    label = "this answer can't be cached",
    note = "return a type that derives `serde::Serialize` and `serde::Deserialize`, or a `Cached` or `Json` of one; a status beside it and a `Result` around it are fine",
    note = "headers, cookies and streams can't be replayed from a cache: let a function of its own make the data, and cache that",
    note = "a framework's `Json` needs its feature of `cache-runtime`, such as `axum` or `actix`",
    note = "if the function writes, say so: `method = \"PUT\"`; a write may return anything"
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
    type Answer = T;
    type Value = ();

    fn succeeded(_: &T) -> bool {
        true
    }

    fn made(_: &mut T, _: impl FnOnce(&()) -> bool) -> Made {
        Made::Nothing
    }

    fn answer(_: &Bytes) -> serde_json::Result<T> {
        Err(Error::custom("there is no such answer"))
    }
}

/// An answer that has no way to say that it failed.
#[derive(Debug)]
pub struct Success<T>(PhantomData<T>);

impl<T> Outcome for Success<T> {
    type Answer = T;
    type Success = T;

    fn success(answer: &T) -> Option<&T> {
        Some(answer)
    }
}

/// The outcome of a type that is none of the frameworks' responses.
pub trait AnyOutcome<T> {
    /// Success.
    fn outcome(self) -> Success<T>;
}

impl<T> AnyOutcome<T> for Inner<T> {
    fn outcome(self) -> Success<T> {
        Success(PhantomData)
    }
}
