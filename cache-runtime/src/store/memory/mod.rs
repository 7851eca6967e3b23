//! Entries in this process, for a program without a Redis and for its tests. The steps are those of the
//! scripts in `redis/lua/`, one lock in the place of the server's one thread; a hit does not take it.

mod entries;
mod shard;
mod stored;
mod sweep;
mod work;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::time::Instant;

use self::entries::Entries;
#[cfg(feature = "admin")]
use self::entries::{PAGE, Position};
use self::stored::Stored;
use self::sweep::Sweep;
use self::work::{Lease, Work};
use super::LoadState;
#[cfg(feature = "admin")]
use super::inspect::{Beginning, Fenced, Found, Inspected, MAX_LOOKED_AT, SHOWN};
use super::keyspace::Keyspace;
use super::protocol::{
    BeginFill, FENCE_TTL, Fence, Fetched, Grant, Holder, SEEN_LEN, Seen, StoreMillis, Targets,
    proposals,
};
#[cfg(feature = "testing")]
use super::script::Script;
use crate::codec::Body;
#[cfg(feature = "admin")]
use crate::key::Pattern;
use crate::key::{EntryKey, Tag};

pub(crate) struct MemoryStore {
    keyspace: Keyspace,
    /// Entries, and the nonces of tags.
    entries: Entries,
    work: Mutex<Work>,
    /// When this store's clock began: that of the timers, so that both stand still or go on together.
    start: Instant,
    /// What a test says of it.
    #[cfg(feature = "testing")]
    pub(super) script: Option<Arc<Script>>,
}

/// What tells whether an entry is still the one that a reader has seen.
fn beginning(entry: &[u8]) -> &[u8] {
    &entry[..entry.len().min(SEEN_LEN)]
}

fn milliseconds(ttl: Duration) -> StoreMillis {
    StoreMillis::try_from(ttl.as_millis()).unwrap_or(StoreMillis::MAX / 2)
}

impl MemoryStore {
    /// Entries that take at most so many bytes, with all that is kept beside them; those that are read least make room.
    pub(crate) fn new(keyspace: Keyspace, bytes: u64) -> Self {
        Self {
            keyspace,
            entries: Entries::new(bytes),
            work: Mutex::default(),
            start: Instant::now(),
            #[cfg(feature = "testing")]
            script: None,
        }
    }

    /// The same, as a test says.
    #[cfg(feature = "testing")]
    pub(crate) fn scripted(mut self, script: Arc<Script>) -> Self {
        self.script = Some(script);
        self
    }

    pub(super) fn keyspace(&self) -> &Keyspace {
        &self.keyspace
    }

    /// How many entries and nonces of tags there are, with those that have expired and not been cleared away yet.
    pub(super) fn len(&self) -> u64 {
        self.entries.count()
    }

    /// The keys and tags of these, in their order.
    #[cfg(feature = "admin")]
    pub(super) fn inspect(&self, targets: &Targets) -> Vec<Inspected> {
        let work = self.work.lock();
        let now = self.now();
        let until = |at: StoreMillis| Duration::from_millis(at.saturating_sub(now));
        let inspected = |name: String| {
            let entry = self.alive(&name);
            Inspected {
                remaining: entry.as_ref().map(|entry| until(entry.expires_at())),
                value: entry.map(|entry| {
                    let bytes = entry.value.bytes();
                    Beginning {
                        bytes: Bytes::copy_from_slice(&bytes[..bytes.len().min(SHOWN)]),
                        size: Some(bytes.len() as u64),
                    }
                }),
                is_foreign: false,
                lease: work.lease_end(&name, now).map(until),
                fence: work.fences(&name, now).map(|(writers, first)| Fenced {
                    writers,
                    remaining: until(first),
                    is_closed: false,
                }),
            }
        };
        self.names(targets).into_iter().map(inspected).collect()
    }

