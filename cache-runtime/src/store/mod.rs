//! Where entries live: one protocol, two backends, or nowhere. Each method is a step of the protocol, and atomic.

mod hash_slot;
#[cfg(feature = "admin")]
mod inspect;
mod keyspace;
mod look;
#[cfg(feature = "memory")]
mod memory;
mod protocol;
pub(crate) mod redis;
#[cfg(feature = "testing")]
pub(crate) mod script;
#[cfg(feature = "memory")]
mod step;

use std::time::Duration;

use bytes::Bytes;

#[cfg(feature = "admin")]
pub(crate) use self::inspect::{Beginning, Fenced, Found, Inspected, ServerState};
pub(crate) use self::keyspace::{Keyspace, can_share_slots};
pub(crate) use self::look::{Look, Looked};
#[cfg(feature = "memory")]
pub(crate) use self::memory::MemoryStore;
pub(crate) use self::protocol::{
    BeginFill, FENCE_TTL, Fence, Fetch, Fetched, Grant, Holder, LEASE_TTL, LONGEST_NEAR,
    LongestTtl, MAX_TTL, Near, Removal, Seen, Targets, nonces_in, replaceable_token, token,
};
pub(crate) use self::redis::RedisStore;
#[cfg(feature = "testing")]
pub use self::step::Operation;
#[cfg(all(feature = "memory", not(feature = "testing")))]
use self::step::Operation;
#[cfg(feature = "memory")]
use self::step::{long_step, step};

use crate::error::{CacheError, ErrorKind};
use crate::key::{EntryKey, Pattern, Tag};
use crate::stats::NearStats;
use crate::util::single_flight::Nothing;

/// How long it is remembered that a load came to nothing: longer than those pause who wait for it.
pub(crate) const NOTHING_TTL: Duration = Duration::from_secs(1);

/// What is to be seen of a load.
pub(crate) enum LoadState {
    UnderWay,
    /// The last load of this entry, perhaps this one, came to nothing.
    Nothing(Nothing),
    /// The lease is not this load's any more.
    Ended,
}

#[derive(Debug)]
pub(crate) enum Store {
    Redis(RedisStore),
    #[cfg(feature = "memory")]
    Memory(MemoryStore),
    /// It keeps nothing, and has never anything.
    Off(Keyspace),
}

impl Store {
    /// What entries are called.
    pub(crate) fn keyspace(&self) -> &Keyspace {
        match self {
            Self::Redis(store) => store.keyspace(),
            #[cfg(feature = "memory")]
            Self::Memory(store) => store.keyspace(),
            Self::Off(keyspace) => keyspace,
        }
    }

    pub(crate) fn is_off(&self) -> bool {
        matches!(self, Self::Off(_))
    }

    /// The pattern of all entries, where they can be told from what is not the cache's own.
    pub(crate) fn everything(&self) -> Option<Pattern> {
        match self {
            Self::Redis(store) => store.keyspace().everything(),
            #[cfg(feature = "memory")]
            Self::Memory(_) => Some(Pattern::starting_with("")),
            Self::Off(_) => None,
        }
    }

    /// What the TTLs of entries are; nothing where a lost invalidation can't be.
    pub(crate) fn longest_ttl(&self) -> Option<&LongestTtl> {
        match self {
            Self::Redis(store) => Some(store.longest_ttl()),
            #[cfg(feature = "memory")]
            Self::Memory(_) => None,
            Self::Off(_) => None,
        }
    }

    /// Whether the store is asked at all for what a read needs.
    pub(crate) fn is_available(&self, key: &EntryKey, tags: &[Tag]) -> bool {
        match self {
            Self::Redis(store) => store.is_available(key, tags),
            #[cfg(feature = "memory")]
            Self::Memory(_) => true,
            Self::Off(_) => false,
        }
    }

    /// Whether it is asked for everything.
    pub(crate) fn is_healthy(&self) -> bool {
        match self {
            Self::Redis(store) => store.is_healthy(),
            #[cfg(feature = "memory")]
            Self::Memory(_) => true,
            Self::Off(_) => true,
        }
    }

