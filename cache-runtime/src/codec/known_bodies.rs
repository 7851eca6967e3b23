//! Which stored bytes are known to be the JSON of a type, so that they need not be read again.

use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hash, Hasher};
use std::mem;
use std::sync::LazyLock;

use parking_lot::RwLock;

use super::body::{Body, Reader};
use crate::util::by_hash::Hashed;

/// So many bodies are remembered twice over: the older half makes room as a whole.
const CAPACITY: usize = 32_768;

/// A body, as one function reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct BodyId {
    reader: Reader,
    digest: u128,
}

/// Whether this function has found it to be its own type's JSON.
pub(super) fn is_known(body: &Body, reader: Reader) -> bool {
    let (is_known, is_old) = KNOWN.read().find(BodyId::of(body, reader));
    if is_old {
        remember(body, reader);
    }
    is_known
}

/// Remembers that it has.
pub(super) fn remember(body: &Body, reader: Reader) {
    KNOWN.write().add(BodyId::of(body, reader), CAPACITY);
}

static KNOWN: LazyLock<RwLock<KnownBodies>> = LazyLock::new(RwLock::default);

type Bodies = HashSet<BodyId, BuildHasherDefault<Hashed>>;

/// Two generations. The young one grows old as a whole, and the old one is forgotten as a whole.
#[derive(Debug, Default)]
struct KnownBodies {
    young: Bodies,
    old: Bodies,
}

impl KnownBodies {
    /// Whether it is there, and whether it would be forgotten next.
    fn find(&self, body: BodyId) -> (bool, bool) {
        if self.young.contains(&body) {
            return (true, false);
        }
        let is_old = self.old.contains(&body);
        (is_old, is_old)
    }

    fn add(&mut self, body: BodyId, capacity: usize) {
        if self.young.len() >= capacity {
            self.old = mem::take(&mut self.young);
        }
        self.young.insert(body);
    }
}

impl BodyId {
    fn of(body: &Body, reader: Reader) -> Self {
        Self {
            reader,
            digest: body.digest(),
        }
    }
}

impl Hash for BodyId {
    /// A digest needs no further hashing, and its lower half is as good as any.
    fn hash<H: Hasher>(&self, state: &mut H) {
        #[expect(clippy::cast_possible_truncation, reason = "half of a digest")]
        let half = self.digest as u64;
        let reader = (self.reader.0 as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        state.write_u64(half ^ reader);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(digest: u128) -> BodyId {
        BodyId {
            reader: Reader(1),
            digest,
        }
    }

    #[test]
    fn a_body_is_known_for_the_function_that_has_read_it() {
        let mut known = KnownBodies::default();
        known.add(body(7), 10);
        assert_eq!(known.find(body(7)), (true, false));
        let other = BodyId {
            reader: Reader(2),
            digest: 7,
        };
        for other in [other, body(8)] {
            assert_eq!(known.find(other), (false, false));
        }
    }

    #[test]
    fn what_nobody_asks_for_makes_room_and_what_is_asked_for_stays() {
        let mut known = KnownBodies::default();
        for n in 0..100 {
            known.add(body(n), 10);
            let (is_known, is_old) = known.find(body(0));
            assert!(is_known, "{n}");
            if is_old {
                known.add(body(0), 10);
            }
        }
        let remembered = (0..100).filter(|&n| known.find(body(n)).0).count();
        assert!((10..=20).contains(&remembered), "{remembered}");
    }
}
