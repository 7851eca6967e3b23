//! Entries in this process, for a program without a Redis and for its tests. The steps are those of the
//! scripts in `redis/lua/`, one lock in the place of the server's one thread; a hit does not take it.

mod work;

use std::fmt;
use std::time::{Duration, Instant};

use bytes::Bytes;
use moka::Expiry;
use moka::sync::Cache as Entries;
use parking_lot::Mutex;

use self::work::{Lease, Work};
use super::LoadState;
use super::keyspace::Keyspace;
use super::protocol::{
    BeginFill, FENCE_TTL, Fetched, Grant, LEASE_TTL, SEEN_LEN, StoreMillis, Targets,
};
use crate::key::{EntryKey, Pattern, Tag};
use crate::nonce::new_nonce;

pub(crate) struct MemoryStore {
    keyspace: Keyspace,
    /// Entries, and the nonces of tags.
    entries: Entries<String, Stored>,
    work: Mutex<Work>,
    /// When this store's clock began: that of the timers, so that both stand still or go on together.
    start: tokio::time::Instant,
}

/// An entry, or the nonce of a tag.
#[derive(Clone)]
struct Stored {
    value: Bytes,
    expires_at: StoreMillis,
    ttl: Duration,
}

/// Each entry has a TTL of its own, and a new one whenever it is set.
struct OwnTtl;

impl Expiry<String, Stored> for OwnTtl {
    fn expire_after_create(&self, _: &String, stored: &Stored, _: Instant) -> Option<Duration> {
        Some(stored.ttl)
    }

    fn expire_after_update(
        &self,
        _: &String,
        stored: &Stored,
        _: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        Some(stored.ttl)
    }
}

fn milliseconds(ttl: Duration) -> StoreMillis {
    StoreMillis::try_from(ttl.as_millis()).unwrap_or(StoreMillis::MAX / 2)
}

impl MemoryStore {
    /// At most so many bytes of keys and values; the least useful entries make room.
    pub(crate) fn new(keyspace: Keyspace, bytes: u64) -> Self {
        let entries = Entries::builder()
            .max_capacity(bytes)
            .weigher(|key: &String, stored: &Stored| {
                u32::try_from(key.len() + stored.value.len()).unwrap_or(u32::MAX)
            })
            .expire_after(OwnTtl)
            .build();
        Self {
            keyspace,
            entries,
            work: Mutex::default(),
            start: tokio::time::Instant::now(),
        }
    }

    pub(super) fn keyspace(&self) -> &Keyspace {
        &self.keyspace
    }

    pub(super) fn get(&self, key: &EntryKey, tags: &[Tag]) -> Fetched {
        let entry = self.alive(key.as_str());
        let remaining = entry
            .as_ref()
            .map_or(0, |entry| entry.expires_at.saturating_sub(self.now()));
        let nonce = |tag: &Tag| self.alive(&self.keyspace.tag(tag)).map(|entry| entry.value);
        Fetched {
            entry: entry.map(|entry| entry.value),
            tag_nonces: tags.iter().map(nonce).collect(),
            remaining: Duration::from_millis(remaining),
        }
    }

    pub(super) fn set(&self, key: &EntryKey, value: Bytes, ttl: Duration) {
        let (mut work, key) = (self.work.lock(), key.as_str());
        work.leases.remove(key);
        self.put(key, value, self.now() + milliseconds(ttl));
    }

    pub(super) fn begin_fill(
        &self,
        key: &EntryKey,
        tags: &[Tag],
        nonce: &str,
        seen: &[u8],
        ttl: Duration,
    ) -> BeginFill {
        let (mut work, key) = (self.work.lock(), key.as_str());
        let now = self.now();
        if let Some(entry) = self.alive(key) {
            let beginning = |value: &[u8]| value[..value.len().min(SEEN_LEN)].to_vec();
            if !entry.value.is_empty() && beginning(&entry.value) != beginning(seen) {
                return BeginFill::Filled;
            }
        }
        if let Some(lease) = work.leases.get(key).filter(|lease| lease.expires_at >= now) {
            return BeginFill::Busy(lease.nonce.clone());
        }
        let lease = Lease {
            nonce: nonce.to_owned(),
            expires_at: now + milliseconds(LEASE_TTL),
        };
        work.leases.insert(key.to_owned(), lease);
        let tag_nonces = tags
            .iter()
            .map(|tag| self.join_tag(&mut work, &self.keyspace.tag(tag), ttl))
            .collect();
        let expires_by = work.standing(key, now).unwrap_or_default();
        BeginFill::Granted(Grant {
            expires_by,
            tag_nonces,
        })
    }

    fn join_tag(&self, work: &mut Work, tag: &str, ttl: Duration) -> String {
        let now = self.now();
        let expires_by = work.standing(tag, now);
        let (spent, wanted) = (
            now + milliseconds(FENCE_TTL),
            now + milliseconds(ttl + FENCE_TTL),
        );
        match self.alive(tag) {
            Some(entry) if expires_by.is_some() || entry.expires_at > spent => {
                if expires_by.is_none() && entry.expires_at < wanted {
                    self.put(tag, entry.value.clone(), wanted);
                }
                String::from_utf8_lossy(&entry.value).into_owned()
            }
            _ => {
                let nonce = new_nonce();
                let expires_at = expires_by.map_or(wanted, |expires_by| wanted.min(expires_by));
                self.put(tag, nonce.clone().into(), expires_at);
                nonce
            }
        }
    }

