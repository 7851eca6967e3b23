//! Which part of a return value is stored, and how it becomes bytes and back. The type decides, never how it is
//! spelt: see [`dispatch`].

pub(crate) mod body;
pub(crate) mod by_hand;
pub(crate) mod cache_status;
mod cached;
mod difference;
pub(crate) mod dispatch;
pub(crate) mod envelope;
pub(crate) mod hold;
mod known_bodies;
pub(crate) mod outcome;
mod read_back;
mod shape;
pub(crate) mod with_status;

use std::any::type_name;
use std::convert::Infallible;
use std::marker::PhantomData;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use self::cache_status::CacheStatus;
use self::hold::{Hold, HoldAll, HoldResult};
use self::outcome::{Failure, StatusOf, WriteOutcome, is_failure};

pub(crate) use self::body::Body;
pub use self::cached::Cached;
pub(crate) use self::difference::difference;
pub(crate) use self::read_back::{NotReadBack, read_back};

/// How a return value becomes JSON that is stored, and back.
pub trait Codec {
    /// What the function returns.
    type Output;
    /// The part of it that is stored, as `unless` sees it.
    type Value;
    /// What is in its `Err`, if it has one.
    type Error;
    /// What of it is held while the call waits for the cache.
    type Hold: Hold<Output = Self::Output>;

    /// Whether it is a framework's `Json`, which has no place for how it came about: the request remembers that.
    const IS_JSON: bool = false;
    /// Whether it is a framework's response, so that the function which returns it is a handler.
    const IS_RESPONSE: bool = false;

    /// How the function ended, where it is called as a write.
    fn outcome(output: &Self::Output) -> WriteOutcome<()>;

    /// Why an older value is better than this one (RFC 5861, section 4), if it is. Which errors are failures `errors`
    /// says, or else their status.
    fn failure(
        output: &Self::Output,
        errors: Option<impl FnOnce(&Self::Error) -> bool>,
    ) -> Option<Failure> {
        let _ = (output, errors);
        None
    }

    /// What of the return value is to be stored.
    fn encode(output: &mut Self::Output, unless: impl FnOnce(&Self::Value) -> bool) -> LoadResult;

    /// The return value that stored JSON stands for, which may take the JSON along.
    ///
    /// # Errors
    ///
    /// If it stands for none.
    fn decode(body: &mut Body) -> serde_json::Result<Self::Output>;

    /// What of the return value `json`, which is stored for it, does not bring back.
    fn read_back(output: &Self::Output, json: &Bytes) -> Option<NotReadBack> {
        let _ = (output, json);
        None
    }

    /// Tells a return value how it came about, if it has a place for that.
    fn annotate(_: &mut Self::Output, _: CacheStatus) {}
}

/// How a write ended, and with what.
pub trait Outcome {
    /// What the function returns.
    type Output;
    /// What `{result…}` means in a template.
    type Success;
    /// What of it is held while the call waits for the cache.
    type Hold: Hold<Output = Self::Output>;

    /// How the write ended, with the successful value.
    fn outcome(output: &Self::Output) -> WriteOutcome<&Self::Success>;

    /// The type of an error that tells no status, if it is one.
    fn silent_error(_: &Self::Output) -> Option<&'static str> {
        None
    }
}

/// What a function returned, as far as the cache is concerned.
#[derive(Debug)]
pub enum LoadResult {
    /// This JSON is to be stored.
    Store(Bytes),
    /// Nothing is to be stored.
    Skip,
    /// The function failed.
    Failed,
    /// The value can't be written as JSON.
    Unencodable(serde_json::Error),
}

/// The return value is `Ok` of what `C` knows, or an `Err` of which `S` knows the status, and `H` whether it is `Send`.
#[derive(Debug)]
pub struct OkOf<C, E, S, H>(PhantomData<Made<(C, E, S, H)>>);

/// Of types that nothing is held of, so that it is `Send` whatever they are.
type Made<T> = fn() -> T;

impl<C, E, S, H> OkOf<C, E, S, H> {
    pub(crate) fn new() -> Self {
        Self(PhantomData)
    }
}

/// How a write ended that returned this `Err`.
fn outcome_of_err<T, E, S: StatusOf<E>>(error: &E) -> WriteOutcome<T> {
    match S::status(error) {
        Some(400..500) => WriteOutcome::Refused,
        _ => WriteOutcome::InDoubt,
    }
}

impl<C: Codec, E, S: StatusOf<E>, H: HoldResult<C::Hold, E>> Codec for OkOf<C, E, S, H> {
    type Output = Result<C::Output, E>;
    type Value = C::Value;
    type Error = E;
    type Hold = H::Hold;

