//! Who is at work on the entries: the leases of loads and the fences of writers.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::milliseconds;
use crate::key::PatternSet;
use crate::store::protocol::{CLOSING_TIME, FENCE_TTL, LEASE_TTL, StoreMillis};

#[derive(Default)]
pub(super) struct Work {
    pub(super) leases: HashMap<String, Lease>,
    /// Of each target, those of its writers.
    fences: HashMap<String, Fences>,
    /// What is being looked for: nothing of it is stored meanwhile.
    sweeps: Vec<Arc<PatternSet>>,
    /// How many of each were left when those that had ended were last cleared away.
    leases_left: usize,
    fences_left: usize,
}

pub(super) struct Lease {
    pub(super) nonce: String,
    pub(super) expires_at: StoreMillis,
}

/// The fences at one target. There may be many: of each write that is in doubt, one stands for a while.
#[derive(Default)]
struct Fences {
    /// When that of each writer ends.
    ends: HashMap<Arc<str>, StoreMillis>,
    /// The first to end comes first.
    in_order: BTreeSet<(StoreMillis, Arc<str>)>,
}

impl Fences {
    /// Lets a writer's fence stand until then.
    fn enter(&mut self, writer_id: &str, end: StoreMillis) {
        self.leave(writer_id);
        let writer_id: Arc<str> = writer_id.into();
        self.ends.insert(writer_id.clone(), end);
        self.in_order.insert((end, writer_id));
    }

    /// Takes a writer's fence away, and says whether there was one.
    fn leave(&mut self, writer_id: &str) -> bool {
        let left = self.ends.remove_entry(writer_id);
        left.is_some_and(|(writer_id, end)| self.in_order.remove(&(end, writer_id)))
    }

    /// When the first of them ends. Those that have ended go.
    fn first_end(&mut self, now: StoreMillis) -> Option<StoreMillis> {
        loop {
            let (end, writer_id) = self.in_order.first()?;
            if *end >= now {
                return Some(*end);
            }
            self.ends.remove(writer_id);
            self.in_order.pop_first();
        }
    }
}

impl Work {
    pub(super) fn holds(&self, key: &str, nonce: &str, now: StoreMillis) -> bool {
        self.leases
            .get(key)
            .is_some_and(|lease| lease.nonce == nonce && lease.expires_at >= now)
    }

    /// Gives a load the lease, in the place of whoever has it.
    pub(super) fn grant(&mut self, key: &str, nonce: &str, now: StoreMillis) {
        if is_due(self.leases.len(), self.leases_left) {
            self.leases.retain(|_, lease| lease.expires_at >= now);
            self.leases_left = self.leases.len();
        }
        let lease = Lease {
            nonce: nonce.to_owned(),
            expires_at: now + milliseconds(LEASE_TTL),
        };
        self.leases.insert(key.to_owned(), lease);
    }

    /// From now on nobody may store what these match.
    pub(super) fn begin_sweep(&mut self, patterns: &Arc<PatternSet>) {
        self.sweeps.push(patterns.clone());
        self.leases
            .retain(|key, _| !patterns.matches(key.as_bytes()));
    }

    pub(super) fn end_sweep(&mut self, patterns: &Arc<PatternSet>) {
        self.sweeps.retain(|other| !Arc::ptr_eq(other, patterns));
    }

    /// Whether somebody is looking for what is called so.
    pub(super) fn is_swept(&self, key: &str) -> bool {
        let mut sweeps = self.sweeps.iter();
        sweeps.any(|patterns| patterns.matches(key.as_bytes()))
    }

    /// When the lease ends that a load has.
    #[cfg(feature = "admin")]
    pub(super) fn lease_end(&self, key: &str, now: StoreMillis) -> Option<StoreMillis> {
        let end = self.leases.get(key)?.expires_at;
        (end >= now).then_some(end)
    }

