//! The copies themselves, as many as there is room for.

use std::hash::RandomState;
use std::mem;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::RwLock;

use super::a_hair_less;
use crate::codec::Body;
use crate::codec::body::bytes_allocated;
use crate::key::{EntryKey, Tag};
use crate::stats::Counter;
use crate::store::hash_slot::Slot;
use crate::store::redis::node::{Tracked, Unchanged, watch_bytes};
use crate::util::apart::Apart;
use crate::util::by_hash::{ByHash, hash_of};
use crate::util::heap::{allocated, in_table, shared};
use crate::util::moment::Moment;

/// So many threads can put a copy in its place at once.
const SHARDS: usize = 16;

/// An entry, as a server had it.
pub(super) struct Copy {
    pub(super) entry: Body,
    /// The JSON in it, which is valid under these nonces.
    pub(super) json: Body,
    pub(super) tags: Vec<Tag>,
    /// The nonces of the tags, in their order.
    pub(super) tag_nonces: Vec<Option<Bytes>>,
    /// Whether anything of it has changed since.
    pub(super) unchanged: Arc<Unchanged>,
    /// Who would tell of that.
    pub(super) sources: Vec<Source>,
    /// When it was asked for, and how long the entry and all of its tags were still to live then.
    pub(super) asked: Moment,
    pub(super) lives: Duration,
    /// The same of the entry alone.
    pub(super) entry_lives: Duration,
}

/// A part of a copy, and the connection over which its server tells what changes of it.
pub(super) struct Source {
    pub(super) slot: Slot,
    /// That of the entry, which is the first, or of a tag behind it.
    pub(super) place: usize,
    pub(super) tracked: Arc<Tracked>,
}

impl Source {
    /// Of the entry and its tags, in this order: one for all that are in the same slot.
    pub(super) fn all(parts: impl Iterator<Item = (Slot, Arc<Tracked>)>) -> Vec<Self> {
        let mut all: Vec<Self> = Vec::new();
        for (place, (slot, tracked)) in parts.enumerate() {
            let is_same =
                |source: &Self| source.slot == slot && Arc::ptr_eq(&source.tracked, &tracked);
            if !all.iter().any(is_same) {
                all.push(Self {
                    slot,
                    place,
                    tracked,
                });
            }
        }
        all
    }
}

impl Copy {
    /// How long the entry lives still, nothing where it does not. An entry without an end has the longest duration.
    pub(super) fn remaining(&self, now: Moment) -> Option<Duration> {
        let passed = if self.asked.is_after(now) {
            Duration::ZERO
        } else {
            self.asked.until(now)?
        };
        // It ends a little earlier, but is no older for that: of a long window it would take more than the whole TTL.
        (passed < a_hair_less(self.lives)).then(|| self.entry_lives.saturating_sub(passed))
    }

    /// What it takes, with its place among the others, and with what is known of it over its connections.
    fn bytes(&self, key: &EntryKey) -> usize {
        let name = key.as_str().len();
        let tags = self.tags.iter().map(|tag| tag.as_str().len());
        let nonces = self.tag_nonces.iter().flatten().map(bytes_allocated);
        let names = Some(name).into_iter().chain(tags.clone());
        let lists = [
            size_of_val(self.tags.as_slice()),
            size_of_val(self.tag_nonces.as_slice()),
            size_of_val(self.sources.as_slice()),
        ];
        in_table::<(u64, Kept)>()
            + allocated(name)
            + shared::<Self>()
            + shared::<Unchanged>()
            + self.entry.allocated()
            + lists.map(allocated).iter().sum::<usize>()
            + tags.map(allocated).sum::<usize>()
            + nonces.sum::<usize>()
            // Each with its fence.
            + 2 * names.map(watch_bytes).sum::<usize>()
    }
}

/// Copies by their keys. Those that are read stay; the others make room.
pub(super) struct Copies {
    shards: Vec<Apart<RwLock<Generations>>>,
    hasher: RandomState,
    /// In one generation of one shard.
    max_bytes: usize,
    /// Those that made room for others.
    made_room: Counter,
}

/// The young one grows old as a whole, and the old one is forgotten as a whole. Both go by the hashes of keys; of two that
/// share one, the older makes room.
#[derive(Default)]
struct Generations {
    young: ByHash<Kept>,
    young_bytes: usize,
    old: ByHash<Kept>,
}

