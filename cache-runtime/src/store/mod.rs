//! Where entries are kept: one interface, two places. Its methods are the protocol's steps, each atomic.

mod batch;
#[cfg_attr(
    not(any(feature = "cluster", feature = "sentinel")),
    expect(dead_code, reason = "nothing but these features makes one")
)]
mod fleet;
mod greeting;
mod lane;
mod memory;
mod names;
mod redis;
mod scripts;
mod servers;
mod slot;
mod sweep;

use std::time::Duration;

use bytes::Bytes;
use deadpool_redis::Connection;

#[cfg(any(feature = "cluster", feature = "sentinel"))]
pub(crate) use self::fleet::guide::Guide;
#[cfg(any(feature = "cluster", feature = "sentinel"))]
pub(crate) use self::fleet::{Fleet, Pools};
pub(crate) use self::lane::{Lane, Role};
pub(crate) use self::memory::MemoryStore;
pub(crate) use self::names::{Names, is_possible};
pub(crate) use self::redis::RedisStore;
pub(crate) use self::servers::Servers;

use crate::error::CacheError;
use crate::key::Pattern;

/// The longest life of an entry: what is asked beyond it is cut to it.
pub(crate) const LONGEST_LIFE: Duration = Duration::from_secs(100 * 365 * 86_400);

/// How long a load may fill its entry without renewing its lease: what waits for a dead one waits so long.
pub(crate) const LEASE_LIFE: Duration = Duration::from_secs(3);

/// After this, what a writer made stale is gone even if it died before it could say so.
const FENCE_LIFE: Duration = Duration::from_secs(30);

/// So much of an entry tells whether it is still the one that a reader has seen.
const SEEN: usize = 512;

/// Milliseconds on the store's own clock; 0 is never.
pub(crate) type Moment = u64;

#[derive(Debug)]
pub(crate) struct Store {
    names: Names,
    place: Place,
}

#[derive(Debug)]
pub(crate) enum Place {
    Redis(RedisStore),
    Memory(MemoryStore),
}

/// What was found under a key.
pub(crate) struct Looked {
    pub(crate) entry: Option<Bytes>,
    /// Of the tags, in their order.
    pub(crate) nonces: Vec<Option<Bytes>>,
    /// How long it is still to live; the longest time where that was not asked, or has no end.
    pub(crate) left: Duration,
}

/// What became of the wish to fill an entry.
pub(crate) enum Begun {
    /// There is an entry that the reader has not seen: it should look again.
    Filled,
    /// The load with this nonce is at it.
    Busy(String),
    Granted(Grant),
}

/// The lease is the caller's.
#[derive(Default)]
pub(crate) struct Grant {
    /// The end of the earliest fence that stands: the entry must not outlive it.
    pub(crate) cap: Moment,
    /// Of the tags, in their order.
    pub(crate) nonces: Vec<String>,
}

/// What became of the wish to fence.
#[derive(Default)]
pub(crate) struct Fenced {
    /// When each target would have ended without its fence; 0 for one that is not there, or could not be fenced.
    pub(crate) lives: Vec<Moment>,
    /// ForwardReason some could not.
    pub(crate) failure: Option<CacheError>,
}

/// What a writer names outright: keys, as they are stored, and tags.
#[derive(Clone, Debug, Default)]
pub(crate) struct Targets {
    pub(crate) keys: Vec<String>,
    pub(crate) tags: Vec<String>,
}

impl Targets {
    pub(crate) fn is_empty(&self) -> bool {
        self.keys.is_empty() && self.tags.is_empty()
    }

    /// As the store calls them.
    fn names(&self, names: &Names) -> Vec<String> {
        let tags = self.tags.iter().map(|tag| names.tag(tag));
        self.keys.iter().cloned().chain(tags).collect()
    }

    /// An entry with its fence and its lease; a tag with its fence.
    fn with_helpers(&self, names: &Names) -> Vec<Vec<String>> {
        let keys = self
            .keys
            .iter()
            .map(|key| vec![key.clone(), names.fence(key), names.lease(key)]);
        let tags = self
            .tags
            .iter()
            .map(|tag| vec![names.tag(tag), names.tag_fence(tag)]);
        keys.chain(tags).collect()
    }
}

impl Store {
    pub(crate) fn new(place: Place, names: Names) -> Self {
        Self { names, place }
    }

    /// Whether the store is asked at all for what a read needs.
    pub(crate) fn is_available(&self, key: &str, tags: &[String]) -> bool {
        match &self.place {
            Place::Redis(store) => store.is_available(&self.names, key, tags),
            Place::Memory(_) => true,
        }
    }

    /// Whether it is asked for everything.
    pub(crate) fn is_healthy(&self) -> bool {
        match &self.place {
            Place::Redis(store) => store.are_all_available(),
            Place::Memory(_) => true,
        }
    }

    pub(crate) fn names(&self) -> &Names {
        &self.names
    }

