//! Where entries are kept: one interface, two places.

mod memory;
mod redis;

use std::time::Duration;

use bytes::Bytes;

pub(crate) use self::memory::MemoryStore;
pub(crate) use self::redis::RedisStore;

use crate::error::CacheError;
use crate::key::Pattern;

/// The longest life of an entry: what is asked beyond it is cut to it.
const LONGEST_LIFE: Duration = Duration::from_secs(100 * 365 * 86_400);

#[derive(Debug)]
pub(crate) enum Store {
    Redis(RedisStore),
    Memory(MemoryStore),
}

impl Store {
    pub(crate) async fn get(&self, key: &str) -> Result<Option<Bytes>, CacheError> {
        match self {
            Self::Redis(store) => store.get(key).await,
            Self::Memory(store) => Ok(store.get(key)),
        }
    }

    /// Sets value and life in one step.
    pub(crate) async fn set(
        &self,
        key: &str,
        value: Bytes,
        life: Duration,
    ) -> Result<(), CacheError> {
        if life.is_zero() {
            return Err(CacheError::Expiration);
        }
        // Redis counts in milliseconds: a shorter life is one of them.
        let life = life.clamp(Duration::from_millis(1), LONGEST_LIFE);
        match self {
            Self::Redis(store) => store.set(key, &value, life).await,
            Self::Memory(store) => {
                store.set(key, value, life);
                Ok(())
            }
        }
    }

    /// Removes these keys in one step and says how many there were.
    pub(crate) async fn delete(&self, keys: &[String]) -> Result<u64, CacheError> {
        match self {
            Self::Redis(store) => store.delete(keys).await,
            Self::Memory(store) => Ok(store.delete(keys)),
        }
    }

    /// Removes every key that matches and says how many there were.
    pub(crate) async fn delete_matching(&self, pattern: &Pattern) -> Result<u64, CacheError> {
        match self {
            Self::Redis(store) => store.delete_matching(pattern).await,
            Self::Memory(store) => Ok(store.delete_matching(pattern)),
        }
    }
}