    /// Whether each server that holds entries replies.
    pub(crate) async fn ping(&self) -> Result<(), CacheError> {
        match self {
            Self::Redis(store) => store.ping().await,
            #[cfg(feature = "memory")]
            Self::Memory(store) => step(store, Operation::Ping, Vec::new, |()| true, || ()).await,
            Self::Off(_) => Ok(()),
        }
    }

    /// What is to be seen of these keys and tags, in their order.
    #[cfg(feature = "admin")]
    pub(crate) async fn inspect(&self, targets: &Targets) -> Result<Vec<Inspected>, CacheError> {
        match self {
            Self::Redis(store) => Ok(store.inspect(targets).await?),
            #[cfg(feature = "memory")]
            Self::Memory(store) => {
                let is_there = |all: &Vec<Inspected>| all.iter().any(|one| one.value.is_some());
                let look = || store.inspect(targets);
                let names = || targets.names();
                step(store, Operation::Inspect, names, is_there, look).await
            }
            Self::Off(_) => {
                let none = (0..targets.len()).map(|_| Inspected::default());
                Ok(none.collect())
            }
        }
    }

    /// Some of the keys that match a pattern.
    #[cfg(feature = "admin")]
    pub(crate) async fn find(&self, pattern: &Pattern) -> Result<Found, CacheError> {
        match self {
            Self::Redis(store) => Ok(store.find(pattern).await?),
            #[cfg(feature = "memory")]
            Self::Memory(store) => {
                let is_there = |found: &Found| !found.keys.is_empty();
                let names = || vec![pattern.scan.clone()];
                let find = || store.find(pattern);
                step(store, Operation::Inspect, names, is_there, find).await
            }
            Self::Off(_) => Ok(Found::default()),
        }
    }

    /// The servers that hold entries; none where they are in this process.
    #[cfg(feature = "admin")]
    pub(crate) fn servers(&self) -> Vec<ServerState> {
        match self {
            Self::Redis(store) => store.servers(),
            #[cfg(feature = "memory")]
            Self::Memory(_) => Vec::new(),
            Self::Off(_) => Vec::new(),
        }
    }

    /// The entry, and the nonces of these tags at the same moment.
    pub(crate) async fn get(
        &self,
        key: &EntryKey,
        tags: &[Tag],
        fetch: Fetch,
    ) -> Result<Fetched, CacheError> {
        match self {
            // What takes a connection is large, and what takes none is not to be as large.
            Self::Redis(store) => Ok(Box::pin(store.get(key, tags, fetch)).await?),
            #[cfg(feature = "memory")]
            Self::Memory(store) => get_from_memory(store, key, tags).await,
            Self::Off(_) => Ok(Fetched::nothing(tags.len())),
        }
    }

    /// The same, from the memory of this process where that is as good.
    pub(crate) async fn get_near(
        &self,
        key: &EntryKey,
        tags: &[Tag],
        fetch: Fetch,
        near: Near,
    ) -> Result<Fetched, CacheError> {
        match self {
            Self::Redis(store) => Ok(Box::pin(store.get_near(key, tags, fetch, near)).await?),
            // It is all there.
            #[cfg(feature = "memory")]
            Self::Memory(store) => get_from_memory(store, key, tags).await,
            Self::Off(_) => Ok(Fetched::nothing(tags.len())),
        }
    }

    /// How many entries, or copies of entries, are in this process; nothing where there are none in any case.
    pub(crate) fn entries_in_process(&self) -> Option<u64> {
        match self {
            Self::Redis(store) => store.copies(),
            #[cfg(feature = "memory")]
            Self::Memory(store) => Some(store.len()),
            Self::Off(_) => None,
        }
    }

    /// What became of copies in memory.
    pub(crate) fn near_stats(&self) -> NearStats {
        match self {
            Self::Redis(store) => store.near_stats(),
            #[cfg(feature = "memory")]
            Self::Memory(_) => NearStats::default(),
            Self::Off(_) => NearStats::default(),
        }
    }

