//! The vocabulary of the coherence protocol: what its steps take and what they return.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;

use crate::key::{EntryKey, Tag};

/// The longest TTL of an entry: what is asked beyond it is cut to it.
pub(crate) const MAX_TTL: Duration = Duration::from_secs(100 * 365 * 86_400);

/// How long a load may fill its entry without renewing its lease. Whoever waits for a dead load waits so long.
pub(crate) const LEASE_TTL: Duration = Duration::from_secs(3);

/// How long a writer's fence stands. After that, what the writer made stale is gone even if it died.
pub(crate) const FENCE_TTL: Duration = Duration::from_secs(30);

/// How long before its end a fence closes its entry: nothing is stored any more. The scripts know it too.
pub(super) const CLOSING_TIME: Duration = Duration::from_secs(1);

/// How many bytes of an entry tell whether it is still the one that a reader has seen.
pub(super) const SEEN_LEN: usize = 512;

/// The longest TTL that an entry may have: an hour, which it has unless told otherwise, or what a function or a caller
/// has asked for, be it to store or to read.
#[derive(Debug)]
pub(crate) struct LongestTtl(AtomicU64);

impl Default for LongestTtl {
    fn default() -> Self {
        Self(AtomicU64::new(3_600_000))
    }
}

impl LongestTtl {
    pub(crate) fn note(&self, ttl: Duration) {
        let ttl = u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX);
        if self.0.load(Ordering::Relaxed) < ttl {
            self.0.fetch_max(ttl, Ordering::Relaxed);
        }
    }

    pub(crate) fn get(&self) -> Duration {
        Duration::from_millis(self.0.load(Ordering::Relaxed))
    }
}

/// A point in time on the store's own clock, in milliseconds; 0 stands for none.
pub(crate) type StoreMillis = u64;

/// What is under a key.
pub(crate) struct Fetched {
    pub(crate) entry: Option<Bytes>,
    /// The nonces of the tags, in the tags' order.
    pub(crate) tag_nonces: Vec<Option<Bytes>>,
    /// The rest of the entry's TTL; the longest duration where nobody asked for it, or where it has no end.
    pub(crate) remaining: Duration,
}

/// Whether a fetch asks for the rest of the TTL as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fetch {
    Value,
    ValueAndTtl,
}

/// What came of asking for the right to fill an entry.
pub(crate) enum BeginFill {
    /// There is an entry that the reader has not seen: it should look again.
    Filled,
    /// The load with this nonce holds the lease.
    Busy(String),
    /// The entry that the reader has seen is fresh for so long, but for the fence that stands.
    Fresh(Duration),
    /// The fence that stands is about to end: nothing is stored until then.
    Closed,
    /// The lease is the caller's.
    Granted(Grant),
}

/// The right to fill an entry.
#[derive(Default)]
pub(crate) struct Grant {
    /// What the entry must not outlive, since a fence stands; 0 where none does.
    pub(crate) expires_by: StoreMillis,
    /// The nonces of the tags, in the tags' order.
    pub(crate) tag_nonces: Vec<String>,
}

/// What a reader has found, and how old it may be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen<'r> {
    /// The entry as it is stored; empty where there is none.
    pub(crate) entry: &'r [u8],
    /// The entry is fresh if more than this is left of its TTL; nothing where the reader can't use it however fresh it
    /// is.
    pub(crate) fresh_above: Option<Duration>,
}

/// What becomes of a writer's fence when its targets are removed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fence<'w> {
    /// There is none.
    None,
    /// The write is over: the fence of this writer is taken away.
    Release(&'w str),
    /// The write may still commit: the fence of this writer stands anew.
    Renew(&'w str),
}

/// What a writer names outright.
#[derive(Clone, Debug, Default)]
pub(crate) struct Targets {
    pub(crate) keys: Vec<EntryKey>,
    pub(crate) tags: Vec<Tag>,
}

impl Targets {
    pub(crate) fn is_empty(&self) -> bool {
        self.keys.is_empty() && self.tags.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.keys.len() + self.tags.len()
    }
}