struct Kept {
    key: EntryKey,
    copy: Arc<Copy>,
}

impl Copies {
    /// With room for so many bytes.
    pub(super) fn new(bytes: usize) -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Apart::default()).collect(),
            hasher: RandomState::new(),
            max_bytes: bytes / SHARDS / 2,
            made_room: Counter::default(),
        }
    }

    fn shard(&self, hash: u64) -> &RwLock<Generations> {
        // The tables inside of a shard go by the other bits.
        &self.shards[usize::try_from((hash >> 32) % SHARDS as u64).unwrap_or_default()]
    }

    pub(super) fn get(&self, key: &EntryKey) -> Option<Arc<Copy>> {
        self.look(key, Arc::clone)
    }

    /// What comes of a look at the copy, if there is one. It holds a lock, and is to be quick.
    pub(super) fn look<T>(&self, key: &EntryKey, look: impl FnOnce(&Arc<Copy>) -> T) -> Option<T> {
        let hash = hash_of(&self.hasher, key.as_str());
        let shard = self.shard(hash);
        let generations = shard.read();
        if let Some(kept) = of(&generations.young, hash, key) {
            return Some(look(&kept.copy));
        }
        of(&generations.old, hash, key)?;
        drop(generations);
        let mut generations = shard.write();
        // Somebody else may have had it meanwhile, or there is another one.
        if let Some(kept) = of(&generations.young, hash, key) {
            return Some(look(&kept.copy));
        }
        of(&generations.old, hash, key)?;
        let kept = generations.old.remove(&hash)?;
        let copy = kept.copy.clone();
        let made_room = generations.put(hash, kept, self.max_bytes);
        self.made_room.add(made_room);
        Some(look(&copy))
    }

    /// Others make room for it; one that is too large for that is not taken.
    pub(super) fn put(&self, key: &EntryKey, copy: Copy) -> bool {
        if copy.bytes(key) > self.max_bytes {
            return false;
        }
        let hash = hash_of(&self.hasher, key.as_str());
        let mut generations = self.shard(hash).write();
        generations.remove(hash);
        let kept = Kept {
            key: key.clone(),
            copy: copy.into(),
        };
        let made_room = generations.put(hash, kept, self.max_bytes);
        self.made_room.add(made_room);
        true
    }

    /// How many there are.
    pub(super) fn len(&self) -> u64 {
        let generations = self.shards.iter().map(|shard| shard.read());
        let counts = generations.map(|both| both.young.len() + both.old.len());
        counts.sum::<usize>() as u64
    }

    /// How many made room for others.
    pub(super) fn made_room(&self) -> u64 {
        self.made_room.get()
    }

    /// False where there is another one in its place by now, or none.
    pub(super) fn remove(&self, key: &EntryKey, copy: &Arc<Copy>) -> bool {
        let hash = hash_of(&self.hasher, key.as_str());
        let mut generations = self.shard(hash).write();
        let is_in =
            |copies| of(copies, hash, key).is_some_and(|kept: &Kept| Arc::ptr_eq(&kept.copy, copy));
        let is_there = is_in(&generations.young) || is_in(&generations.old);
        if is_there {
            generations.remove(hash);
        }
        is_there
    }
}

fn of<'c>(copies: &'c ByHash<Kept>, hash: u64, key: &EntryKey) -> Option<&'c Kept> {
    copies.get(&hash).filter(|kept| kept.key == *key)
}

impl Generations {
    /// Says how many made room for it.
    fn put(&mut self, hash: u64, kept: Kept, max_bytes: usize) -> u64 {
        let bytes = kept.bytes();
        let mut made_room = 0;
        if self.young_bytes + bytes > max_bytes {
            made_room = self.old.len() as u64;
            self.old = mem::take(&mut self.young);
            self.young_bytes = 0;
        }
        self.young_bytes += bytes;
        if let Some(before) = self.young.insert(hash, kept) {
            self.young_bytes -= before.bytes();
            made_room += 1;
        }
        made_room
    }

    fn remove(&mut self, hash: u64) {
        self.old.remove(&hash);
        if let Some(kept) = self.young.remove(&hash) {
            self.young_bytes -= kept.bytes();
        }
    }
}

impl Kept {
    fn bytes(&self) -> usize {
        self.copy.bytes(&self.key)
    }
}

#[cfg(test)]
mod tests {
    use allocation_counter::measure;