    /// Sets value and TTL in one step, and voids the load under way, which knows an older value.
    pub(crate) async fn set(
        &self,
        key: &EntryKey,
        value: Bytes,
        ttl: Duration,
    ) -> Result<(), CacheError> {
        let ttl = usable_ttl(ttl)?;
        match self {
            Self::Redis(store) => Ok(store.set(key, &value, ttl).await?),
            #[cfg(feature = "memory")]
            Self::Memory(store) => {
                let set = || store.set(key, value, ttl);
                step(store, Operation::Set, || names(key, &[]), |()| true, set).await
            }
            Self::Off(_) => Ok(()),
        }
    }

    /// Asks for the lease of an entry, and for the nonces of its tags, which live as long as the entry will.
    pub(crate) async fn begin_fill(
        &self,
        key: &EntryKey,
        tags: &[Tag],
        nonce: &str,
        seen: Seen<'_>,
        ttl: Duration,
    ) -> Result<BeginFill, CacheError> {
        let ttl = usable_ttl(ttl)?;
        match self {
            Self::Redis(store) => Ok(store.begin_fill(key, tags, nonce, seen, ttl).await?),
            #[cfg(feature = "memory")]
            Self::Memory(store) => {
                let is_granted = |begun: &BeginFill| matches!(begun, BeginFill::Granted(_));
                let begin = || store.begin_fill(key, tags, nonce, seen, ttl);
                step(
                    store,
                    Operation::Lease,
                    || names(key, tags),
                    is_granted,
                    begin,
                )
                .await
            }
            Self::Off(_) => Ok(BeginFill::Closed),
        }
    }

    /// Stores an entry if the lease is still this load's, and says whether it was.
    pub(crate) async fn fill(
        &self,
        key: &EntryKey,
        nonce: &str,
        value: Bytes,
        ttl: Duration,
        expires_by: protocol::StoreMillis,
    ) -> Result<bool, CacheError> {
        let ttl = usable_ttl(ttl)?;
        match self {
            Self::Redis(store) => Ok(store.fill(key, nonce, &value, ttl, expires_by).await?),
            #[cfg(feature = "memory")]
            Self::Memory(store) => {
                let fill = || store.fill(key, nonce, value, ttl, expires_by);
                step(store, Operation::Fill, || names(key, &[]), |is| *is, fill).await
            }
            Self::Off(_) => Ok(false),
        }
    }

    /// Lengthens the lease, if it is still this load's.
    pub(crate) async fn renew(&self, key: &EntryKey, nonce: &str) -> Result<(), CacheError> {
        self.set_lease_ttl(key, nonce, LEASE_TTL).await
    }

    /// Gives the lease back, if it is still this load's.
    pub(crate) async fn release(&self, key: &EntryKey, nonce: &str) -> Result<(), CacheError> {
        self.set_lease_ttl(key, nonce, Duration::ZERO).await
    }

    /// The same for a load that came to nothing, and says so to other processes.
    pub(crate) async fn release_with_nothing(
        &self,
        key: &EntryKey,
        nonce: &str,
        nothing: Nothing,
    ) -> Result<(), CacheError> {
        match self {
            Self::Redis(store) => Ok(store.release_with_nothing(key, nonce, nothing).await?),
            // There are no other processes.
            #[cfg(feature = "memory")]
            Self::Memory(_) => self.release(key, nonce).await,
            Self::Off(_) => Ok(()),
        }
    }

    /// Whether a writer that has announced itself is at work on the entry, or one that removes what its patterns match.
    pub(crate) async fn is_being_written(
        &self,
        key: &EntryKey,
        tags: &[Tag],
    ) -> Result<bool, CacheError> {
        match self {
            Self::Redis(store) => Ok(store.is_being_written(key, tags).await?),
            #[cfg(feature = "memory")]
            Self::Memory(store) => {
                let look = || store.is_being_written(key, tags);
                step(store, Operation::Lease, || names(key, tags), |_| true, look).await
            }
            Self::Off(_) => Ok(false),
        }
    }

    /// What is to be seen of the load with this nonce.
    pub(crate) async fn load_state(
        &self,
        key: &EntryKey,
        nonce: &str,
    ) -> Result<LoadState, CacheError> {
        match self {
            Self::Redis(store) => Ok(store.load_state(key, nonce).await?),
            #[cfg(feature = "memory")]
            Self::Memory(store) => {
                let look = || store.load_state(key, nonce);
                step(store, Operation::Lease, || names(key, &[]), |_| true, look).await
            }
            Self::Off(_) => Ok(LoadState::Ended),
        }
    }

