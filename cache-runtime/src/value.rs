//! What of an answer is stored, decided by its type: the value inside `Result` and `Json`, as JSON.

#![expect(
    clippy::unused_self,
    clippy::needless_pass_by_value,
    reason = "the values are empty: their types are what matters"
)]

use std::future::Future;
use std::marker::PhantomData;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// How an answer becomes a value that is stored, and back.
pub trait Codec {
    /// What the function returns.
    type Answer;
    /// What of it is stored.
    type Value: Serialize + DeserializeOwned;

    /// The value to store; nothing where the function failed.
    fn value(answer: &Self::Answer) -> Option<&Self::Value>;

    /// The answer that a stored value stands for.
    fn answer(value: Self::Value) -> Self::Answer;
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

    fn value(answer: &Self::Answer) -> Option<&C::Value> {
        answer.as_ref().ok().and_then(C::value)
    }

    fn answer(value: C::Value) -> Self::Answer {
        Ok(C::answer(value))
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

    fn value(answer: &T) -> Option<&T> {
        Some(answer)
    }

    fn answer(value: T) -> T {
        value
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
    note = "return a type that derives `serde::Serialize` and `serde::Deserialize`, or a `Json` of one, bare or in a `Result`",
    note = "`Json` of axum and actix-web needs the feature `axum` or `actix` of `cache-runtime`",
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

/// There is no such value.
#[derive(Debug, Deserialize, Serialize)]
pub enum Never {}

impl<T> Codec for Uncacheable<T> {
    type Answer = T;
    type Value = Never;

    fn value(_: &T) -> Option<&Never> {
        None
    }

    fn answer(value: Never) -> T {
        match value {}
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
#[cfg(any(feature = "http", feature = "actix"))]
#[derive(Debug)]
pub struct ByStatus<T>(PhantomData<T>);

/// An answer that has a status.
#[cfg(any(feature = "http", feature = "actix"))]
pub trait HasStatus {
    /// The status, such as 404.
    fn status(&self) -> u16;
}

#[cfg(any(feature = "http", feature = "actix"))]
impl<T: HasStatus> Outcome for ByStatus<T> {
    type Answer = T;
    type Success = T;

    fn success(answer: &T) -> Option<&T> {
        (answer.status() < 400).then_some(answer)
    }
}

/// Declares answers that have a status: their `outcome()` goes by it.
#[cfg(any(feature = "http", feature = "actix"))]
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

#[cfg(any(feature = "http", feature = "actix"))]
pub(crate) use answers_with_status;

#[cfg(any(feature = "http", feature = "actix"))]
pub(crate) fn by_status<T>() -> ByStatus<T> {
    ByStatus(PhantomData)
}

/// Declares a framework's `Json`, which is stored as what it wraps.
#[cfg(any(feature = "axum", feature = "actix"))]
macro_rules! json_answer {
    ($codec:ident, $json:ident) => {
        /// The value is what the framework's `Json` wraps.
        #[derive(Debug)]
        pub struct $codec<T>(std::marker::PhantomData<T>);

        impl<T: serde::Serialize + serde::de::DeserializeOwned> $crate::value::Codec for $codec<T> {
            type Answer = $json<T>;
            type Value = T;

            fn value(answer: &$json<T>) -> Option<&T> {
                Some(&answer.0)
            }

            fn answer(value: T) -> $json<T> {
                $json(value)
            }
        }

        impl<T: serde::Serialize + serde::de::DeserializeOwned> $crate::value::Inner<$json<T>> {
            /// The codec of a `Json`.
            pub fn codec(self) -> $codec<T> {
                $codec(std::marker::PhantomData)
            }
        }
    };
}

#[cfg(any(feature = "axum", feature = "actix"))]
pub(crate) use json_answer;
