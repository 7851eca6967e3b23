//! Entries in this process, for a program without a Redis and for its tests. The steps are those of the
//! scripts in `lua/`, one lock in the place of the server's one thread; a hit does not take it.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use moka::Expiry;
use moka::sync::Cache as Entries;

use super::names::Names;
use super::{Begun, FENCE_LIFE, Grant, LEASE_LIFE, Looked, Moment, SEEN, Targets};
use crate::key::Pattern;
use crate::nonce::new_nonce;

pub(crate) struct MemoryStore {
    /// And the nonces of tags.
    entries: Entries<String, Entry>,
    work: Mutex<Work>,
    /// When time begins, for moments.
    start: Instant,
}

#[derive(Clone)]
struct Entry {
    value: Bytes,
    end: Moment,
    life: Duration,
}

/// What readers and writers are about.
#[derive(Default)]
struct Work {
    leases: HashMap<String, Lease>,
    fences: HashMap<String, Fence>,
}

struct Lease {
    nonce: String,
    end: Moment,
}

#[derive(Default)]
struct Fence {
    members: HashMap<String, Moment>,
    /// When the entry ended before it was fenced, from a writer that failed while others go on.
    was: Moment,
}

impl Fence {
    /// The earliest end of those that stand, if one does.
    fn standing(&mut self, now: Moment) -> Option<Moment> {
        self.members.retain(|_, end| *end >= now);
        self.members.values().min().copied()
    }
}

impl Work {
    fn standing(&mut self, target: &str, now: Moment) -> Option<Moment> {
        let standing = self.fences.get_mut(target)?.standing(now);
        if standing.is_none() {
            self.fences.remove(target);
        }
        standing
    }

    fn holds(&self, key: &str, nonce: &str) -> bool {
        self.leases
            .get(key)
            .is_some_and(|lease| lease.nonce == nonce)
    }
}

/// Each entry has a life of its own, and a new one whenever it is set.
struct OwnLife;

impl Expiry<String, Entry> for OwnLife {
    fn expire_after_create(&self, _: &String, entry: &Entry, _: Instant) -> Option<Duration> {
        Some(entry.life)
    }

    fn expire_after_update(
        &self,
        _: &String,
        entry: &Entry,
        _: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        Some(entry.life)
    }
}

fn milliseconds(life: Duration) -> Moment {
    Moment::try_from(life.as_millis()).unwrap_or(Moment::MAX / 2)
}

impl MemoryStore {
    /// At most so many bytes of keys and values; the least useful entries make room.
    pub(crate) fn new(bytes: u64) -> Self {
        let entries = Entries::builder()
            .max_capacity(bytes)
            .weigher(|key: &String, entry: &Entry| {
                u32::try_from(key.len() + entry.value.len()).unwrap_or(u32::MAX)
            })
            .expire_after(OwnLife)
            .build();
        Self {
            entries,
            work: Mutex::default(),
            start: Instant::now(),
        }
    }

    pub(super) fn get(&self, names: &Names, key: &str, tags: &[String]) -> Looked {
        let entry = self.alive(key);
        let left = entry
            .as_ref()
            .map_or(0, |entry| entry.end.saturating_sub(self.now()));
        let nonce = |tag: &String| self.alive(&names.tag(tag)).map(|entry| entry.value);
        Looked {
            entry: entry.map(|entry| entry.value),
            nonces: tags.iter().map(nonce).collect(),
            left: Duration::from_millis(left),
        }
    }

    pub(super) fn set(&self, key: &str, value: Bytes, life: Duration) {
        let mut work = self.work();
        work.leases.remove(key);
        self.put(key, value, self.now() + milliseconds(life));
    }

    pub(super) fn begin_fill(
        &self,
        names: &Names,
        key: &str,
        tags: &[String],
        nonce: &str,
        seen: &[u8],
        life: Duration,
    ) -> Begun {
        let mut work = self.work();
        let now = self.now();
        if let Some(entry) = self.alive(key) {
            let beginning = |value: &[u8]| value[..value.len().min(SEEN)].to_vec();
            if !entry.value.is_empty() && beginning(&entry.value) != beginning(seen) {
                return Begun::Filled;
            }
        }
        if let Some(lease) = work.leases.get(key).filter(|lease| lease.end >= now) {
            return Begun::Busy(lease.nonce.clone());
        }
        let lease = Lease {
            nonce: nonce.to_owned(),
            end: now + milliseconds(LEASE_LIFE),
        };
        work.leases.insert(key.to_owned(), lease);
        let nonces = tags
            .iter()
            .map(|tag| self.join_tag(&mut work, &names.tag(tag), life))
            .collect();
        let cap = work.standing(key, now).unwrap_or_default();
        Begun::Granted(Grant { cap, nonces })
    }