    async fn set_lease_ttl(
        &self,
        key: &EntryKey,
        nonce: &str,
        ttl: Duration,
    ) -> Result<(), CacheError> {
        match self {
            Self::Redis(store) => Ok(store.set_lease_ttl(key, nonce, ttl).await?),
            #[cfg(feature = "memory")]
            Self::Memory(store) => {
                let set = || store.set_lease_ttl(key, nonce, ttl);
                step(store, Operation::Lease, || names(key, &[]), |()| true, set).await
            }
            Self::Off(_) => Ok(()),
        }
    }

    /// Announces a write, or that it may still commit: voids the loads under way and lets nothing here outlive the
    /// fence. May be done any number of times.
    pub(crate) async fn fence(&self, targets: &Targets, writer_id: &str) -> Result<(), CacheError> {
        match self {
            _ if !targets.is_fenceable() => Ok(()),
            Self::Redis(store) => Ok(store.fence(targets, writer_id).await?),
            #[cfg(feature = "memory")]
            Self::Memory(store) => {
                let fence = || store.fence(targets, writer_id);
                step(
                    store,
                    Operation::Fence,
                    || targets.names(),
                    |()| true,
                    fence,
                )
                .await
            }
            Self::Off(_) => Ok(()),
        }
    }

    /// Takes a writer's fence away because the write was refused. Where no other writer is under way,
    /// everything gets back the TTL that fences have shortened.
    pub(crate) async fn release_fence(
        &self,
        targets: &Targets,
        writer_id: &str,
    ) -> Result<(), CacheError> {
        match self {
            _ if !targets.is_fenceable() => Ok(()),
            Self::Redis(store) => Ok(store.release_fence(targets, writer_id).await?),
            #[cfg(feature = "memory")]
            Self::Memory(store) => {
                let release = || store.release_fence(targets, writer_id);
                step(
                    store,
                    Operation::Fence,
                    || targets.names(),
                    |()| true,
                    release,
                )
                .await
            }
            Self::Off(_) => Ok(()),
        }
    }

    /// Removes what these name, voids the loads under way, and settles the writer's fence. What is loaded from other
    /// entries meanwhile is not stored: it may know what is still to be removed.
    pub(crate) async fn invalidate(&self, targets: &Targets, fence: Fence<'_>) -> Removal {
        match self {
            _ if targets.is_empty() => Removal::default(),
            Self::Redis(store) => store.invalidate(targets, fence).await,
            #[cfg(feature = "memory")]
            Self::Memory(store) => {
                let remove = store.invalidate(targets, fence);
                let names = || targets.names();
                let removed = long_step(store, Operation::Remove, names, |_| true, remove).await;
                removed.map_or_else(
                    |error| Removal {
                        left: targets.clone(),
                        failure: Some(error),
                        ..Removal::default()
                    },
                    |entries| Removal {
                        entries,
                        ..Removal::default()
                    },
                )
            }
            Self::Off(_) => Removal::default(),
        }
    }
}

#[cfg(feature = "memory")]
async fn get_from_memory(
    store: &MemoryStore,
    key: &EntryKey,
    tags: &[Tag],
) -> Result<Fetched, CacheError> {
    let is_there = |fetched: &Fetched| fetched.entry.is_some();
    let get = || store.get(key, tags);
    step(store, Operation::Get, || names(key, tags), is_there, get).await
}

/// What an operation is about.
#[cfg(feature = "memory")]
fn names(key: &EntryKey, tags: &[Tag]) -> Vec<String> {
    let tags = tags.iter().map(|tag| tag.as_str().to_owned());
    Some(key.as_str().to_owned())
        .into_iter()
        .chain(tags)
        .collect()
}

fn usable_ttl(ttl: Duration) -> Result<Duration, CacheError> {
    if ttl.is_zero() {
        return Err(ErrorKind::ZeroTtl.into());
    }
    // Redis counts in milliseconds: a shorter TTL becomes one of them.
    Ok(ttl.clamp(Duration::from_millis(1), MAX_TTL))
}
