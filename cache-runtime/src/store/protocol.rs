//! The vocabulary of the coherence protocol: what its steps take and what they return.

use std::collections::HashSet;
use std::hash::Hash;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::codec::Body;
use crate::error::CacheError;
use crate::key::{EntryKey, Pattern, Tag};
use crate::nonce::{is_nonce, new_nonce};
use crate::util::moment::Moment;

/// The longest TTL of an entry: what is asked beyond it is cut to it.
pub(crate) const MAX_TTL: Duration = Duration::from_secs(100 * 365 * 86_400);

/// The longest that a copy in the memory of a process may be served after it has become wrong.
pub(crate) const LONGEST_NEAR: Duration = Duration::from_secs(1);

/// How long a load may fill its entry without renewing its lease. Whoever waits for a dead load waits so long.
pub(crate) const LEASE_TTL: Duration = Duration::from_secs(3);

/// How long a writer's fence stands. After that, what the writer made stale is gone even if it died.
pub(crate) const FENCE_TTL: Duration = Duration::from_secs(30);

/// How long before its end a fence closes its entry: nothing is stored any more. The scripts know it too.
pub(super) const CLOSING_TIME: Duration = Duration::from_secs(1);

/// How long it is told that a writer is removing something, unless it tells again.
pub(super) const MARK_TTL: Duration = Duration::from_secs(5);

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
    pub(crate) entry: Option<Body>,
    /// The nonces of the tags, in the tags' order.
    pub(crate) tag_nonces: Vec<Option<Bytes>>,
    /// The rest of the entry's TTL; the longest duration where nobody asked for it, or where it has no end.
    pub(crate) remaining: Duration,
    /// The JSON of a copy that was in the memory of this process, valid under these nonces.
    pub(crate) copied: Option<Body>,
}

impl Fetched {
    /// An entry of which nothing else was asked.
    pub(crate) fn only(entry: Body) -> Self {
        Self {
            entry: Some(entry),
            tag_nonces: Vec::new(),
            remaining: Duration::MAX,
            copied: None,
        }
    }

    /// There is neither an entry nor a nonce of one of so many tags.
    pub(crate) fn nothing(tags: usize) -> Self {
        Self {
            entry: None,
            tag_nonces: vec![None; tags],
            remaining: Duration::ZERO,
            copied: None,
        }
    }
}

/// How old a copy in the memory of this process may be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Near {
    /// For so long it may be served after it has become wrong; the write that makes it wrong takes that much longer.
    pub(crate) bound: Duration,
    /// When the read began.
    pub(crate) begun: Moment,
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
    /// Another load holds the lease.
    Busy(Holder),
    /// The entry that the reader has seen is fresh for so long, but for the fence that stands.
    Fresh(Duration),
    /// The fence that stands is about to end: nothing is stored until then.
    Closed,
    /// The lease is the caller's.
    Granted(Grant),
}

/// Who holds a lease.
pub(crate) struct Holder {
    /// The token of its load.
    pub(crate) token: String,
    /// The nonces of the tags, in the tags' order, as they are now. An empty one is none.
    pub(crate) tag_nonces: Vec<String>,
}

impl Holder {
    /// Whether the load began under these nonces, as far as it says so.
    pub(crate) fn may_be_current<'n>(&self, tag_nonces: impl IntoIterator<Item = &'n str>) -> bool {
        let mut its_own = nonces_in(&self.token).peekable();
        its_own.peek().is_none() || its_own.eq(tag_nonces)
    }
}

/// The token of a load: a nonce of its own, and those under which it begins. So others see whether it can still fill.
pub(crate) fn token(tag_nonces: &[Option<Bytes>]) -> String {
    let mut token = new_nonce();
    for nonce in tag_nonces {
        let known = nonce
            .as_deref()
            .and_then(|nonce| str::from_utf8(nonce).ok());
        let known = known.filter(|nonce| is_nonce(nonce)).map(ToOwned::to_owned);
        token.push(':');
        // Where there is none, it is this load that makes it.
        token.push_str(&known.unwrap_or_else(new_nonce));
    }
    token
}

/// The token of a load that keeps nobody waiting: it has one nonce more than there are tags, as no load has that can fill.
pub(crate) fn replaceable_token(tag_nonces: &[Option<Bytes>]) -> String {
    format!("{}:{}", token(tag_nonces), new_nonce())
}

/// The nonces of tags that a token has.
pub(crate) fn nonces_in(token: &str) -> impl Iterator<Item = &str> {
    token.split(':').skip(1)
}

