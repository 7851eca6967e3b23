//! Answers that have a status, alone or beside something else.

use std::marker::PhantomData;

use bytes::Bytes;

use crate::label::Label;
use crate::lease::Made;
use crate::value::{Codec, Outcome};

/// A type with one codec of its own.
pub trait HasCodec {
    /// Its codec.
    type Codec: Codec<Answer = Self>;
}

/// An answer whose status tells.
#[derive(Debug)]
pub struct ByStatus<T>(PhantomData<T>);

/// An answer that has a status.
pub trait HasStatus {
    /// The status, such as 404.
    fn status(&self) -> u16;
}

impl<T: HasStatus> Outcome for ByStatus<T> {
    type Answer = T;
    type Success = T;

    fn success(answer: &T) -> Option<&T> {
        (answer.status() < 400).then_some(answer)
    }
}

/// An answer with a status beside it. Only a 200 is stored, so that a hit has the status that the answer had.
pub trait WithStatus: HasStatus {
    /// What the status stands beside.
    type Answer: HasCodec;

    /// It alone.
    fn answer(&mut self) -> &mut Self::Answer;

    /// It with status 200.
    fn ok(answer: Self::Answer) -> Self;
}

/// The codec of an answer with a status.
#[derive(Debug)]
pub struct OkOnly<T>(PhantomData<T>);

type InnerCodec<W> = <<W as WithStatus>::Answer as HasCodec>::Codec;

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
macro_rules! answer_beside_status {
    ($generic:ident, $pair:ty, $answer:tt: $inner:ty, |$it:ident| $ok:expr) => {
        impl<$generic> $crate::status::WithStatus for $pair
        where
            $inner: $crate::status::HasCodec,
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
            $inner: $crate::status::HasCodec,
        {
            /// The codec of an answer with a status.
            pub fn codec(self) -> $crate::status::OkOnly<$pair> {
                $crate::status::ok_only()
            }
        }
    };
}

pub(crate) use answer_beside_status;

pub(crate) fn ok_only<T>() -> OkOnly<T> {
    OkOnly(PhantomData)
}

/// Declares answers that have a status: their `outcome()` goes by it.
macro_rules! answers_with_status {
    ($([$($generics:ident),*] $answer:ty, |$it:ident| $status:expr;)*) => {$(
        impl<$($generics),*> $crate::status::HasStatus for $answer {
            fn status(&self) -> u16 {
                let $it = self;
                $status
            }
        }

        impl<$($generics),*> $crate::value::Inner<$answer> {
            /// Success where its status is under 400.
            pub fn outcome(self) -> $crate::status::ByStatus<$answer> {
                $crate::status::by_status()
            }
        }
    )*};
}

pub(crate) use answers_with_status;

pub(crate) fn by_status<T>() -> ByStatus<T> {
    ByStatus(PhantomData)
}
