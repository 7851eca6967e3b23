//! Waiting for a load of another call, in this process or in another.

use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, sleep, timeout};

use super::reentrancy;
use crate::cache::Engine;
use crate::error::CacheError;
use crate::key::EntryKey;
use crate::store::{LEASE_TTL, LoadState};
use crate::util::backoff::Backoff;
use crate::util::runtime::with_timers;
use crate::util::single_flight::{self, Follower, Loaded, Nothing};

/// How long a call waits for another's load before it runs the function itself.
const WAIT_TIMEOUT: Duration = Duration::from_secs(10);

/// The same within a load, which others may wait for: each could be waiting for the other.
const NESTED_WAIT_TIMEOUT: Duration = Duration::from_secs(1);

/// Between two looks at a load in another process.
const BACKOFF: Backoff = Backoff::between(Duration::from_millis(2), Duration::from_millis(100));

/// How long a call has waited, and how.
pub(super) struct Wait {
    backoff: Backoff,
    /// Nothing before the call has waited at all.
    until: Option<Instant>,
}

pub(super) enum Waited {
    /// It was loaded, and is fresh for so long.
    Json(Bytes, Duration),
    /// Nothing was stored.
    Nothing(Nothing),
    /// It was stored.
    Stored,
    LookAgain,
    TooLong,
}

impl Wait {
    pub(super) fn new() -> Self {
        Self {
            backoff: BACKOFF,
            until: None,
        }
    }

    pub(super) fn has_begun(&self) -> bool {
        self.until.is_some()
    }

    /// Waits for the load of this key with this nonce.
    pub(super) async fn for_load(
        &mut self,
        engine: &Engine,
        key: &EntryKey,
        nonce: &str,
    ) -> Result<Waited, CacheError> {
        // Waiting takes a timer, and that a runtime.
        if with_timers().is_none() {
            return Ok(Waited::TooLong);
        }
        let single_flight = &engine.single_flight;
        loop {
            let remaining = self.remaining();
            if remaining.is_zero() {
                return Ok(Waited::TooLong);
            }
            let load = match single_flight.wait(nonce) {
                single_flight::Wait::Joined(load) => load,
                single_flight::Wait::Following(follower) => {
                    return self.follow(follower, engine, key, nonce).await;
                }
            };
            match timeout(remaining.min(LEASE_TTL), load).await {
                Ok(Some(loaded)) => return Ok(loaded.into()),
                // It was dropped, or whoever followed it: the next one follows.
                Ok(None) => {}
                Err(_) if single_flight.is_seen_within(nonce, LEASE_TTL) => {}
                // No longer than a lease lives that nobody renews.
                Err(_) => return Ok(Waited::LookAgain),
            }
        }
    }

    /// Asks the store for all calls of this process that wait for this load.
    async fn follow(
        &mut self,
        follower: Follower<'_>,
        engine: &Engine,
        key: &EntryKey,
        nonce: &str,
    ) -> Result<Waited, CacheError> {
        loop {
            let loaded = match engine.store.load_state(key, nonce).await {
                Ok(LoadState::UnderWay) => None,
                Ok(LoadState::Nothing(nothing)) => {
                    engine.unstored.add(key.clone());
                    Some(Loaded::Nothing(nothing))
                }
                Ok(LoadState::Ended) => Some(Loaded::Ended),
                Err(error) => {
                    follower.finish(Loaded::Ended);
                    return Err(error);
                }
            };
            if let Some(loaded) = loaded {
                follower.finish(loaded.clone());
                return Ok(loaded.into());
            }
            let remaining = self.remaining();
            if remaining.is_zero() {
                return Ok(Waited::TooLong);
            }
            follower.touch();
            sleep(self.backoff.pause().min(remaining)).await;
        }
    }

    /// How long this call may wait still, from when it first waited.
    pub(super) fn remaining(&mut self) -> Duration {
        let time = if reentrancy::is_loading() {
            NESTED_WAIT_TIMEOUT
        } else {
            WAIT_TIMEOUT
        };
        let now = Instant::now();
        *self.until.get_or_insert(now + time) - now
    }
}

impl From<Loaded> for Waited {
    fn from(loaded: Loaded) -> Self {
        match loaded {
            Loaded::Json(json, ttl) => Self::Json(json, ttl),
            Loaded::Nothing(nothing) => Self::Nothing(nothing),
            Loaded::Stored => Self::Stored,
            Loaded::Ended => Self::LookAgain,
        }
    }
}
