//! A return value that goes out as it was stored.

use std::convert::Infallible;
use std::marker::PhantomData;
use std::mem;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::body::{Body, Reader};
use super::cache_status::CacheStatus;
use super::difference::first_difference;
use super::dispatch::Inner;
use super::hold::HoldAll;
use super::known_bodies;
use super::outcome::WriteOutcome;
use super::{Codec, LoadResult, NotReadBack, read_back, to_json};
use crate::error::CacheError;

/// A JSON value: the stored bytes on a hit, which are not copied, and decoded only when this process sees them
/// for the first time; on a miss the value, which is encoded once, for the store and for the client.
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
/// What goes out is always a `T`. Another program, another function of the same key, or an older version of this one
/// may have left something else there: what does not decode as a `T` is a miss, which the log tells of, and what has
/// more to it than a `T` has (a field that `T` lacks) is decoded and encoded anew on every hit. A process remembers
/// the 32768 bodies that it has decoded last, at least, by their digests; the in-process store remembers it with the
/// entry.
///
/// [`CacheLayer`]: crate::CacheLayer
#[derive(Clone, Debug)]
pub struct Cached<T> {
    /// Not there where the JSON is known.
    value: Option<T>,
    /// Its JSON, which is not there until it is needed. One of the two always is.
    body: Option<Body>,
    status: Option<CacheStatus>,
}

impl<T> Cached<T> {
    /// What a function returns. [`From`] does the same: `value.into()`.
    ///
    /// ```
    /// use cache_runtime::{Cached, cache};
    ///
    /// #[cache("user:{id}")]
    /// async fn name(id: u64) -> Result<Cached<String>, std::io::Error> {
    ///     Ok(Cached::new(format!("user {id}")))
    /// }
    /// ```
    pub fn new(value: T) -> Self {
        Self {
            value: Some(value),
            body: None,
            status: None,
        }
    }

    /// What a hit is.
    fn stored(value: Option<T>, body: Body) -> Self {
        Self {
            value,
            body: Some(body),
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
    /// ```
    /// use cache_runtime::Cached;
    ///
    /// assert_eq!(Cached::new(7).into_inner()?, 7);
    /// # Ok::<(), cache_runtime::CacheError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If what was stored can be read as a `T` no longer: a type whose reading changes while the process runs.
    pub fn into_inner(self) -> Result<T, CacheError> {
        match self.value {
            Some(value) => Ok(value),
            None => decode(self.body.as_ref()).map_err(CacheError::json),
        }
    }
}

impl<T: Serialize> Cached<T> {
    /// The JSON. A value that was not stored is encoded for this.
    ///
    /// ```
    /// use cache_runtime::Cached;
    ///
    /// assert_eq!(Cached::new(["a", "b"]).into_json()?, r#"["a","b"]"#);
    /// # Ok::<(), cache_runtime::CacheError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If the value has no JSON.
    pub fn into_json(self) -> Result<Bytes, CacheError> {
        self.into_parts().map(|(body, _)| body.into_bytes())
    }

    /// What a response is made of: its body, and how the cached function came by it, if it is cached.
    pub(crate) fn into_parts(self) -> Result<(Body, Option<CacheStatus>), CacheError> {
        let body = match (self.body, self.value) {
            (None, Some(value)) => to_json(&value).map_err(CacheError::json)?.into(),
            (body, _) => body.unwrap_or_default(),
        };
        Ok((body, self.status))
    }
}

fn decode<T: DeserializeOwned>(body: Option<&Body>) -> serde_json::Result<T> {
    serde_json::from_slice(body.map_or(&[], |body| body.bytes()))
}

/// A [`Cached`].
#[derive(Debug)]
pub struct CachedCodec<T>(PhantomData<T>);

impl<T: Serialize + DeserializeOwned> Codec for CachedCodec<T> {
    type Output = Cached<T>;
    type Value = T;
    type Error = Infallible;
    type Hold = HoldAll<Cached<T>>;
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
            match decode(output.body.as_ref()) {
                Ok(value) => decoded = value,
                Err(error) => return LoadResult::Unencodable(error),
            }
            &decoded
        };
        if unless(value) {
            return LoadResult::Skip;
        }
        if output.body.is_none() {
            match to_json(value) {
                Ok(json) => output.body = Some(json.into()),
                Err(error) => return LoadResult::Unencodable(error),
            }
        }
        let json = output.body.as_ref().map(|body| body.bytes().clone());
        json.map_or(LoadResult::Skip, LoadResult::Store)
    }

    fn decode(body: &mut Body) -> serde_json::Result<Cached<T>> {
        let read: fn(&Bytes) -> serde_json::Result<Decoded<T>> = read::<T>;
        let reader = Reader(read as usize);
        if body.was_read_by(reader) {
            return Ok(Cached::stored(None, mem::take(body)));
        }
        // Its digest is asked for again, for an `ETag`.
        body.remember_digest();
        let value = if known_bodies::is_known(body, reader) {
            None
        } else {
            let (value, anew) = read(body.bytes())?;
            if let Some(anew) = anew {
                return Ok(Cached::stored(Some(value), anew.into()));
            }
            known_bodies::remember(body, reader);
            Some(value)
        };
        body.note_reader(reader);
        Ok(Cached::stored(value, mem::take(body)))
    }

    fn read_back(output: &Cached<T>, json: &Bytes) -> Option<NotReadBack> {
        read_back(output.value.as_ref()?, json)
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

/// A value, and its own JSON where that is another one than what was stored.
type Decoded<T> = (T, Option<Bytes>);

fn read<T: Serialize + DeserializeOwned>(json: &Bytes) -> serde_json::Result<Decoded<T>> {
    let value: T = serde_json::from_slice(json)?;
    let anew = to_json(&value)?;
    let is_same = anew == json || {
        let [stored, anew] = [json, &anew].map(|json| serde_json::from_slice(json));
        first_difference(&stored?, &anew?).is_none()
    };
    Ok((value, (!is_same).then_some(anew)))
}
