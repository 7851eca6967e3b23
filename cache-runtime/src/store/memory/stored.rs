//! What is kept, for how long, and what it takes.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use crate::codec::Body;
use crate::store::protocol::StoreMillis;
use crate::util::heap::{allocated, shared};

/// An entry, or the nonce of a tag.
pub(super) struct Stored {
    pub(super) name: Box<str>,
    pub(super) value: Body,
    expires_at: AtomicU64,
    natural_end: AtomicU64,
    /// How often it is passed over when room is made, unless it is read again.
    lives: AtomicU8,
    /// Where it is in its shard.
    pub(super) place: u32,
    pub(super) hash: u64,
}

/// What has just come, and nobody has read again, is passed over once.
const NEW: u8 = 1;

/// What is read all the time is passed over so often.
const MAX_LIVES: u8 = 3;

impl Stored {
    pub(super) fn new(
        name: &str,
        value: Body,
        expires_at: StoreMillis,
        natural_end: StoreMillis,
    ) -> Self {
        Self {
            name: name.into(),
            value,
            expires_at: expires_at.into(),
            natural_end: natural_end.into(),
            lives: NEW.into(),
            place: 0,
            hash: 0,
        }
    }

    pub(super) fn expires_at(&self) -> StoreMillis {
        self.expires_at.load(Ordering::Relaxed)
    }

    /// When it would expire without fences.
    pub(super) fn natural_end(&self) -> StoreMillis {
        self.natural_end.load(Ordering::Relaxed)
    }

    pub(super) fn set_expires_at(&self, expires_at: StoreMillis) {
        self.expires_at.store(expires_at, Ordering::Relaxed);
    }

    pub(super) fn set_natural_end(&self, natural_end: StoreMillis) {
        self.natural_end.store(natural_end, Ordering::Relaxed);
    }

    pub(super) fn is_alive(&self, now: StoreMillis) -> bool {
        self.expires_at() >= now
    }

    /// It has been read.
    pub(super) fn touch(&self) {
        let lives = self.lives.load(Ordering::Relaxed);
        if lives < MAX_LIVES {
            // Where several read at once, one of them is enough.
            self.lives.store(lives + 1, Ordering::Relaxed);
        }
    }

    /// Whether it is passed over once more.
    pub(super) fn is_passed_over(&self) -> bool {
        let lives = self.lives.load(Ordering::Relaxed);
        self.lives.store(lives.saturating_sub(1), Ordering::Relaxed);
        lives > 0
    }

    /// What it takes, with its places in its shard.
    pub(super) fn weight(&self) -> u64 {
        let own = shared::<Self>() + allocated(self.name.len()) + self.value.allocated();
        (own + super::shard::PLACES) as u64
    }
}
