//! A return value that goes out as it was stored.

use std::marker::PhantomData;

use bytes::Bytes;
use serde::Serialize;
use serde::de::{DeserializeOwned, Error as _, IgnoredAny};

use super::cache_status::CacheStatus;
use super::dispatch::Inner;
use super::outcome::WriteOutcome;
use super::{Codec, LoadResult};
use crate::error::CacheError;

/// A JSON value: the stored bytes on a hit, which are neither decoded nor copied; on a miss the value, which
/// is encoded once, for the store and for the client.
///
/// As a framework's response it is what that framework's `Json` is, with status 200. Under [`CacheLayer`]
/// it tells the client more: see there.
///
/// ```
/// use cache_runtime::{Cache, Cached, cache};
///
/// #[cache("squares_up_to_{up_to}", cache = cache)]
/// async fn squares(cache: &Cache, up_to: u64) -> Cached<Vec<u64>> {
///     Cached::new((1..=up_to).map(|n| n * n).collect())
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), cache_runtime::CacheError> {
/// let cache = Cache::in_memory();
/// squares(&cache, 3).await;
/// assert_eq!(squares(&cache, 3).await.into_json()?, "[1,4,9]");
/// assert_eq!(squares(&cache, 3).await.into_inner()?, [1, 4, 9]);
/// # Ok(())
/// # }
/// ```
///
/// A hit is not looked into: where `T` changes, what was stored before goes out in its old shape until it
/// expires, unless the key changes with it. What does not even look like JSON is a miss.
///
/// [`CacheLayer`]: crate::CacheLayer
#[derive(Clone, Debug)]
pub struct Cached<T> {
    /// Not there on a hit.
    value: Option<T>,
    /// Not there until it is needed. One of the two always is.
    json: Option<Bytes>,
    status: Option<CacheStatus>,
}

impl<T> Cached<T> {
    /// What a function returns.
    pub fn new(value: T) -> Self {
        Self {
            value: Some(value),
            json: None,
            status: None,
        }
    }
}

impl<T> From<T> for Cached<T> {
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

impl<T: DeserializeOwned> Cached<T> {
    /// The value, which a hit decodes for this.
    ///
    /// # Errors
    ///
    /// If what was stored is not the JSON of a `T`.
    pub fn into_inner(self) -> Result<T, CacheError> {
        match self.value {
            Some(value) => Ok(value),
            None => decode(self.json.as_ref()).map_err(CacheError::json),
        }
    }
}

impl<T: Serialize> Cached<T> {
    /// The JSON. A value that was not stored is encoded for this.
    ///
    /// # Errors
    ///
    /// If the value has no JSON.
    pub fn into_json(self) -> Result<Bytes, CacheError> {
        self.into_parts().map(|(json, _)| json)
    }

    /// The JSON, and how the cached function came by it, if it is cached.
    pub(crate) fn into_parts(self) -> Result<(Bytes, Option<CacheStatus>), CacheError> {
        let json = match (self.json, self.value) {
            (None, Some(value)) => encode(&value).map_err(CacheError::json)?,
            (json, _) => json.unwrap_or_default(),
        };
        Ok((json, self.status))
    }
}

fn encode<T: Serialize>(value: &T) -> serde_json::Result<Bytes> {
    serde_json::to_vec(value).map(Bytes::from)
}

fn decode<T: DeserializeOwned>(json: Option<&Bytes>) -> serde_json::Result<T> {
    serde_json::from_slice(json.map_or(&[], |json| json))
}

/// A [`Cached`].
#[derive(Debug)]
pub struct CachedCodec<T>(PhantomData<T>);

impl<T: Serialize + DeserializeOwned> Codec for CachedCodec<T> {
    type Output = Cached<T>;
    type Value = T;
    const IS_RESPONSE: bool = true;

    fn outcome(_: &Cached<T>) -> WriteOutcome<()> {
        WriteOutcome::Succeeded(())
    }

    fn encode(output: &mut Cached<T>, unless: impl FnOnce(&T) -> bool) -> LoadResult {
        let decoded;
        let value = if let Some(value) = &output.value {
            value
        } else {
            // It came out of another cached function.
            match decode(output.json.as_ref()) {
                Ok(value) => decoded = value,
                Err(error) => return LoadResult::Unencodable(error),
            }
            &decoded
        };
        if unless(value) {
            return LoadResult::Skip;
        }
        if output.json.is_none() {
            match encode(value) {
                Ok(json) => output.json = Some(json),
                Err(error) => return LoadResult::Unencodable(error),
            }
        }
        output
            .json
            .clone()
            .map_or(LoadResult::Skip, LoadResult::Store)
    }

    fn decode(json: &Bytes) -> serde_json::Result<Cached<T>> {
        if !looks_like_json(json) {
            return Err(serde_json::Error::custom("this is not JSON"));
        }
        Ok(Cached {
            value: None,
            json: Some(json.clone()),
            status: None,
        })
    }

    fn annotate(output: &mut Cached<T>, status: CacheStatus) {
        output.status = Some(status);
    }
}

impl<T: Serialize + DeserializeOwned> super::with_status::HasCodec for Cached<T> {
    type Codec = CachedCodec<T>;
}

#[expect(
    clippy::unused_self,
    reason = "the values are empty: their types are what matters"
)]
impl<T: Serialize + DeserializeOwned> Inner<Cached<T>> {
    /// The codec of a `Cached`.
    pub fn codec(self) -> CachedCodec<T> {
        CachedCodec(PhantomData)
    }
}

/// Whether its ends fit together: what was cut, or is no JSON at all, hardly passes.
fn looks_like_json(json: &[u8]) -> bool {
    match (json.first(), json.last()) {
        (Some(b'{'), Some(b'}')) | (Some(b'['), Some(b']')) | (Some(b'"'), Some(b'"')) => {
            json.len() > 1
        }
        // Any other scalar is short.
        (Some(_), _) => json.len() < 64 && serde_json::from_slice::<IgnoredAny>(json).is_ok(),
        (None, _) => false,
    }
}
