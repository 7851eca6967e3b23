//! What is to be seen of entries and tags by whoever looks at them and does not use them. Looking changes nothing.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;

/// So many bytes of a value are looked at, from its beginning.
pub(crate) const SHOWN: usize = 16 * 1024;

/// So many keys that match a pattern are named.
pub(crate) const MAX_FOUND: usize = 100;

/// At so many keys of a store, or of each server, is looked for them.
pub(crate) const MAX_LOOKED_AT: usize = 100_000;

/// An entry, or the nonce of a tag, with what is at work on it.
#[derive(Debug, Default)]
pub(crate) struct Inspected {
    /// Nothing where there is none.
    pub(crate) value: Option<Beginning>,
    /// The rest of its TTL; nothing where it has no end.
    pub(crate) remaining: Option<Duration>,
    /// What is there is no text: it is not the cache's.
    pub(crate) is_foreign: bool,
    /// How long the lease of a load has left; nothing where no load is under way.
    pub(crate) lease: Option<Duration>,
    pub(crate) fence: Option<Fenced>,
}

/// The first bytes of a value.
#[derive(Debug)]
pub(crate) struct Beginning {
    pub(crate) bytes: Bytes,
    /// How many there are in all; nothing where the server does not say so.
    pub(crate) size: Option<u64>,
}

impl Beginning {
    /// Whether these are all.
    pub(crate) fn is_whole(&self) -> bool {
        match self.size {
            Some(size) => size == self.bytes.len() as u64,
            None => self.bytes.len() < SHOWN,
        }
    }
}

/// What stands of fences.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fenced {
    /// How many writers have announced themselves.
    pub(crate) writers: usize,
    /// How long until the first of their fences ends.
    pub(crate) remaining: Duration,
    /// A removal on several servers is under way.
    pub(crate) is_closed: bool,
}

/// Keys that match a pattern.
#[derive(Debug)]
pub(crate) struct Found {
    /// As the store knows them.
    pub(crate) keys: BTreeSet<Vec<u8>>,
    /// Whether there are no others.
    pub(crate) is_all: bool,
}

impl Default for Found {
    fn default() -> Self {
        Self {
            keys: BTreeSet::new(),
            is_all: true,
        }
    }
}

impl Found {
    /// Adds a key that matches, and says whether there is room for another one.
    pub(super) fn add(&mut self, key: Vec<u8>) -> bool {
        if self.keys.len() == MAX_FOUND && !self.keys.contains(&key) {
            self.is_all = false;
        } else {
            self.keys.insert(key);
        }
        self.is_all
    }
}

/// A server, and whether it is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ServerState {
    pub(crate) name: String,
    /// Whether its breaker is closed.
    pub(crate) is_available: bool,
}
