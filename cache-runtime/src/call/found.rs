//! What a lookup has found, and what it has not.

use std::time::Duration;

use bytes::Bytes;

use super::load::Load;

pub(super) enum Found {
    /// Fresh, and how long it is still kept.
    Json(Bytes, Duration),
    /// Past its expiration; the entry as it is stored, and how long it is still kept.
    Stale {
        json: Bytes,
        entry: Bytes,
        remaining: Duration,
    },
    /// Another call has loaded it.
    Shared(Bytes),
    /// Past its expiration, after another load has failed.
    Fallback(Bytes),
    Load(Load),
    /// No entry, nor will there be one: the last load came to nothing.
    Unstored,
    Nothing,
}
