//! A part of all that is kept, which has a lock of its own.

#[cfg(test)]
use std::collections::HashSet;
use std::sync::Arc;

use super::stored::Stored;
use crate::store::protocol::StoreMillis;
use crate::util::by_hash::ByHash;
use crate::util::heap::in_table;

/// What one takes in the index, among the places, and among those that are free, when the last have just grown.
pub(super) const PLACES: usize = in_table::<(u64, Arc<Stored>)>()
    + (size_of::<Option<Arc<Stored>>>() + size_of::<u32>()) * 9 / 8;

/// So many are looked at while the lock is held, where room is to be made.
const LOOKED_AT: usize = 256;

/// An index of so few is not made smaller.
const FEW: usize = 16;

/// What is kept stays in its place, so that a look at one place after the other sees all that is there all the time.
#[derive(Default)]
pub(super) struct Shard {
    /// By the hashes of their names. Of two that share one, the older makes room.
    index: ByHash<Arc<Stored>>,
    places: Vec<Option<Arc<Stored>>>,
    free: Vec<u32>,
    /// Where room was made last.
    hand: usize,
    /// Where was last looked for what has expired.
    tidied: usize,
}

impl Shard {
    pub(super) fn get(&self, hash: u64, name: &str) -> Option<&Arc<Stored>> {
        let stored = self.index.get(&hash);
        stored.filter(|stored| *stored.name == *name)
    }

    /// What it replaces is returned.
    pub(super) fn put(&mut self, mut stored: Stored) -> Option<Arc<Stored>> {
        let before = self.index.get(&stored.hash).map(|before| before.place);
        stored.place = before.or_else(|| self.free.pop()).unwrap_or_else(|| {
            grow(&mut self.places);
            self.places.push(None);
            u32::try_from(self.places.len() - 1).unwrap_or(u32::MAX)
        });
        let stored = Arc::new(stored);
        self.places[stored.place as usize] = Some(stored.clone());
        self.index.insert(stored.hash, stored)
    }

    pub(super) fn remove(&mut self, hash: u64, name: &str) -> Option<Arc<Stored>> {
        self.get(hash, name)?;
        let stored = self.index.remove(&hash)?;
        self.places[stored.place as usize] = None;
        grow(&mut self.free);
        self.free.push(stored.place);
        let count = self.index.len().max(FEW);
        if self.index.capacity() > 4 * count {
            self.index.shrink_to(2 * count);
        }
        Some(stored)
    }

    fn take(&mut self, place: usize) -> Option<Arc<Stored>> {
        let stored = self.places[place].clone()?;
        self.remove(stored.hash, &stored.name)
    }

    /// Takes out what has expired, or has not been read for longest; nothing where that takes another look. Each is passed
    /// over once at most, or what came last would be the first to go where all the others are read. Who is not patient takes
    /// the next one. Empty places don't count: where there were many small ones before a few large ones, nearly all are.
    pub(super) fn make_room(&mut self, now: StoreMillis, is_patient: bool) -> Option<Arc<Stored>> {
        let mut left = LOOKED_AT;
        for _ in 0..self.places.len() {
            let place = next(&mut self.hand, self.places.len())?;
            let Some(stored) = &self.places[place] else {
                continue;
            };
            if !stored.is_alive(now) || !stored.is_passed_over() || !is_patient {
                return self.take(place);
            }
            left -= 1;
            if left == 0 {
                break;
            }
        }
        None
    }

    /// Takes out what is at the next place, if that has expired.
    pub(super) fn tidy(&mut self, now: StoreMillis) -> Option<Arc<Stored>> {
        let place = next(&mut self.tidied, self.places.len())?;
        let stored = self.places[place].as_ref();
        let is_over = stored.is_some_and(|stored| !stored.is_alive(now));
        is_over.then(|| self.take(place)).flatten()
    }

    /// What is at these places, as far as there are so many; nothing behind the last.
    pub(super) fn at(&self, from: usize, count: usize) -> Option<&[Option<Arc<Stored>>]> {
        let places = self
            .places
            .get(from..)
            .filter(|places| !places.is_empty())?;
        Some(&places[..places.len().min(count)])
    }

    /// Whether each is in its place, and each other place is free.
    #[cfg(test)]
    pub(super) fn check(&self) {
        let all = self.places.iter().enumerate();
        for (place, stored) in all.filter_map(|(place, stored)| Some((place, stored.as_ref()?))) {
            assert_eq!(stored.place as usize, place);
            let found = self.get(stored.hash, &stored.name);
            assert!(found.is_some_and(|found| Arc::ptr_eq(found, stored)));
        }
        let free: HashSet<&u32> = self.free.iter().collect();
        assert_eq!(free.len(), self.free.len());
        assert!(
            free.iter()
                .all(|&&place| self.places[place as usize].is_none())
        );
        assert_eq!(self.index.len() + free.len(), self.places.len());
    }
}

/// Makes room for one more, and no more than an eighth beyond.
fn grow<T>(all: &mut Vec<T>) {
    if all.len() == all.capacity() {
        all.reserve_exact((all.len() / 8).max(8));
    }
}

/// The next of so many places, in a circle.
fn next(place: &mut usize, count: usize) -> Option<usize> {
    *place = (*place + 1).checked_rem(count)?;
    Some(*place)
}
