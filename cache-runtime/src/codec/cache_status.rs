//! What became of a call, for the response that its value becomes (RFC 9211).

use std::time::Duration;

use crate::stats::Bypass;

/// How a return value came about, and how fresh it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheStatus {
    pub(crate) disposition: Disposition,
    /// Nothing where nobody asked.
    pub(crate) freshness: Option<Freshness>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Disposition {
    /// It came from the store.
    Hit,
    /// It came from the memory of this process.
    NearHit,
    /// Another call loaded it meanwhile.
    Collapsed,
    /// The function ran.
    Forwarded {
        reason: ForwardReason,
        detail: Option<Detail>,
        stored: bool,
    },
    /// It came from the store, past its expiration, because the function failed.
    StaleIfError,
}

/// Why the function ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ForwardReason {
    /// There was nothing that could be used.
    Miss,
    /// What there was is past its expiration.
    Stale,
    /// The cache was not to be used, or could not be.
    Bypass,
    /// The request's `Cache-Control` asked for it.
    Request,
    /// The request writes.
    Method,
}

impl ForwardReason {
    /// In a word, as in the header.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Miss => "miss",
            Self::Stale => "stale",
            Self::Bypass => "bypass",
            Self::Request => "request",
            Self::Method => "method",
        }
    }
}

/// What there is to be said of that besides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Detail {
    Bypass(Bypass),
    /// There was an entry, and one of its tags was invalidated, or is not this function's.
    Tag,
    /// There was an entry, and it is not what the function's value is read from.
    Decode,
    /// The last load came to nothing, so nobody waits for another one.
    Unstored,
    /// The function ran although as many of its loads ran as may.
    Shed,
}

impl Detail {
    /// In a word.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Bypass(why) => why.as_str(),
            Self::Tag => "tag",
            Self::Decode => "decode",
            Self::Unstored => "unstored",
            Self::Shed => "shed",
        }
    }
}

impl From<Bypass> for Detail {
    fn from(why: Bypass) -> Self {
        Self::Bypass(why)
    }
}

/// Times of an entry, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Freshness {
    /// How long it was to be fresh when it was stored; nothing where only that value knew.
    ttl: Option<i64>,
    /// How long it is still fresh; below zero, how long it has not been any more.
    left: i64,
}

impl CacheStatus {
    pub(crate) fn new(disposition: Disposition) -> Self {
        Self {
            disposition,
            freshness: None,
        }
    }

    pub(crate) fn forwarded(reason: ForwardReason, detail: Option<Detail>) -> Self {
        Self::new(Disposition::Forwarded {
            reason,
            detail,
            stored: false,
        })
    }

    /// The function ran without the cache.
    pub(crate) fn bypassed(why: Bypass) -> Self {
        match why {
            Bypass::Request => Self::forwarded(ForwardReason::Request, None),
            why => Self::forwarded(ForwardReason::Bypass, Some(why.into())),
        }
    }

    /// The same, with whether the value was stored.
    pub(crate) fn stored(mut self, is_stored: bool) -> Self {
        if let Disposition::Forwarded { stored, .. } = &mut self.disposition {
            *stored = is_stored;
        }
        self
    }
}

impl Freshness {
    /// Of what was stored just now.
    pub(crate) fn new(ttl: Duration) -> Self {
        Self::of(Some(ttl), ttl, Duration::ZERO)
    }

    /// Of what was to be fresh for so long when it was stored, is so still for `remaining`, or has not been any more for
    /// `overdue`.
    pub(crate) fn of(ttl: Option<Duration>, remaining: Duration, overdue: Duration) -> Self {
        Self {
            ttl: ttl.map(milliseconds),
            left: milliseconds(remaining) - milliseconds(overdue),
        }
    }

    /// How long it is still fresh, in seconds; below zero, how long it has not been any more, which is a second at least.
    pub(crate) fn seconds_left(&self) -> i64 {
        self.left.div_euclid(1000)
    }

    /// The most that the entry's age can be, in seconds: jitter, which shortens its TTL, is not taken off. Nothing where it
    /// is not known.
    pub(crate) fn age(&self) -> Option<u64> {
        Some(seconds(self.ttl?.saturating_sub(self.left)))
    }

    /// How long from then on, which is `age` ago, or else from now on, it is fresh, in seconds.
    pub(crate) fn lifetime(&self) -> u64 {
        seconds(self.ttl.unwrap_or(self.left))
    }
}

/// No more than a clock can count, so that two of them can be subtracted.
fn milliseconds(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).map_or(i64::MAX / 2, |time| time.min(i64::MAX / 2))
}

fn seconds(milliseconds: i64) -> u64 {
    u64::try_from(milliseconds).unwrap_or_default() / 1000
}
