//! Who is at work on the entries: the leases of loads and the fences of writers.

use std::collections::HashMap;

use crate::store::protocol::StoreMillis;

/// The leases of readers and the fences of writers.
#[derive(Default)]
pub(super) struct Work {
    pub(super) leases: HashMap<String, Lease>,
    pub(super) fences: HashMap<String, Fence>,
}

pub(super) struct Lease {
    pub(super) nonce: String,
    pub(super) expires_at: StoreMillis,
}

#[derive(Default)]
pub(super) struct Fence {
    pub(super) writers: HashMap<String, StoreMillis>,
    /// When the entry expired before it was fenced, from a writer that failed while others go on.
    pub(super) previous_expiry: StoreMillis,
}

impl Fence {
    /// When the earliest of the fences that stand ends, if one stands.
    pub(super) fn standing(&mut self, now: StoreMillis) -> Option<StoreMillis> {
        self.writers.retain(|_, expires_at| *expires_at >= now);
        self.writers.values().min().copied()
    }
}

impl Work {
    pub(super) fn standing(&mut self, target: &str, now: StoreMillis) -> Option<StoreMillis> {
        let standing = self.fences.get_mut(target)?.standing(now);
        if standing.is_none() {
            self.fences.remove(target);
        }
        standing
    }

    pub(super) fn holds(&self, key: &str, nonce: &str, now: StoreMillis) -> bool {
        self.leases
            .get(key)
            .is_some_and(|lease| lease.nonce == nonce && lease.expires_at >= now)
    }
}
