//! Who is at work on the entries: the leases of loads and the fences of writers.

use std::collections::HashMap;

use super::milliseconds;
use crate::store::protocol::{CLOSING_TIME, FENCE_TTL, StoreMillis};

#[derive(Default)]
pub(super) struct Work {
    pub(super) leases: HashMap<String, Lease>,
    /// Of each target, its writers and when their fences end.
    fences: HashMap<String, HashMap<String, StoreMillis>>,
    /// How many fences there were when those that had ended were last cleared away.
    cleared: usize,
}

pub(super) struct Lease {
    pub(super) nonce: String,
    pub(super) expires_at: StoreMillis,
}

impl Work {
    pub(super) fn holds(&self, key: &str, nonce: &str, now: StoreMillis) -> bool {
        self.leases
            .get(key)
            .is_some_and(|lease| lease.nonce == nonce && lease.expires_at >= now)
    }

    /// What must not be outlived here: the end of the earliest fence that stands, less the time in which it is
    /// closed; the end of time where none stands.
    pub(super) fn limit(&mut self, target: &str, now: StoreMillis) -> StoreMillis {
        let Some(writers) = self.fences.get_mut(target) else {
            return StoreMillis::MAX;
        };
        writers.retain(|_, expires_at| *expires_at >= now);
        let first = writers.values().min().copied();
        if first.is_none() {
            self.fences.remove(target);
        }
        first.map_or(StoreMillis::MAX, |first| {
            first.saturating_sub(milliseconds(CLOSING_TIME))
        })
    }

    /// Lets a writer into a fence, or lets its fence stand anew.
    pub(super) fn enter(&mut self, target: &str, writer_id: &str, now: StoreMillis) {
        self.clear(now);
        let writers = self.fences.entry(target.to_owned()).or_default();
        writers.insert(writer_id.to_owned(), now + milliseconds(FENCE_TTL));
    }

    /// Takes a writer's fence away, and says whether it stood.
    pub(super) fn leave(&mut self, target: &str, writer_id: &str, now: StoreMillis) -> bool {
        // Those that have ended go first.
        self.limit(target, now);
        let writers = self.fences.get_mut(target);
        writers.is_some_and(|writers| writers.remove(writer_id).is_some())
    }

    /// Clears away the fences that have ended, whenever there are twice as many as were left the last time.
    fn clear(&mut self, now: StoreMillis) {
        const FEW: usize = 1000;
        if self.fences.len() < FEW.max(2 * self.cleared) {
            return;
        }
        self.fences.retain(|_, writers| {
            writers.retain(|_, expires_at| *expires_at >= now);
            !writers.is_empty()
        });
        self.cleared = self.fences.len();
    }
}
