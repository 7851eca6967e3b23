//! Loads that calls of this process wait for, by the nonce that their lease has (`singleflight`, as Go calls it).
//! Whoever finds that nonce in the store may wait here: for the load itself, which shares what it has loaded, or, where
//! it runs in another process, for the one call that follows it there.
//!
//! Never without having found it there: the load may have been overtaken by an invalidation.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::time::Instant;

/// How a load ended.
#[derive(Clone, Debug)]
pub(crate) enum Loaded {
    /// This was loaded, which is fresh for so long.
    Json(Bytes, Duration),
    /// Nothing was stored, and nothing will be.
    Nothing(Nothing),
    /// It was stored, and is to be read from there.
    Stored,
    /// Only the store knows.
    Ended,
}

/// Why a load came to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Nothing {
    /// The function failed.
    Failed,
    /// What it returned is not to be stored.
    Unstored,
}

/// Nothing until it is known.
type Outcome = Option<Loaded>;

#[derive(Debug, Default)]
pub(crate) struct SingleFlight(Mutex<HashMap<String, Flight>>);

#[derive(Debug)]
struct Flight {
    outcome: watch::Sender<Outcome>,
    /// When it was last heard of.
    seen: Instant,
}

/// How to wait for a load.
pub(crate) enum Wait<'s, F> {
    /// Somebody else will say how it ended; nothing where they go away before.
    Joined(F),
    /// The caller has to find out, for all who join it.
    Following(Follower<'s>),
}

/// Follows a load in another process. Dropped, it leaves that to one of those who have joined it.
#[must_use]
pub(crate) struct Follower<'s> {
    single_flight: &'s SingleFlight,
    nonce: &'s str,
}

impl Flight {
    fn new() -> Self {
        Self {
            outcome: watch::channel(None).0,
            seen: Instant::now(),
        }
    }
}

impl SingleFlight {
    pub(crate) fn begin(&self, nonce: &str) {
        self.0.lock().insert(nonce.to_owned(), Flight::new());
    }

    /// Hands this to whoever waits.
    pub(crate) fn share(&self, nonce: &str, loaded: Loaded) {
        if let Some(flight) = self.0.lock().get(nonce) {
            flight.outcome.send_replace(Some(loaded));
        }
    }

    /// Hands this to whoever waits and was told nothing yet.
    pub(crate) fn share_last(&self, nonce: &str, loaded: Loaded) {
        if let Some(flight) = self.0.lock().get(nonce) {
            flight.outcome.send_if_modified(|outcome| {
                let is_first = outcome.is_none();
                outcome.get_or_insert(loaded);
                is_first
            });
        }
    }

    /// Lets whoever still waits go with nothing.
    pub(crate) fn finish(&self, nonce: &str) {
        self.0.lock().remove(nonce);
    }

    /// The load is still under way.
    pub(crate) fn touch(&self, nonce: &str) {
        if let Some(flight) = self.0.lock().get_mut(nonce) {
            flight.seen = Instant::now();
        }
    }

    /// Whether the load was heard of lately.
    pub(crate) fn is_seen_within(&self, nonce: &str, time: Duration) -> bool {
        let flights = self.0.lock();
        flights
            .get(nonce)
            .is_some_and(|flight| flight.seen.elapsed() < time)
    }

    /// Waits for the load with this nonce.
    pub(crate) fn wait<'s>(
        &'s self,
        nonce: &'s str,
    ) -> Wait<'s, impl Future<Output = Outcome> + use<>> {
        let mut flights = self.0.lock();
        let mut receiver = match flights.entry(nonce.to_owned()) {
            Entry::Occupied(flight) => flight.get().outcome.subscribe(),
            Entry::Vacant(place) => {
                place.insert(Flight::new());
                return Wait::Following(Follower {
                    single_flight: self,
                    nonce,
                });
            }
        };
        Wait::Joined(async move {
            let loaded = receiver.wait_for(Option::is_some).await;
            loaded.ok().and_then(|outcome| outcome.clone())
        })
    }
}

impl Follower<'_> {
    /// The load is still under way.
    pub(crate) fn touch(&self) {
        self.single_flight.touch(self.nonce);
    }

    /// Tells those who have joined.
    pub(crate) fn finish(self, loaded: Loaded) {
        self.single_flight.share(self.nonce, loaded);
    }
}

impl Drop for Follower<'_> {
    fn drop(&mut self) {
        self.single_flight.finish(self.nonce);
    }
}
