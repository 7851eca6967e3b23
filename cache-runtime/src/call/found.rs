//! What a lookup has found, and what it has not.

use std::time::Duration;

use bytes::Bytes;

use super::load::Load;
use crate::codec::Body;
use crate::stats::Bypass;

pub(super) enum Found {
    /// Fresh, and how long it is still kept.
    Json(Body, Duration),
    /// The same, to be verified; the entry as it is stored.
    Drawn {
        json: Body,
        entry: Bytes,
        remaining: Duration,
    },
    /// Past its expiration; the entry as it is stored, and how long it is still kept.
    Stale {
        json: Body,
        entry: Bytes,
        remaining: Duration,
    },
    /// Another call has loaded it, and it is fresh for so long.
    Shared(Body, Duration),
    /// Past its expiration, after another load has failed.
    Fallback(Body),
    /// In a box, so that moving a hit is cheap.
    Load(Box<Load>),
    /// No entry, nor will there be one: the last load came to nothing.
    Unstored,
    /// Neither an entry nor the right to fill it.
    Nothing(Bypass),
}
