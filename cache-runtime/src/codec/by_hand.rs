//! The codec of a value that is loaded by hand.

use std::any::type_name;
use std::convert::Infallible;
use std::marker::PhantomData;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::hold::HoldAll;
use super::outcome::WriteOutcome;
use super::{Body, Codec, LoadResult, NotReadBack, Plain};

/// The return value is what is stored. If it is a `Result` all the same, its `Err` is not.
#[derive(Debug)]
pub struct ByHand<T>(PhantomData<fn() -> T>);

impl<T> ByHand<T> {
    pub(crate) fn new() -> Self {
        Self(PhantomData)
    }
}

impl<T: Serialize + DeserializeOwned> Codec for ByHand<T> {
    type Output = T;
    type Value = T;
    type Error = Infallible;
    type Hold = HoldAll<T>;

    fn outcome(_: &T) -> WriteOutcome<()> {
        WriteOutcome::Succeeded(())
    }

    fn encode(output: &mut T, unless: impl FnOnce(&T) -> bool) -> LoadResult {
        match Plain::<T>::encode(output, unless) {
            LoadResult::Store(json) if is_err::<T>(&json) => LoadResult::Skip,
            result => result,
        }
    }

    fn decode(body: &mut Body) -> serde_json::Result<T> {
        Plain::<T>::decode(body)
    }

    fn read_back(output: &T, json: &Bytes) -> Option<NotReadBack> {
        Plain::<T>::read_back(output, json)
    }
}

/// Whether this JSON is that of an `Err`. Of a type that is generic here, its name alone says that it is a `Result`.
fn is_err<T>(json: &[u8]) -> bool {
    json.starts_with(b"{\"Err\":") && type_name::<T>().starts_with("core::result::Result<")
}