    fn join_tag(&self, work: &mut Work, tag: &str, life: Duration) -> String {
        let now = self.now();
        let cap = work.standing(tag, now);
        let (spent, end) = (
            now + milliseconds(FENCE_LIFE),
            now + milliseconds(life + FENCE_LIFE),
        );
        match self.alive(tag) {
            Some(entry) if cap.is_some() || entry.end > spent => {
                if cap.is_none() && entry.end < end {
                    self.put(tag, entry.value.clone(), end);
                }
                String::from_utf8_lossy(&entry.value).into_owned()
            }
            _ => {
                let nonce = new_nonce();
                let end = cap.map_or(end, |cap| end.min(cap));
                self.put(tag, nonce.clone().into(), end);
                nonce
            }
        }
    }

    pub(super) fn fill(
        &self,
        key: &str,
        nonce: &str,
        value: Bytes,
        life: Duration,
        cap: Moment,
    ) -> bool {
        let mut work = self.work();
        if !work.holds(key, nonce) {
            return false;
        }
        work.leases.remove(key);
        let now = self.now();
        if cap > 0 && cap < now {
            return false;
        }
        let end = now + milliseconds(life);
        self.put(key, value, if cap > 0 { end.min(cap) } else { end });
        true
    }

    pub(super) fn renew(&self, key: &str, nonce: &str, life: Duration) {
        let mut work = self.work();
        if !work.holds(key, nonce) {
            return;
        }
        if life.is_zero() {
            work.leases.remove(key);
        } else if let Some(lease) = work.leases.get_mut(key) {
            lease.end = self.now() + milliseconds(life);
        }
    }

    pub(super) fn fence(&self, names: &Names, targets: &Targets, member: &str) -> Vec<Moment> {
        let mut work = self.work();
        let now = self.now();
        let at = now + milliseconds(FENCE_LIFE);
        let fence_one = |target: &String| {
            work.leases.remove(target);
            let fence = work.fences.entry(target.clone()).or_default();
            fence.standing(now);
            fence.members.insert(member.to_owned(), at);
            let Some(entry) = self.alive(target) else {
                return 0;
            };
            if entry.end > at {
                self.put(target, entry.value, at);
            }
            entry.end
        };
        targets.names(names).iter().map(fence_one).collect()
    }

    pub(super) fn lift(&self, names: &Names, targets: &Targets, member: &str, lives: &[Moment]) {
        let mut work = self.work();
        let now = self.now();
        for (target, was) in targets.names(names).iter().zip(lives) {
            let Some(fence) = work.fences.get_mut(target) else {
                continue;
            };
            fence.standing(now);
            if fence.members.remove(member).is_none() {
                continue;
            }
            fence.was = fence.was.max(*was);
            let was = fence.was;
            // As far as the earliest fence that still stands; the rest is left to its writer.
            let was = work
                .standing(target, now)
                .map_or(was, |first| was.min(first));
            if let Some(entry) = self.alive(target).filter(|entry| entry.end < was) {
                self.put(target, entry.value, was);
            }
        }
    }

    pub(super) fn invalidate(&self, names: &Names, targets: &Targets, member: Option<&str>) -> u64 {
        let mut work = self.work();
        let now = self.now();
        for target in &targets.names(names) {
            work.leases.remove(target);
            if let (Some(member), Some(fence)) = (member, work.fences.get_mut(target)) {
                fence.members.remove(member);
                fence.was = 0;
            }
            work.standing(target, now);
        }
        for tag in &targets.tags {
            self.entries.invalidate(&names.tag(tag));
        }
        let removed = targets.keys.iter().map(|key| self.remove(key));
        removed.map(u64::from).sum()
    }

    pub(super) fn delete_matching(&self, names: &Names, pattern: &Pattern) -> u64 {
        let mut work = self.work();
        work.leases
            .retain(|key, _| !pattern.matches(key.as_bytes()));
        let keys = self.entries.iter().map(|(key, _)| key);
        let matching: Vec<_> = keys
            .filter(|key| names.is_entry(key.as_bytes()) && pattern.matches(key.as_bytes()))
            .collect();
        let removed = matching.iter().map(|key| self.remove(key));
        removed.map(u64::from).sum()
    }

    fn work(&self) -> MutexGuard<'_, Work> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Moment {
        milliseconds(self.start.elapsed())
    }

    fn alive(&self, key: &str) -> Option<Entry> {
        let now = self.now();
        self.entries.get(key).filter(|entry| entry.end >= now)
    }

    fn put(&self, key: &str, value: Bytes, end: Moment) {
        // A millisecond more than is left: `end` decides, and moka only clears away.
        let life = Duration::from_millis(end.saturating_sub(self.now()) + 1);
        self.entries
            .insert(key.to_owned(), Entry { value, end, life });
    }

    fn remove(&self, key: &str) -> bool {
        let now = self.now();
        let removed = self.entries.remove(key);
        removed.is_some_and(|entry| entry.end >= now)
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore")
            .field("entries", &self.entries.entry_count())
            .finish_non_exhaustive()
    }
}