    /// Some of the keys that match a pattern.
    #[cfg(feature = "admin")]
    pub(super) fn find(&self, pattern: &Pattern) -> Found {
        let (now, mut found) = (self.now(), Found::default());
        let (mut position, mut looked_at) = (Position::default(), 0);
        let is_hit = |stored: &Stored| {
            stored.is_alive(now)
                && self.keyspace.is_entry(stored.name.as_bytes())
                && pattern.matches(stored.name.as_bytes())
        };
        loop {
            let (page, is_last) = self.entries.next_page(&mut position, is_hit);
            let mut keys = page.iter().map(|stored| stored.name.as_bytes().to_vec());
            if !keys.all(|key| found.add(key)) || is_last {
                return found;
            }
            looked_at += PAGE;
            if looked_at >= MAX_LOOKED_AT {
                found.is_all = false;
                return found;
            }
        }
    }

    pub(super) fn get(&self, key: &EntryKey, tags: &[Tag]) -> Fetched {
        let now = self.now();
        let look = |entry: &Arc<Stored>| (entry.value.for_hit(), entry.expires_at());
        let entry = self.entries.look(key.as_str(), now, look);
        let (entry, expires_at) = entry.map_or((None, 0), |(entry, at)| (Some(entry), at));
        let remaining = expires_at.saturating_sub(now);
        let nonce = |tag: &Tag| {
            let look = |nonce: &Arc<Stored>| nonce.value.bytes().clone();
            self.entries.look(&self.keyspace.tag(tag), now, look)
        };
        Fetched {
            entry,
            tag_nonces: tags.iter().map(nonce).collect(),
            remaining: Duration::from_millis(remaining),
            copied: None,
        }
    }

    /// Obeys the fence that stands.
    pub(super) fn set(&self, key: &EntryKey, value: Bytes, ttl: Duration) {
        let (mut work, key) = (self.work.lock(), key.as_str());
        work.leases.remove(key);
        let now = self.now();
        let limit = work.limit(key, now);
        let natural_end = now + milliseconds(ttl);
        self.put(key, Body::kept(value), natural_end.min(limit), natural_end);
    }

    pub(super) fn begin_fill(
        &self,
        key: &EntryKey,
        tags: &[Tag],
        token: &str,
        seen: Seen<'_>,
        ttl: Duration,
    ) -> BeginFill {
        let (mut work, key) = (self.work.lock(), key.as_str());
        let now = self.now();
        let limit = work.limit(key, now);
        if let Some(entry) = self
            .alive(key)
            .filter(|entry| !entry.value.bytes().is_empty())
        {
            if beginning(entry.value.bytes()) != beginning(seen.entry) {
                return BeginFill::Filled;
            }
            let remaining = Duration::from_millis(entry.natural_end().saturating_sub(now));
            if limit < StoreMillis::MAX && seen.fresh_above.is_some_and(|least| remaining > least) {
                return BeginFill::Fresh(remaining);
            }
        }
        if limit <= now || work.is_swept(key) {
            return BeginFill::Closed;
        }
        let proposals = proposals(token, seen);
        let join =
            |(tag, proposal)| self.join_tag(&mut work, &self.keyspace.tag(tag), proposal, ttl);
        let Some(tag_nonces) = tags.iter().zip(proposals).map(join).collect() else {
            return BeginFill::Closed;
        };
        let lease = work.leases.get(key);
        let is_held =
            |lease: &&Lease| lease.expires_at >= now && Some(lease.nonce.as_str()) != seen.doomed;
        if let Some(lease) = lease.filter(is_held) {
            return BeginFill::Busy(Holder {
                token: lease.nonce.clone(),
                tag_nonces,
            });
        }
        work.grant(key, token, now);
        let expires_by = if limit < StoreMillis::MAX { limit } else { 0 };
        BeginFill::Granted(Grant {
            expires_by,
            tag_nonces,
            is_closed: false,
        })
    }

