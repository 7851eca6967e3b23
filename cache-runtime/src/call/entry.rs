//! What is read or stored, and how old it may be.

use std::time::Duration;

use super::own_ttl::OwnTtl;
use crate::codec::cache_status::Freshness;
use crate::key::{EntryKey, Tag};
use crate::stats::Function;
use crate::store::Near;

/// All that the flows know of what a function returns.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) function: &'static Function,
    pub(crate) key: EntryKey,
    pub(crate) tags: Vec<Tag>,
    /// How long it is fresh, at most.
    pub(crate) ttl: Duration,
    /// How long the value that was loaded is fresh, where it tells that itself.
    pub(crate) own_ttl: Option<OwnTtl>,
    /// How long it may be used after that.
    pub(crate) windows: Windows,
    /// How old a copy in memory may be; nothing where the store is to be asked.
    pub(crate) near: Option<Near>,
    /// How many loads of the function run at once.
    pub(crate) max_loads: Option<usize>,
    /// How many of its hits are verified, of one; nothing where none is.
    pub(crate) verify: Option<f64>,
}

/// What may be done with a value past its expiration (RFC 5861).
#[derive(Clone, Copy, Debug, Default)]
pub struct Windows {
    /// For so long it is served, and refreshed in the background.
    pub revalidate: Duration,
    /// For so long it is served where the function fails.
    pub error: Duration,
}

/// How old a value is.
pub(crate) enum Age {
    Fresh,
    /// It may be served while it is refreshed.
    Stale,
    /// It may be served if the function fails.
    Fallback,
    Expired,
}

/// Whether what is past its expiration may be served while it is refreshed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Revalidation {
    InBackground,
    /// There is no place for a background refresh: nothing is ever stale.
    Impossible,
}

impl Entry {
    /// How long it is kept.
    pub(crate) fn kept(&self) -> Duration {
        self.ttl.saturating_add(self.windows.longest())
    }

    /// How long the value that was loaded is fresh; nothing where it was to tell that, and was not asked.
    pub(super) fn ttl_of_value(&self) -> Option<Duration> {
        match &self.own_ttl {
            None => Some(self.ttl),
            Some(own) => own.told().map(|own| self.ttl.min(own)),
        }
    }

    /// The freshness of a value that is kept for so long still.
    pub(crate) fn freshness(&self, remaining: Duration) -> Freshness {
        let window = self.windows.longest();
        Freshness::of(
            // What a value told when it was stored is not known any more.
            self.own_ttl.is_none().then_some(self.ttl),
            // What someone else stored may live longer.
            remaining.saturating_sub(window).min(self.ttl),
            window.saturating_sub(remaining),
        )
    }

    /// The age of a value that is kept for so long still.
    pub(crate) fn age(&self, remaining: Duration, revalidation: Revalidation) -> Age {
        let overdue = self.windows.longest().saturating_sub(remaining);
        let may_revalidate = revalidation == Revalidation::InBackground;
        if overdue.is_zero() {
            Age::Fresh
        } else if remaining.is_zero() {
            Age::Expired
        } else if may_revalidate && overdue <= self.windows.revalidate {
            Age::Stale
        } else if overdue <= self.windows.error {
            Age::Fallback
        } else {
            Age::Expired
        }
    }
}

impl Windows {
    pub(super) fn longest(&self) -> Duration {
        self.revalidate.max(self.error)
    }

    pub(crate) fn is_open(&self) -> bool {
        !self.longest().is_zero()
    }
}