    const IS_JSON: bool = C::IS_JSON;
    const IS_RESPONSE: bool = C::IS_RESPONSE;

    fn outcome(output: &Self::Output) -> WriteOutcome<()> {
        match output {
            Ok(output) => C::outcome(output),
            Err(error) => outcome_of_err::<_, _, S>(error),
        }
    }

    fn failure(output: &Self::Output, errors: Option<impl FnOnce(&E) -> bool>) -> Option<Failure> {
        let error = match output {
            Ok(output) => return C::failure(output, None::<fn(&C::Error) -> bool>),
            Err(error) => error,
        };
        let status = S::status(error);
        let is_failure = match errors {
            Some(errors) => errors(error),
            None => is_failure(status),
        };
        is_failure.then(|| Failure {
            error: Some(type_name::<E>()),
            status,
        })
    }

    fn encode(output: &mut Self::Output, unless: impl FnOnce(&C::Value) -> bool) -> LoadResult {
        match output {
            Ok(output) => C::encode(output, unless),
            Err(_) => LoadResult::Skip,
        }
    }

    fn decode(body: &mut Body) -> serde_json::Result<Self::Output> {
        C::decode(body).map(Ok)
    }

    fn read_back(output: &Self::Output, json: &Bytes) -> Option<NotReadBack> {
        C::read_back(output.as_ref().ok()?, json)
    }

    fn annotate(output: &mut Self::Output, status: CacheStatus) {
        if let Ok(output) = output {
            C::annotate(output, status);
        }
    }
}

impl<C: Outcome, E, S: StatusOf<E>, H: HoldResult<C::Hold, E>> Outcome for OkOf<C, E, S, H> {
    type Output = Result<C::Output, E>;
    type Success = C::Success;
    type Hold = H::Hold;

    fn outcome(output: &Self::Output) -> WriteOutcome<&C::Success> {
        match output {
            Ok(output) => C::outcome(output),
            Err(error) => outcome_of_err::<_, _, S>(error),
        }
    }

    fn silent_error(output: &Self::Output) -> Option<&'static str> {
        let error = output.as_ref().err()?;
        S::status(error).is_none().then(type_name::<E>)
    }
}

/// The return value is what is stored.
#[derive(Debug)]
pub struct Plain<T>(PhantomData<T>);

impl<T> Plain<T> {
    fn new() -> Self {
        Self(PhantomData)
    }
}

impl<T: Serialize + DeserializeOwned> Codec for Plain<T> {
    type Output = T;
    type Value = T;
    type Error = Infallible;
    type Hold = HoldAll<T>;

    fn outcome(_: &T) -> WriteOutcome<()> {
        WriteOutcome::Succeeded(())
    }

    fn encode(output: &mut T, unless: impl FnOnce(&T) -> bool) -> LoadResult {
        encode_value(output, unless)
    }

    fn decode(body: &mut Body) -> serde_json::Result<T> {
        serde_json::from_slice(body.bytes())
    }

    fn read_back(output: &T, json: &Bytes) -> Option<NotReadBack> {
        read_back(output, json)
    }
}

/// A value as its JSON, if it is to be stored.
pub(crate) fn encode_value<T: Serialize>(value: &T, unless: impl FnOnce(&T) -> bool) -> LoadResult {
    if unless(value) {
        return LoadResult::Skip;
    }
    match to_json(value) {
        Ok(json) => LoadResult::Store(json),
        Err(error) => LoadResult::Unencodable(error),
    }
}

/// A value's JSON. It takes no more memory than its bytes, since it may be kept in the process for long.
pub(crate) fn to_json<T: Serialize + ?Sized>(value: &T) -> serde_json::Result<Bytes> {
    serde_json::to_vec(value).map(fitted)
}

/// These bytes, with no room for more.
fn fitted(bytes: Vec<u8>) -> Bytes {
    /// The rest of a small allocation is of no use to anybody, so these move into one of their own.
    const SMALL: usize = 4096;
    if bytes.len() < bytes.capacity().min(SMALL) {
        Bytes::copy_from_slice(&bytes)
    } else {
        bytes.into_boxed_slice().into()
    }
}

/// The outcome of a return value that has no way to say that the function failed.
#[derive(Debug)]
pub struct Success<T>(PhantomData<T>);

impl<T> Success<T> {
    fn new() -> Self {
        Self(PhantomData)
    }
}

impl<T> Outcome for Success<T> {
    type Output = T;
    type Success = T;
    type Hold = HoldAll<T>;

    fn outcome(output: &T) -> WriteOutcome<&T> {
        WriteOutcome::Succeeded(output)
    }
}