    /// How many fences stand, and when the first of them ends.
    #[cfg(feature = "admin")]
    pub(super) fn fences(&self, target: &str, now: StoreMillis) -> Option<(usize, StoreMillis)> {
        let fences = self.fences.get(target)?.in_order.iter();
        let mut ends = fences.map(|(end, _)| *end).skip_while(|end| *end < now);
        let first = ends.next()?;
        Some((1 + ends.count(), first))
    }

    /// What must not be outlived here: the end of the earliest fence that stands, less the time in which it is
    /// closed; the end of time where none stands.
    pub(super) fn limit(&mut self, target: &str, now: StoreMillis) -> StoreMillis {
        let Some(fences) = self.fences.get_mut(target) else {
            return StoreMillis::MAX;
        };
        let first = fences.first_end(now);
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
        let fences = self.fences.entry(target.to_owned()).or_default();
        fences.enter(writer_id, now + milliseconds(FENCE_TTL));
    }

    /// Takes a writer's fence away, and says whether it stood.
    pub(super) fn leave(&mut self, target: &str, writer_id: &str, now: StoreMillis) -> bool {
        // Those that have ended go first.
        self.limit(target, now);
        let Some(fences) = self.fences.get_mut(target) else {
            return false;
        };
        let stood = fences.leave(writer_id);
        if fences.ends.is_empty() {
            self.fences.remove(target);
        }
        stood
    }

    /// Clears away the fences that have ended, where that is due.
    fn clear(&mut self, now: StoreMillis) {
        if !is_due(self.fences.len(), self.fences_left) {
            return;
        }
        self.fences
            .retain(|_, fences| fences.first_end(now).is_some());
        self.fences_left = self.fences.len();
    }
}

/// Whether those that have ended are to be cleared away: whenever there are twice as many as were left the last time.
fn is_due(count: usize, left: usize) -> bool {
    const FEW: usize = 1000;
    count >= FEW.max(2 * left)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::MemoryStore;
    use super::*;
    use crate::key::EntryKey;
    use crate::store::keyspace::Keyspace;
    use crate::store::protocol::{BeginFill, Seen};

    /// Many times as many as there may be that have ended.
    const LOADS: usize = 10_000;

    #[test]
    fn loads_that_never_end_leave_nothing_behind_that_grows() {
        let mut store = MemoryStore::new(Keyspace::new(""), 1 << 20);
        let seen = Seen {
            entry: &[],
            fresh_above: None,
            tag_nonces: &[],
            doomed: None,
        };
        for load in 0..LOADS {
            let key = EntryKey::new("", load.to_string());
            let granted = store.begin_fill(&key, &[], "token", seen, LEASE_TTL);
            assert!(matches!(granted, BeginFill::Granted(_)));
            store.start -= Duration::from_millis(10);
        }
        let leases = store.work.lock().leases.len();
        assert!(leases < LOADS / 5, "{leases} leases are left");
    }

    #[test]
    fn the_fence_that_ends_first_counts_however_many_stand() {
        let mut work = Work::default();
        let closing = milliseconds(CLOSING_TIME);
        let stand = milliseconds(FENCE_TTL);
        for now in [0, 1, 2, 2] {
            work.enter("target", &now.to_string(), now);
        }
        assert_eq!(work.limit("target", 3), stand - closing);
        // Anew.
        work.enter("target", "0", 3);
        assert_eq!(work.limit("target", 3), 1 + stand - closing);
        assert!(work.leave("target", "1", 3) && !work.leave("target", "1", 3));
        assert_eq!(work.limit("target", 3), 2 + stand - closing);
        assert_eq!(work.limit("target", 3 + stand), 3 + stand - closing);
        assert!(!work.leave("target", "2", 3 + stand), "it has ended");
        assert!(work.leave("target", "0", 3 + stand));
        assert_eq!(work.limit("target", 3 + stand), StoreMillis::MAX);
        assert!(work.fences.is_empty());
    }
}
