//! The flow of a read: a hit, or the function and a fill.

use std::future::Future;
use std::time::Duration;

use bytes::Bytes;

use crate::cache::Cache;
use crate::error::CacheError;
use crate::request::Access;
use crate::value::Codec;
use crate::write::Stale;

/// What `#[cache]` knows of a read before it runs.
#[derive(Debug)]
pub struct Read {
    /// From `cache = …`; else the installed one.
    pub cache: Option<Cache>,
    /// What the request's method says, where a parameter knows it.
    pub access: Option<Access>,
    /// The entry's key.
    pub key: Result<String, CacheError>,
    /// The entry's life.
    pub expiration: Duration,
    /// From `condition = …`.
    pub condition: bool,
}

/// Answers from the cache, and drops the handler's future unpolled; or runs it and stores its answer.
pub async fn read<C, U, F>(call: Read, _codec: C, unless: U, handler: F) -> C::Answer
where
    C: Codec,
    U: FnOnce(&C::Value) -> bool,
    F: Future<Output = C::Answer>,
{
    let Some(cache) = Cache::for_call(call.cache) else {
        return handler.await;
    };
    match call.access {
        Some(Access::Pass) => return handler.await,
        Some(Access::Write) => {
            let answer = handler.await;
            if C::value(&answer).is_some() {
                cache.invalidate(Stale::new([call.key], [])).await;
            }
            return answer;
        }
        Some(Access::Read) | None => {}
    }
    let key = match call.key {
        Ok(key) if call.condition => cache.key(&key),
        Ok(_) => {
            cache.counters().bypassed.count();
            return handler.await;
        }
        Err(error) => {
            cache.counters().bypassed.count();
            cache.failed("make a key", &error);
            return handler.await;
        }
    };
    if let Some(value) = cache
        .lookup(&key, |json| serde_json::from_slice(json).ok())
        .await
    {
        return C::answer(value);
    }
    let answer = handler.await;
    let json = C::value(&answer)
        .filter(|value| !unless(value))
        .map(serde_json::to_vec);
    match json {
        Some(Ok(json)) => cache.fill(&key, json.into(), call.expiration).await,
        Some(Err(error)) => cache.failed("write an answer as JSON", &CacheError::Json(error)),
        None => {}
    }
    answer
}

impl Cache {
    /// The entry, if there is one that decodes. What does not decode is a miss: the fill replaces it.
    async fn lookup<T>(&self, key: &str, decode: impl FnOnce(&[u8]) -> Option<T>) -> Option<T> {
        let found = self.store().get(key).await.unwrap_or_else(|error| {
            self.failed("read an entry", &error);
            None
        });
        let value = found.as_deref().and_then(decode);
        let counter = if value.is_some() {
            &self.counters().hits
        } else {
            &self.counters().misses
        };
        counter.count();
        value
    }

    async fn fill(&self, key: &str, json: Bytes, expiration: Duration) {
        match self.store().set(key, json, expiration).await {
            Ok(()) => self.counters().fills.count(),
            Err(error) => self.failed("store an answer", &error),
        }
    }
}