    /// The entry, and the nonces of these tags at the same moment; the rest of its life if that is asked.
    pub(crate) async fn get(
        &self,
        key: &str,
        tags: &[String],
        with_life: bool,
    ) -> Result<Looked, CacheError> {
        match &self.place {
            Place::Redis(store) => store.get(&self.names, key, tags, with_life).await,
            Place::Memory(store) => Ok(store.get(&self.names, key, tags)),
        }
    }

    /// Sets value and life in one step, and voids the load under way, which knows an older value.
    pub(crate) async fn set(
        &self,
        key: &str,
        value: Bytes,
        life: Duration,
    ) -> Result<(), CacheError> {
        let life = check_life(life)?;
        match &self.place {
            Place::Redis(store) => store.set(&self.names, key, &value, life).await,
            Place::Memory(store) => {
                store.set(key, value, life);
                Ok(())
            }
        }
    }

    /// Asks for the lease of an entry, and for the nonces of its tags, which live as long as the entry will.
    pub(crate) async fn begin_fill(
        &self,
        key: &str,
        tags: &[String],
        nonce: &str,
        seen: &[u8],
        life: Duration,
    ) -> Result<Begun, CacheError> {
        let life = check_life(life)?;
        match &self.place {
            Place::Redis(store) => {
                store
                    .begin_fill(&self.names, key, tags, nonce, seen, life)
                    .await
            }
            Place::Memory(store) => Ok(store.begin_fill(&self.names, key, tags, nonce, seen, life)),
        }
    }

    /// Stores an entry if the lease is still this load's, and says whether it was.
    pub(crate) async fn fill(
        &self,
        key: &str,
        nonce: &str,
        value: Bytes,
        life: Duration,
        cap: Moment,
    ) -> Result<bool, CacheError> {
        let life = check_life(life)?;
        match &self.place {
            Place::Redis(store) => store.fill(&self.names, key, nonce, &value, life, cap).await,
            Place::Memory(store) => Ok(store.fill(key, nonce, value, life, cap)),
        }
    }

    /// Lengthens the lease, if it is still this load's.
    pub(crate) async fn renew(&self, key: &str, nonce: &str) -> Result<(), CacheError> {
        self.set_lease_life(key, nonce, LEASE_LIFE).await
    }

    /// Gives the lease back, if it is still this load's.
    pub(crate) async fn release(&self, key: &str, nonce: &str) -> Result<(), CacheError> {
        self.set_lease_life(key, nonce, Duration::ZERO).await
    }

    async fn set_lease_life(
        &self,
        key: &str,
        nonce: &str,
        life: Duration,
    ) -> Result<(), CacheError> {
        match &self.place {
            Place::Redis(store) => store.renew(&self.names, key, nonce, life).await,
            Place::Memory(store) => {
                store.renew(key, nonce, life);
                Ok(())
            }
        }
    }

    /// Announces a write: voids the loads under way and lets nothing here outlive the fence.
    pub(crate) async fn fence(&self, targets: &Targets, member: &str) -> Fenced {
        match &self.place {
            _ if targets.is_empty() => Fenced::default(),
            Place::Redis(store) => store.fence(&self.names, targets, member).await,
            Place::Memory(store) => Fenced {
                lives: store.fence(&self.names, targets, member),
                failure: None,
            },
        }
    }

    /// A write came to nothing: where no other one is under way, everything lives as long as it did.
    pub(crate) async fn lift(
        &self,
        targets: &Targets,
        member: &str,
        lives: &[Moment],
    ) -> Result<(), CacheError> {
        match &self.place {
            _ if targets.is_empty() => Ok(()),
            Place::Redis(store) => store.lift(&self.names, targets, member, lives).await,
            Place::Memory(store) => {
                store.lift(&self.names, targets, member, lives);
                Ok(())
            }
        }
    }

    /// Removes these keys, voids their loads and everything under these tags, and leaves the fence, if this
    /// writer has one. Says how many of the keys there were.
    pub(crate) async fn invalidate(
        &self,
        targets: &Targets,
        member: Option<&str>,
    ) -> Result<u64, CacheError> {
        match &self.place {
            _ if targets.is_empty() => Ok(0),
            Place::Redis(store) => store.invalidate(&self.names, targets, member).await,
            Place::Memory(store) => Ok(store.invalidate(&self.names, targets, member)),
        }
    }

    /// Removes every entry whose key matches, voids their loads, and says how many there were.
    pub(crate) async fn delete_matching(&self, pattern: &Pattern) -> Result<u64, CacheError> {
        match &self.place {
            Place::Redis(store) => store.delete_matching(&self.names, pattern).await,
            Place::Memory(store) => Ok(store.delete_matching(&self.names, pattern)),
        }
    }

    /// To the server that has this key, or to the only one.
    pub(crate) async fn connection(&self, key: Option<&str>) -> Result<Connection, CacheError> {
        match &self.place {
            Place::Redis(store) => store.connection(key).await,
            Place::Memory(_) => Err(CacheError::MissingClient),
        }
    }
}

fn check_life(life: Duration) -> Result<Duration, CacheError> {
    if life.is_zero() {
        return Err(CacheError::Expiration);
    }
    // Redis counts in milliseconds: a shorter life is one of them.
    Ok(life.clamp(Duration::from_millis(1), LONGEST_LIFE))
}
