//! Tables whose keys are hashes.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, BuildHasherDefault, Hasher, RandomState};

/// Of what is known by a hash that was made elsewhere.
pub(crate) type ByHash<V> = HashMap<u64, V, BuildHasherDefault<Hashed>>;

/// That of a name, which nobody who does not know the hasher can choose.
pub(crate) fn hash_of(hasher: &RandomState, name: &str) -> u64 {
    let mut hash = hasher.build_hasher();
    // Alone it needs no end, as it would among others.
    hash.write(name.as_bytes());
    hash.finish()
}

/// A hash needs no further hashing.
#[derive(Default)]
pub(crate) struct Hashed(u64);

impl Hasher for Hashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(byte);
        }
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}
