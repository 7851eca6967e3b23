//! Entries in this process, for a program without a Redis and for its tests.

use std::fmt;
use std::time::{Duration, Instant};

use bytes::Bytes;
use moka::Expiry;
use moka::sync::Cache as Entries;

use crate::key::Pattern;

pub(crate) struct MemoryStore {
    entries: Entries<String, Entry>,
}

#[derive(Clone)]
struct Entry {
    value: Bytes,
    life: Duration,
    end: Instant,
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
        Self { entries }
    }

    pub(crate) fn get(&self, key: &str) -> Option<Bytes> {
        self.entries
            .get(key)
            .filter(Entry::is_alive)
            .map(|entry| entry.value)
    }

    pub(crate) fn set(&self, key: &str, value: Bytes, life: Duration) {
        let end = Instant::now() + life;
        self.entries
            .insert(key.to_owned(), Entry { value, life, end });
    }

    pub(crate) fn delete<K: AsRef<str>>(&self, keys: &[K]) -> u64 {
        let removed = keys
            .iter()
            .filter_map(|key| self.entries.remove(key.as_ref()));
        removed.filter(Entry::is_alive).count() as u64
    }

    pub(crate) fn delete_matching(&self, pattern: &Pattern) -> u64 {
        let keys = self.entries.iter().map(|(key, _)| key);
        let matching: Vec<_> = keys.filter(|key| pattern.matches(key.as_bytes())).collect();
        matching
            .iter()
            .map(|key| self.delete(&[key.as_str()]))
            .sum()
    }
}

impl Entry {
    fn is_alive(&self) -> bool {
        Instant::now() < self.end
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore")
            .field("entries", &self.entries.entry_count())
            .finish()
    }
}