    /// Nothing where the tag has no nonce and is closed.
    fn join_tag(
        &self,
        work: &mut Work,
        tag: &str,
        proposal: String,
        ttl: Duration,
    ) -> Option<String> {
        let now = self.now();
        let limit = work.limit(tag, now);
        let is_fenced = limit < StoreMillis::MAX;
        let spent = now + milliseconds(FENCE_TTL);
        let wanted = now + milliseconds(ttl + FENCE_TTL);
        match self.alive(tag) {
            Some(entry) if is_fenced || entry.expires_at() > spent => {
                if !is_fenced && entry.expires_at() < wanted {
                    entry.set_expires_at(wanted);
                    entry.set_natural_end(wanted);
                }
                Some(String::from_utf8_lossy(entry.value.bytes()).into_owned())
            }
            _ if limit <= now => None,
            _ => {
                let nonce = Bytes::from(proposal.clone());
                self.put(tag, nonce.into(), wanted.min(limit), wanted);
                Some(proposal)
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
        let mut natural_end = now + milliseconds(ttl);
        let mut expires_at = natural_end;
        if expires_by > 0 {
            if expires_by <= now {
                return false;
            }
            expires_at = expires_at.min(expires_by);
        }
        if work.limit(key, now) != expires_by {
            // The load knows of another fence than the one that stands, if one does: nobody gives its TTL back.
            natural_end = expires_at;
        }
        self.put(key, Body::kept(value), expires_at, natural_end);
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

    pub(super) fn is_being_written(&self, key: &EntryKey, tags: &[Tag]) -> bool {
        let (mut work, now) = (self.work.lock(), self.now());
        let targets = Targets {
            keys: vec![key.clone()],
            tags: tags.to_vec(),
            ..Targets::default()
        };
        let mut names = self.names(&targets).into_iter();
        names.any(|name| work.limit(&name, now) < StoreMillis::MAX) || work.is_swept(key.as_str())
    }

    pub(super) fn load_state(&self, key: &EntryKey, nonce: &str) -> LoadState {
        let work = self.work.lock();
        if work.holds(key.as_str(), nonce, self.now()) {
            LoadState::UnderWay
        } else {
            LoadState::Ended
        }
    }

    pub(super) fn fence(&self, targets: &Targets, writer_id: &str) {
        let mut work = self.work.lock();
        let now = self.now();
        for target in self.names(targets) {
            work.leases.remove(&target);
            work.enter(&target, writer_id, now);
            let limit = work.limit(&target, now);
            if let Some(entry) = self
                .alive(&target)
                .filter(|entry| entry.expires_at() > limit)
            {
                entry.set_expires_at(limit);
            }
        }
    }

    pub(super) fn release_fence(&self, targets: &Targets, writer_id: &str) {
        let mut work = self.work.lock();
        let now = self.now();
        for target in self.names(targets) {
            if !work.leave(&target, writer_id, now) {
                continue;
            }
            let limit = work.limit(&target, now);
            if let Some(entry) = self.alive(&target) {
                let back = entry.natural_end().min(limit);
                if back > entry.expires_at() {
                    entry.set_expires_at(back);
                }
            }
        }
    }

    /// Removes what the patterns match first: until the last of it is gone, what is loaded from that is not stored.
    pub(super) async fn invalidate(&self, targets: &Targets, fence: Fence<'_>) -> u64 {
        if targets.patterns.is_empty() {
            return self.remove_named(targets, fence);
        }
        let sweep = Sweep::begin(self, &targets.patterns);
        sweep.run().await + self.remove_named(targets, fence)
    }

    fn remove_named(&self, targets: &Targets, fence: Fence<'_>) -> u64 {
        let mut work = self.work.lock();
        let now = self.now();
        for target in self.names(targets) {
            work.leases.remove(&target);
            match fence {
                Fence::None => {}
                Fence::Release(writer_id, _) => drop(work.leave(&target, writer_id, now)),
                Fence::Renew(writer_id) => work.enter(&target, writer_id, now),
            }
        }
        for tag in &targets.tags {
            self.entries.remove(&self.keyspace.tag(tag));
        }
        let keys = targets.keys.iter();
        keys.map(|key| u64::from(self.remove(key.as_str(), now)))
            .sum()
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

    fn alive(&self, key: &str) -> Option<Arc<Stored>> {
        self.entries.get(key, self.now())
    }

    fn put(&self, key: &str, value: Body, expires_at: StoreMillis, natural_end: StoreMillis) {
        let stored = Stored::new(key, value, expires_at, natural_end);
        self.entries.put(stored, self.now());
    }

    fn remove(&self, key: &str, now: StoreMillis) -> bool {
        let removed = self.entries.remove(key);
        removed.is_some_and(|entry| entry.is_alive(now))
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore")
            .field("entries", &self.entries.count())
            .finish_non_exhaustive()
    }
}
