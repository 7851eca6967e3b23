//! Return values that have an HTTP status, alone or beside something else.

use std::convert::Infallible;
use std::marker::PhantomData;

use bytes::Bytes;

use super::cache_status::CacheStatus;
use super::hold::HoldAll;
use super::outcome::{Failure, HttpStatus, WriteOutcome, is_failure};
use super::{Body, Codec, LoadResult, NotReadBack, Outcome};

/// A type with one codec of its own.
pub trait HasCodec {
    /// Its codec.
    type Codec: Codec<Output = Self>;
}

/// The outcome of a return value whose status tells whether the function succeeded.
#[derive(Debug)]
pub struct ByStatus<T>(PhantomData<T>);

impl<T: HttpStatus> Outcome for ByStatus<T> {
    type Output = T;
    type Success = T;
    type Hold = HoldAll<T>;

    fn outcome(output: &T) -> WriteOutcome<&T> {
        WriteOutcome::of_status(output.http_status(), output)
    }
}

/// A value with a status beside it. Only a 200 is stored, so that a hit has the status that the value had.
pub trait WithStatus: HttpStatus {
    /// What the status stands beside.
    type Inner: HasCodec;

    /// The value alone.
    fn inner(&self) -> &Self::Inner;

    /// The value alone.
    fn inner_mut(&mut self) -> &mut Self::Inner;

    /// The value with status 200.
    fn ok(inner: Self::Inner) -> Self;
}

/// The codec of a value with a status.
#[derive(Debug)]
pub struct OkOnly<T>(PhantomData<T>);

type InnerCodec<W> = <<W as WithStatus>::Inner as HasCodec>::Codec;

impl<W: WithStatus> Codec for OkOnly<W> {
    type Output = W;
    type Value = <InnerCodec<W> as Codec>::Value;
    type Error = Infallible;
    type Hold = HoldAll<W>;

    const IS_JSON: bool = InnerCodec::<W>::IS_JSON;
    const IS_RESPONSE: bool = true;

    fn outcome(output: &W) -> WriteOutcome<()> {
        WriteOutcome::of_status(output.http_status(), ())
    }

    fn failure(output: &W, _: Option<impl FnOnce(&Infallible) -> bool>) -> Option<Failure> {
        let status = Some(output.http_status());
        is_failure(status).then_some(Failure {
            error: None,
            status,
        })
    }

    fn encode(output: &mut W, unless: impl FnOnce(&Self::Value) -> bool) -> LoadResult {
        match output.http_status() {
            200 => InnerCodec::<W>::encode(output.inner_mut(), unless),
            _ => LoadResult::Skip,
        }
    }

    fn decode(body: &mut Body) -> serde_json::Result<W> {
        InnerCodec::<W>::decode(body).map(W::ok)
    }

    fn read_back(output: &W, json: &Bytes) -> Option<NotReadBack> {
        InnerCodec::<W>::read_back(output.inner(), json)
    }

    fn annotate(output: &mut W, status: CacheStatus) {
        InnerCodec::<W>::annotate(output.inner_mut(), status);
    }
}

/// Declares tuples of a status and a value, in either order.
macro_rules! value_beside_status {
    ($generic:ident, $pair:ty, $field:tt: $inner:ty, |$it:ident| $ok:expr) => {
        impl<$generic> $crate::codec::with_status::WithStatus for $pair
        where
            $inner: $crate::codec::with_status::HasCodec,
        {
            type Inner = $inner;

            fn inner(&self) -> &$inner {
                &self.$field
            }

            fn inner_mut(&mut self) -> &mut $inner {
                &mut self.$field
            }

            fn ok($it: $inner) -> Self {
                $ok
            }
        }

        impl<$generic> $crate::codec::dispatch::Inner<$pair>
        where
            $inner: $crate::codec::with_status::HasCodec,
        {
            /// The codec of a value with a status.
            pub fn codec(self) -> $crate::codec::with_status::OkOnly<$pair> {
                $crate::codec::with_status::ok_only()
            }
        }
    };
}

pub(crate) use value_beside_status;

pub(crate) fn ok_only<T>() -> OkOnly<T> {
    OkOnly(PhantomData)
}

/// Declares return values that have a status: their `outcome()` goes by it.
macro_rules! outputs_with_status {
    ($([$($generics:ident),*] $output:ty, |$it:ident| $status:expr;)*) => {$(
        impl<$($generics),*> $crate::codec::outcome::HttpStatus for $output {
            fn http_status(&self) -> u16 {
                let $it = self;
                $status
            }
        }

        impl<$($generics),*> $crate::codec::dispatch::Inner<$output> {
            /// By its status.
            pub fn outcome(self) -> $crate::codec::with_status::ByStatus<$output> {
                $crate::codec::with_status::by_status()
            }
        }
    )*};
}

pub(crate) use outputs_with_status;

pub(crate) fn by_status<T>() -> ByStatus<T> {
    ByStatus(PhantomData)
}
