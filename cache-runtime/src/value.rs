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

/// A type with one codec of its own.
#[cfg(any(feature = "http", feature = "layer"))]
pub trait HasCodec {
    /// Its codec.
    type Codec: Codec<Answer = Self>;
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

/// An answer whose status tells.
#[cfg(any(feature = "http", feature = "layer"))]
#[derive(Debug)]
pub struct ByStatus<T>(PhantomData<T>);

/// An answer that has a status.
#[cfg(any(feature = "http", feature = "layer"))]
pub trait HasStatus {
    /// The status, such as 404.
    fn status(&self) -> u16;
}

#[cfg(any(feature = "http", feature = "layer"))]
impl<T: HasStatus> Outcome for ByStatus<T> {
    type Answer = T;
    type Success = T;

    fn success(answer: &T) -> Option<&T> {
        (answer.status() < 400).then_some(answer)
    }
}

/// An answer with a status beside it. Only a 200 is stored, so that a hit has the status that the answer had.
#[cfg(any(feature = "http", feature = "layer"))]
pub trait WithStatus: HasStatus {
    /// What the status stands beside.
    type Answer: HasCodec;

    /// It alone.
    fn answer(&mut self) -> &mut Self::Answer;

    /// It with status 200.
    fn ok(answer: Self::Answer) -> Self;
}

/// The codec of an answer with a status.
#[cfg(any(feature = "http", feature = "layer"))]
#[derive(Debug)]
pub struct OkOnly<T>(PhantomData<T>);

#[cfg(any(feature = "http", feature = "layer"))]
type InnerCodec<W> = <<W as WithStatus>::Answer as HasCodec>::Codec;

#[cfg(any(feature = "http", feature = "layer"))]
impl<W: WithStatus> Codec for OkOnly<W> {
    type Answer = W;
    type Value = <InnerCodec<W> as Codec>::Value;

    fn succeeded(answer: &W) -> bool {
        answer.status() < 400
    }

    fn failed(answer: &W) -> bool {
        answer.status() >= 500
    }

    fn made(answer: &mut W, unless: impl FnOnce(&Self::Value) -> bool) -> Made {
        match answer.status() {
            200 => InnerCodec::<W>::made(answer.answer(), unless),
            500.. => Made::Failure,
            _ => Made::Nothing,
        }
    }

    fn answer(json: &Bytes) -> serde_json::Result<W> {
        InnerCodec::<W>::answer(json).map(W::ok)
    }

    fn label(answer: &mut W, label: Label) {
        InnerCodec::<W>::label(answer.answer(), label);
    }
}

/// Declares tuples of a status and an answer, in either order.
#[cfg(any(feature = "http", feature = "layer"))]
macro_rules! answer_beside_status {
    ($generic:ident, $pair:ty, $answer:tt: $inner:ty, |$it:ident| $ok:expr) => {
        impl<$generic> $crate::value::WithStatus for $pair
        where
            $inner: $crate::value::HasCodec,
        {
            type Answer = $inner;

            fn answer(&mut self) -> &mut $inner {
                &mut self.$answer
            }

            fn ok($it: $inner) -> Self {
                $ok
            }
        }

        impl<$generic> $crate::value::Inner<$pair>
        where
            $inner: $crate::value::HasCodec,
        {
            /// The codec of an answer with a status.
            pub fn codec(self) -> $crate::value::OkOnly<$pair> {
                $crate::value::ok_only()
            }
        }
    };
}

#[cfg(any(feature = "http", feature = "layer"))]
pub(crate) use answer_beside_status;

#[cfg(any(feature = "http", feature = "layer"))]
pub(crate) fn ok_only<T>() -> OkOnly<T> {
    OkOnly(PhantomData)
}

/// Declares answers that have a status: their `outcome()` goes by it.
#[cfg(any(feature = "http", feature = "layer"))]
macro_rules! answers_with_status {
    ($([$($generics:ident),*] $answer:ty, |$it:ident| $status:expr;)*) => {$(
        impl<$($generics),*> $crate::value::HasStatus for $answer {
            fn status(&self) -> u16 {
                let $it = self;
                $status
            }
        }

        impl<$($generics),*> $crate::value::Inner<$answer> {
            /// Success where its status is under 400.
            pub fn outcome(self) -> $crate::value::ByStatus<$answer> {
                $crate::value::by_status()
            }
        }
    )*};
}

#[cfg(any(feature = "http", feature = "layer"))]
pub(crate) use answers_with_status;

#[cfg(any(feature = "http", feature = "layer"))]
pub(crate) fn by_status<T>() -> ByStatus<T> {
    ByStatus(PhantomData)
}

/// Declares a framework's `Json`, which is stored as what it wraps.
#[cfg(any(
    feature = "actix",
    feature = "axum",
    feature = "poem",
    feature = "rocket",
    feature = "salvo"
))]
macro_rules! json_answer {
    ($codec:ident, $json:ident) => {
        /// The value is what the framework's `Json` wraps.
        #[derive(Debug)]
        pub struct $codec<T>(std::marker::PhantomData<T>);

        impl<T: serde::Serialize + serde::de::DeserializeOwned> $crate::value::Codec for $codec<T> {
            type Answer = $json<T>;
            type Value = T;

            fn succeeded(_: &$json<T>) -> bool {
                true
            }

            fn made(answer: &mut $json<T>, unless: impl FnOnce(&T) -> bool) -> $crate::lease::Made {
                $crate::value::made(&answer.0, unless)
            }

            fn answer(json: &bytes::Bytes) -> serde_json::Result<$json<T>> {
                serde_json::from_slice(json).map($json)
            }
        }

        impl<T: serde::Serialize + serde::de::DeserializeOwned> $crate::value::HasCodec
            for $json<T>
        {
            type Codec = $codec<T>;
        }

        impl<T: serde::Serialize + serde::de::DeserializeOwned> $crate::value::Inner<$json<T>> {
            /// The codec of a `Json`.
            pub fn codec(self) -> $codec<T> {
                $codec(std::marker::PhantomData)
            }
        }
    };
}

#[cfg(any(
    feature = "actix",
    feature = "axum",
    feature = "poem",
    feature = "rocket",
    feature = "salvo"
))]
pub(crate) use json_answer;