/// What a tag's nonce becomes if it has none. One that was seen must not come back.
pub(super) fn proposals(token: &str, seen: Seen<'_>) -> Vec<String> {
    let of_seen = seen.tag_nonces.iter().zip(nonces_in(token));
    let proposals = of_seen.map(|(seen, own)| match seen {
        None => own.to_owned(),
        Some(_) => new_nonce(),
    });
    proposals.collect()
}

/// The right to fill an entry.
#[derive(Default)]
pub(crate) struct Grant {
    /// What the entry must not outlive, since a fence stands; 0 where none does.
    pub(crate) expires_by: StoreMillis,
    /// The nonces of the tags, in the tags' order.
    pub(crate) tag_nonces: Vec<String>,
    /// A tag has no nonce now, or a pattern that matches is being looked for: the lease must not be used.
    pub(crate) is_closed: bool,
}

/// What a reader has found, and how old it may be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen<'r> {
    /// The entry as it is stored; empty where there is none.
    pub(crate) entry: &'r [u8],
    /// The entry is fresh if more than this is left of its TTL; nothing where the reader can't use it however fresh it
    /// is.
    pub(crate) fresh_above: Option<Duration>,
    /// The nonces of its tags, in the tags' order.
    pub(crate) tag_nonces: &'r [Option<Bytes>],
    /// The token of a load that can't fill any more: its lease is replaced.
    pub(crate) doomed: Option<&'r str>,
}

/// What becomes of a writer's fence when its targets are removed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fence<'w> {
    /// There is none.
    None,
    /// The write is over: the fence of this writer is taken away. All of the targets have been fenced since then, where
    /// that is known.
    Release(&'w str, Option<Instant>),
    /// The write may still commit: the fence of this writer stands anew.
    Renew(&'w str),
}

/// What a writer names.
#[derive(Clone, Debug, Default)]
pub(crate) struct Targets {
    pub(crate) keys: Vec<EntryKey>,
    pub(crate) tags: Vec<Tag>,
    pub(crate) patterns: Vec<Pattern>,
}

impl Targets {
    pub(crate) fn is_empty(&self) -> bool {
        !self.is_fenceable() && self.patterns.is_empty()
    }

    /// Whether a writer can announce itself: not by a pattern alone.
    pub(crate) fn is_fenceable(&self) -> bool {
        !self.keys.is_empty() || !self.tags.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.keys.len() + self.tags.len() + self.patterns.len()
    }

    /// Keys, then tags, then patterns.
    #[cfg(feature = "memory")]
    pub(super) fn names(&self) -> Vec<String> {
        let keys = self.keys.iter().map(|key| key.as_str().to_owned());
        let tags = self.tags.iter().map(|tag| tag.as_str().to_owned());
        let patterns = self.patterns.iter().map(|pattern| pattern.scan.clone());
        keys.chain(tags).chain(patterns).collect()
    }

    /// These of the keys and tags, in this order.
    pub(crate) fn part(&self, these: Range<usize>) -> Self {
        let keys = self.keys.len();
        let mut part = Self::default();
        for place in these {
            if place < keys {
                part.keys.push(self.keys[place].clone());
            } else {
                part.tags.push(self.tags[place - keys].clone());
            }
        }
        part
    }

    /// All but those.
    pub(crate) fn without(&self, those: &Self) -> Self {
        fn without<T: Clone + Eq + Hash>(all: &[T], others: &[T]) -> Vec<T> {
            let others: HashSet<&T> = others.iter().collect();
            let rest = all.iter().filter(|name| !others.contains(name));
            rest.cloned().collect()
        }
        Self {
            keys: without(&self.keys, &those.keys),
            tags: without(&self.tags, &those.tags),
            patterns: without(&self.patterns, &those.patterns),
        }
    }

    /// Leaves each name once.
    pub(crate) fn deduplicate(&mut self) {
        fn deduplicate<T: Clone + Eq + Hash>(names: &mut Vec<T>) {
            let mut seen = HashSet::new();
            names.retain(|name| seen.insert(name.clone()));
        }
        deduplicate(&mut self.keys);
        deduplicate(&mut self.tags);
        deduplicate(&mut self.patterns);
    }

    pub(crate) fn extend(&mut self, more: Self) {
        self.keys.extend(more.keys);
        self.tags.extend(more.tags);
        self.patterns.extend(more.patterns);
    }
}

/// What came of removing what a writer names.
#[derive(Debug, Default)]
pub(crate) struct Removal {
    /// How many entries there were, besides those under tags.
    pub(crate) entries: u64,
    /// What could not be removed.
    pub(crate) left: Targets,
    /// Why not.
    pub(crate) failure: Option<CacheError>,
}
