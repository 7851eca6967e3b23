//! Waiting for a load of another call, in this process or in another.

use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::{Instant, sleep, timeout};

use super::reentrancy;
use crate::store::LEASE_TTL;
use crate::util::backoff::Backoff;
use crate::util::single_flight::{Loaded, SingleFlight};

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
    Ended(Loaded),
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

    /// Waits for the load with this nonce, or for a while where it is in another process.
    pub(super) async fn for_load(&mut self, holder: &str, single_flight: &SingleFlight) -> Waited {
        // Waiting takes a timer, and that a runtime.
        if Handle::try_current().is_err() {
            return Waited::TooLong;
        }
        let time = if reentrancy::is_loading() {
            NESTED_WAIT_TIMEOUT
        } else {
            WAIT_TIMEOUT
        };
        let now = Instant::now();
        let remaining = *self.until.get_or_insert(now + time) - now;
        if remaining.is_zero() {
            return Waited::TooLong;
        }
        if let Some(load) = single_flight.join(holder) {
            // No longer than a lease lives that nobody renews.
            return match timeout(remaining.min(LEASE_TTL), load).await {
                Ok(Some(loaded)) => Waited::Ended(loaded),
                Ok(None) | Err(_) => Waited::LookAgain,
            };
        }
        sleep(self.backoff.pause().min(remaining)).await;
        Waited::LookAgain
    }
}
