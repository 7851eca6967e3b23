//! What became of a call, for the response that its answer becomes (RFC 9211).

#![cfg_attr(
    not(feature = "layer"),
    expect(dead_code, reason = "there is no layer that could tell")
)]

use std::time::Duration;

/// How an answer came about, and how fresh it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Label {
    pub(crate) served: Served,
    /// Nothing where nobody asked.
    pub(crate) freshness: Option<Freshness>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Served {
    /// From the store.
    Hit,
    /// With what another call loaded meanwhile.
    Collapsed,
    /// By the function.
    Forwarded { why: Why, stored: bool },
    /// From the store, past its expiration, because the function failed.
    InsteadOfAnError,
}

/// Why the function ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
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

/// Times of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Freshness {
    /// How long it was to be fresh when it was stored.
    pub(crate) life: Duration,
    /// How long it is still fresh.
    pub(crate) left: Duration,
    /// How long it has not been fresh any more.
    pub(crate) past: Duration,
}

impl Label {
    pub(crate) fn of(served: Served) -> Self {
        Self {
            served,
            freshness: None,
        }
    }

    pub(crate) fn ran(why: Why) -> Self {
        Self::of(Served::Forwarded { why, stored: false })
    }

    /// With whether the answer was stored.
    pub(crate) fn stored(mut self, is_stored: bool) -> Self {
        if let Served::Forwarded { stored, .. } = &mut self.served {
            *stored = is_stored;
        }
        self
    }
}

impl Freshness {
    /// Of what was stored just now.
    pub(crate) fn new(life: Duration) -> Self {
        Self {
            life,
            left: life,
            past: Duration::ZERO,
        }
    }

    /// As if no chance had shortened its life: at most so old.
    pub(crate) fn age(&self) -> Duration {
        self.life.saturating_sub(self.left) + self.past
    }
}