    use super::*;

    fn copy(bytes: usize) -> Copy {
        Copy {
            entry: Body::kept(vec![0; bytes].into()),
            json: Body::default(),
            tags: Vec::new(),
            tag_nonces: Vec::new(),
            unchanged: Arc::default(),
            sources: Vec::new(),
            asked: Moment::now(),
            lives: Duration::MAX,
            entry_lives: Duration::MAX,
        }
    }

    #[test]
    fn they_take_no_more_than_there_is_room_for_and_not_much_less() {
        const ROOM: u64 = 4 * 1024 * 1024;
        for tags in 0..3 {
            let taken = measure(|| {
                let copies = Copies::new(4 * 1024 * 1024);
                for number in 0..30_000 {
                    let nonces = (0..tags).map(|_| Some(Bytes::from(vec![b'a'; 32])));
                    let copy = Copy {
                        tags: (0..tags)
                            .map(|tag| Tag::new(format!("{tag}:{number}")))
                            .collect(),
                        tag_nonces: nonces.collect(),
                        ..copy(1)
                    };
                    copies.put(&key(number), copy);
                    let found = copies.get(&key(number)).expect("put");
                    drop((found.entry.clone(), found.tag_nonces.clone()));
                }
                mem::forget(copies);
            });
            let [bytes, count] = [taken.bytes_current, taken.count_current].map(u64::try_from);
            let taken = bytes.expect("bytes") + 16 * count.expect("allocations");
            // Nobody watches these, and an old generation may just have been forgotten.
            assert!((ROOM / 5..=ROOM).contains(&taken), "{tags} tags: {taken}");
        }
    }

    fn key(number: usize) -> EntryKey {
        EntryKey::new("", format!("key:{number}"))
    }

    #[test]
    fn what_is_read_stays_and_the_rest_makes_room() {
        const BYTES: usize = 1024 * 1024;
        let copies = Copies::new(BYTES);
        for number in 0..10_000 {
            assert!(copies.put(&key(number), copy(1000)));
            assert!(copies.get(&key(0)).is_some(), "{number}");
        }
        assert_eq!(copies.len() + copies.made_room(), 10_000);
        let kept = (0..10_000).filter(|&number| copies.get(&key(number)).is_some());
        let kept = kept.count();
        assert!(kept * 1000 <= BYTES && kept > 100, "{kept}");
    }

    #[test]
    fn a_copy_that_is_larger_than_the_room_is_not_taken() {
        let copies = Copies::new(64 * 1024);
        assert!(!copies.put(&key(1), copy(64 * 1024)));
        assert!(copies.get(&key(1)).is_none());
    }

    #[test]
    fn only_the_copy_that_is_meant_is_removed() {
        let copies = Copies::new(1024 * 1024);
        copies.put(&key(1), copy(1));
        let first = copies.get(&key(1)).expect("put");
        copies.put(&key(1), copy(2));
        assert!(!copies.remove(&key(1), &first));
        let second = copies.get(&key(1)).expect("another one");
        assert!(copies.remove(&key(1), &second) && !copies.remove(&key(1), &second));
        assert!(copies.get(&key(1)).is_none());
        let bytes = |shard: &Apart<RwLock<Generations>>| shard.read().young_bytes;
        assert_eq!(copies.shards.iter().map(bytes).sum::<usize>(), 0);
    }

    #[test]
    fn a_copy_ends_before_its_entry_does() {
        let second = Duration::from_secs(1);
        let now = Moment::now();
        let copy = |asked, lives| Copy {
            asked,
            lives,
            entry_lives: lives,
            ..copy(1)
        };
        assert_eq!(copy(now, Duration::MAX).remaining(now), Some(Duration::MAX));
        let remaining = copy(now.earlier_by(second), 2 * second).remaining(now);
        assert!(remaining.is_some_and(|left| left <= second && left > second / 2));
        assert_eq!(copy(now.earlier_by(second), second).remaining(now), None);
        assert_eq!(copy(now, Duration::ZERO).remaining(now), None);
        let day = Duration::from_secs(86_400);
        let remaining = copy(now.earlier_by(second), day).remaining(now);
        assert_eq!(remaining, day.checked_sub(second));
        // It was taken while the read was under way.
        let remaining = copy(now, second).remaining(now.earlier_by(second));
        assert!(remaining.is_some_and(|left| left > second / 2));
    }
}
