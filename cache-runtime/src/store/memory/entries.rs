//! All that is kept, by its name: in parts, each of which has a lock of its own that is held for a moment.

use std::fmt;
use std::hash::RandomState;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use parking_lot::RwLock;

use super::shard::Shard;
use super::stored::Stored;
use crate::store::protocol::StoreMillis;
use crate::util::apart::Apart;
use crate::util::by_hash::hash_of;

/// So many threads can put something in its place at once.
const SHARDS: usize = 64;

/// So many places are looked at on each page.
pub(super) const PAGE: usize = 256;

/// What is put looks after so many others: more than come, so that what has expired does not pile up.
const TIDIED: usize = 2;

/// After so many looks at shards, what is read goes as well: it may be read faster than it is passed over.
const PATIENCE: usize = 4 * SHARDS;

pub(super) struct Entries {
    shards: Box<[Apart<RwLock<Shard>>]>,
    hasher: RandomState,
    count: AtomicU64,
    /// What they take, and the most that they may take.
    bytes: AtomicU64,
    max_bytes: u64,
    /// The shard in which room was made last.
    hand: AtomicUsize,
}

/// How far a look at everything has come.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Position {
    shard: usize,
    place: usize,
}

impl Entries {
    pub(super) fn new(max_bytes: u64) -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Apart::default()).collect(),
            hasher: RandomState::new(),
            count: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            max_bytes,
            hand: AtomicUsize::new(0),
        }
    }

    pub(super) fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    fn shard(&self, hash: u64) -> &RwLock<Shard> {
        // The tables inside of a shard go by the other bits.
        &self.shards[usize::try_from((hash >> 32) % SHARDS as u64).unwrap_or_default()]
    }

    pub(super) fn get(&self, name: &str, now: StoreMillis) -> Option<Arc<Stored>> {
        self.look(name, now, Arc::clone)
    }

    /// What comes of a look at what is there. It holds a lock, and is to be quick.
    pub(super) fn look<T>(
        &self,
        name: &str,
        now: StoreMillis,
        look: impl FnOnce(&Arc<Stored>) -> T,
    ) -> Option<T> {
        let hash = hash_of(&self.hasher, name);
        let shard = self.shard(hash).read();
        let stored = shard.get(hash, name)?;
        stored.is_alive(now).then(|| {
            stored.touch();
            look(stored)
        })
    }

    /// What would not fit even by itself is not kept.
    pub(super) fn put(&self, mut stored: Stored, now: StoreMillis) {
        let weight = stored.weight();
        if weight > self.max_bytes {
            self.remove(&stored.name);
            return;
        }
        self.bytes.fetch_add(weight, Ordering::Relaxed);
        self.count.fetch_add(1, Ordering::Relaxed);
        self.make_room(now);
        stored.hash = hash_of(&self.hasher, &stored.name);
        let mut shard = self.shard(stored.hash).write();
        let replaced = shard.put(stored);
        let expired = [(); TIDIED].map(|()| shard.tidy(now));
        drop(shard);
        self.forget(expired.into_iter().flatten().chain(replaced));
    }

    /// What there was, be it expired.
    pub(super) fn remove(&self, name: &str) -> Option<Arc<Stored>> {
        let hash = hash_of(&self.hasher, name);
        let removed = self.shard(hash).write().remove(hash, name);
        self.forget(removed.clone());
        removed
    }

    fn forget(&self, gone: impl IntoIterator<Item = Arc<Stored>>) {
        for stored in gone {
            self.bytes.fetch_sub(stored.weight(), Ordering::Relaxed);
            self.count.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// In one shard after the other, however full each is by itself. Others may need all of the room for what they are
    /// about to put: then there is nothing to take out, and whoever comes next makes room for that.
    fn make_room(&self, now: StoreMillis) {
        let mut looks = 0;
        while looks < PATIENCE + SHARDS && self.bytes.load(Ordering::Relaxed) > self.max_bytes {
            let shard = self.hand.fetch_add(1, Ordering::Relaxed) % SHARDS;
            let gone = self.shards[shard].write().make_room(now, looks < PATIENCE);
            looks = if gone.is_some() { 0 } else { looks + 1 };
            self.forget(gone);
        }
    }

    /// What is on the next page and is looked for, and whether that is the last page. All that is there from the first page
    /// to the last is seen. `is_hit` may take its time: no lock is held meanwhile.
    pub(super) fn next_page(
        &self,
        position: &mut Position,
        is_hit: impl Fn(&Stored) -> bool,
    ) -> (Vec<Arc<Stored>>, bool) {
        let (mut page, mut left) = (Vec::new(), PAGE);
        while left > 0
            && let Some(shard) = self.shards.get(position.shard)
        {
            let shard = shard.read();
            if let Some(places) = shard.at(position.place, left) {
                page.extend(places.iter().flatten().cloned());
                position.place += places.len();
                left -= places.len();
            } else {
                position.shard += 1;
                position.place = 0;
            }
        }
        page.retain(|stored| is_hit(stored));
        (page, left > 0)
    }
}

impl fmt::Debug for Entries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entries")
            .field("count", &self.count())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::codec::Body;

    const NOW: StoreMillis = 1000;
    const LATER: StoreMillis = 2000;

    fn stored(name: &str, size: usize, expires_at: StoreMillis) -> Stored {
        let value = Body::kept(Bytes::from(vec![0; size]));
        Stored::new(name, value, expires_at, expires_at)
    }

    fn name(number: usize) -> String {
        format!("key:{number}")
    }

    #[test]
    fn what_is_read_stays_and_the_rest_makes_room() {
        const BYTES: u64 = 1024 * 1024;
        let entries = Entries::new(BYTES);
        for number in 0..10_000 {
            entries.put(stored(&name(number), 1000, LATER), NOW);
            for read in 0..10.min(number) {
                assert!(
                    entries.get(&name(read), NOW).is_some(),
                    "{read} of {number}"
                );
            }
            assert!(entries.bytes.load(Ordering::Relaxed) <= BYTES);
        }
        let kept = (0..10_000).filter(|&number| entries.get(&name(number), NOW).is_some());
        let kept = kept.count() as u64;
        assert_eq!(kept, entries.count());
        assert!(kept * 1000 <= BYTES && kept > 500, "{kept}");
    }

    #[test]
    fn one_that_fills_all_of_the_room_is_kept_and_a_larger_one_takes_its_place_with_nothing() {
        const BYTES: u64 = 100_000;
        let entries = Entries::new(BYTES);
        for number in 0..100 {
            entries.put(stored(&name(number), 100, LATER), NOW);
        }
        entries.put(stored("large", 99_000, LATER), NOW);
        assert!(entries.get("large", NOW).is_some());
        assert!(entries.count() < 5, "{}", entries.count());
        assert!(entries.bytes.load(Ordering::Relaxed) <= BYTES);
        entries.put(stored("large", 100_000, LATER), NOW);
        assert!(entries.get("large", NOW).is_none());
    }

    #[test]
    fn large_ones_take_no_more_room_than_the_many_small_ones_before_them() {
        const BYTES: u64 = 1 << 26;
        let entries = Entries::new(BYTES);
        let small = || {
            for number in 0..200_000 {
                entries.put(stored(&name(number), 1, LATER), NOW);
            }
        };
        let large = |turn: usize| {
            for number in 0..10 {
                entries.put(stored(&format!("{turn}:{number}"), 1 << 25, LATER), NOW);
                let bytes = entries.bytes.load(Ordering::Relaxed);
                assert!(bytes <= BYTES, "{turn}: {bytes}");
            }
        };
        small();
        large(0);
        small();
        for number in 0..200_000 {
            entries.remove(&name(number));
        }
        large(1);
    }

    #[test]
    fn whatever_comes_and_goes_each_is_in_its_place_and_weighed_once() {
        let entries = Entries::new(1 << 18);
        fastrand::seed(7);
        for turn in 0..200_000_u64 {
            let (name, now) = (name(fastrand::usize(..2000)), NOW + turn / 100);
            match fastrand::u8(..8) {
                0 => drop(entries.remove(&name)),
                1..4 => drop(entries.get(&name, now)),
                _ => {
                    let size = 1 << fastrand::u8(..14);
                    entries.put(stored(&name, size, now + fastrand::u64(..500)), now);
                }
            }
            assert!(entries.bytes.load(Ordering::Relaxed) <= 1 << 18);
        }
        let (mut count, mut bytes) = (0, 0);
        for shard in &entries.shards {
            let shard = shard.read();
            shard.check();
            let all = shard.at(0, usize::MAX).unwrap_or_default();
            for stored in all.iter().flatten() {
                (count, bytes) = (count + 1, bytes + stored.weight());
            }
        }
        assert_eq!(count, entries.count());
        assert_eq!(bytes, entries.bytes.load(Ordering::Relaxed));
    }

    #[test]
    fn nobody_waits_while_one_is_looked_for() {
        let entries = Entries::new(1 << 30);
        for number in 0..PAGE {
            entries.put(stored(&name(number), 1, LATER), NOW);
        }
        let is_free = |stored: &Stored| entries.shard(stored.hash).try_write().is_some();
        let (page, _) = entries.next_page(&mut Position::default(), is_free);
        assert!(!page.is_empty());
    }

    #[test]
    fn what_has_expired_is_not_found_and_goes_as_others_come() {
        let entries = Entries::new(1 << 30);
        for number in 0..10_000 {
            entries.put(stored(&name(number), 1, NOW), NOW);
        }
        assert!(entries.get(&name(1), NOW).is_some());
        assert!(entries.get(&name(1), NOW + 1).is_none());
        for number in 10_000..20_000 {
            entries.put(stored(&name(number), 1, LATER), NOW + 1);
        }
        assert!(entries.count() < 12_000, "{}", entries.count());
    }

    #[test]
    fn all_that_is_there_from_the_first_page_to_the_last_is_seen_once() {
        const COUNT: usize = 10 * PAGE;
        let entries = Entries::new(1 << 30);
        for number in 0..COUNT {
            entries.put(stored(&name(number), 1, LATER), NOW);
        }
        let (mut position, mut seen, mut pages) = (Position::default(), 0, 0);
        let mut is_last = false;
        while !is_last {
            let page;
            (page, is_last) =
                entries.next_page(&mut position, |stored| stored.name.starts_with("key:"));
            assert!(page.len() <= PAGE);
            seen += page.len();
            for other in 0..100 {
                entries.put(stored(&format!("other:{pages}:{other}"), 1, LATER), NOW);
            }
            // Put anew, they stay where they are.
            for stored in &page[page.len() / 2..] {
                entries.put(
                    Stored::new(&stored.name, Body::default(), LATER, LATER),
                    NOW,
                );
            }
            for stored in &page[..page.len() / 2] {
                entries.remove(&stored.name);
            }
            pages += 1;
        }
        assert_eq!(seen, COUNT);
        assert!(pages >= 10, "{pages}");
    }

    #[test]
    fn of_two_that_share_a_hash_neither_is_served_as_the_other() {
        let mut shard = Shard::default();
        assert!(shard.put(stored("one", 1, LATER)).is_none());
        assert!(shard.get(0, "other").is_none());
        assert!(shard.remove(0, "other").is_none());
        let replaced = shard.put(stored("other", 1, LATER)).expect("it makes room");
        assert_eq!(*replaced.name, *"one");
        assert!(shard.get(0, "one").is_none());
        assert!(shard.remove(0, "other").is_some());
        assert!(shard.at(0, 10).is_some_and(|places| places[0].is_none()));
    }
}
