//! What is kept, and for how long.

use std::time::{Duration, Instant};

use moka::Expiry;

use crate::codec::Body;
use crate::store::protocol::StoreMillis;

/// An entry, or the nonce of a tag.
#[derive(Clone)]
pub(super) struct Stored {
    pub(super) value: Body,
    pub(super) expires_at: StoreMillis,
    /// When it would expire without fences.
    pub(super) natural_end: StoreMillis,
    /// When moka may clear it away; nothing where its clock is not that of `expires_at`.
    pub(super) ttl: Option<Duration>,
}

/// Each entry has a TTL of its own, and a new one whenever it is set.
pub(super) struct OwnTtl;

impl Expiry<String, Stored> for OwnTtl {
    fn expire_after_create(&self, _: &String, stored: &Stored, _: Instant) -> Option<Duration> {
        stored.ttl
    }

    fn expire_after_update(
        &self,
        _: &String,
        stored: &Stored,
        _: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        stored.ttl
    }
}