    pub(super) fn fill(
        &self,
        key: &EntryKey,
        nonce: &str,
        value: Bytes,
        ttl: Duration,
        expires_by: StoreMillis,
    ) -> bool {
        let (mut work, key) = (self.work.lock(), key.as_str());
        if !work.holds(key, nonce, self.now()) {
            return false;
        }
        work.leases.remove(key);
        let now = self.now();
        if expires_by > 0 && expires_by < now {
            return false;
        }
        let mut expires_at = now + milliseconds(ttl);
        if expires_by > 0 {
            expires_at = expires_at.min(expires_by);
        }
        self.put(key, value, expires_at);
        true
    }

    /// A TTL of zero gives the lease back.
    pub(super) fn set_lease_ttl(&self, key: &EntryKey, nonce: &str, ttl: Duration) {
        let (mut work, key) = (self.work.lock(), key.as_str());
        if !work.holds(key, nonce, self.now()) {
            return;
        }
        if ttl.is_zero() {
            work.leases.remove(key);
        } else if let Some(lease) = work.leases.get_mut(key) {
            lease.expires_at = self.now() + milliseconds(ttl);
        }
    }

    pub(super) fn load_state(&self, key: &EntryKey, nonce: &str) -> LoadState {
        let work = self.work.lock();
        if work.holds(key.as_str(), nonce, self.now()) {
            LoadState::UnderWay
        } else {
            LoadState::Ended
        }
    }

    pub(super) fn fence(&self, targets: &Targets, writer_id: &str) -> Vec<StoreMillis> {
        let mut work = self.work.lock();
        let now = self.now();
        let at = now + milliseconds(FENCE_TTL);
        let fence_one = |target: &String| {
            work.leases.remove(target);
            let fence = work.fences.entry(target.clone()).or_default();
            fence.standing(now);
            fence.writers.insert(writer_id.to_owned(), at);
            let Some(entry) = self.alive(target) else {
                return 0;
            };
            if entry.expires_at > at {
                self.put(target, entry.value, at);
            }
            entry.expires_at
        };
        self.names(targets).iter().map(fence_one).collect()
    }

    pub(super) fn release_fence(
        &self,
        targets: &Targets,
        writer_id: &str,
        previous_expiry: &[StoreMillis],
    ) {
        let mut work = self.work.lock();
        let now = self.now();
        for (target, previous) in self.names(targets).iter().zip(previous_expiry) {
            let Some(fence) = work.fences.get_mut(target) else {
                continue;
            };
            fence.standing(now);
            if fence.writers.remove(writer_id).is_none() {
                continue;
            }
            fence.previous_expiry = fence.previous_expiry.max(*previous);
            let was = fence.previous_expiry;
            // As far as the earliest fence that still stands; the rest is left to its writer.
            let was = work
                .standing(target, now)
                .map_or(was, |first| was.min(first));
            if let Some(entry) = self.alive(target).filter(|entry| entry.expires_at < was) {
                self.put(target, entry.value, was);
            }
        }
    }

    pub(super) fn invalidate(&self, targets: &Targets, writer_id: Option<&str>) -> u64 {
        let mut work = self.work.lock();
        let now = self.now();
        for target in &self.names(targets) {
            work.leases.remove(target);
            if let (Some(writer_id), Some(fence)) = (writer_id, work.fences.get_mut(target)) {
                fence.writers.remove(writer_id);
                fence.previous_expiry = 0;
            }
            work.standing(target, now);
        }
        for tag in &targets.tags {
            self.entries.invalidate(&self.keyspace.tag(tag));
        }
        let removed = targets.keys.iter().map(|key| self.remove(key.as_str()));
        removed.map(u64::from).sum()
    }

    pub(super) fn delete_matching(&self, pattern: &Pattern) -> u64 {
        let mut work = self.work.lock();
        work.leases
            .retain(|key, _| !pattern.matches(key.as_bytes()));
        let keys = self.entries.iter().map(|(key, _)| key);
        let matching: Vec<_> = keys
            .filter(|key| self.keyspace.is_entry(key.as_bytes()) && pattern.matches(key.as_bytes()))
            .collect();
        let removed = matching.iter().map(|key| self.remove(key));
        removed.map(u64::from).sum()
    }

    /// The targets as the store calls them.
    fn names(&self, targets: &Targets) -> Vec<String> {
        let keys = targets.keys.iter().map(|key| key.as_str().to_owned());
        let tags = targets.tags.iter().map(|tag| self.keyspace.tag(tag));
        keys.chain(tags).collect()
    }

    fn now(&self) -> StoreMillis {
        milliseconds(self.start.elapsed())
    }

    fn alive(&self, key: &str) -> Option<Stored> {
        let now = self.now();
        self.entries
            .get(key)
            .filter(|entry| entry.expires_at >= now)
    }

    fn put(&self, key: &str, value: Bytes, expires_at: StoreMillis) {
        // A millisecond more than remains: `expires_at` decides, and moka only clears away.
        let ttl = Duration::from_millis(expires_at.saturating_sub(self.now()) + 1);
        self.entries.insert(
            key.to_owned(),
            Stored {
                value,
                expires_at,
                ttl,
            },
        );
    }

    fn remove(&self, key: &str) -> bool {
        let now = self.now();
        let removed = self.entries.remove(key);
        removed.is_some_and(|entry| entry.expires_at >= now)
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore")
            .field("entries", &self.entries.entry_count())
            .finish_non_exhaustive()
    }
}
