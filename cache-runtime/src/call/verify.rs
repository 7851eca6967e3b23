//! Hits that are verified: the function is run as well, behind its caller, and what it returns is compared with what was
//! served.
//!
//! A difference says something only if no write explains it. A verification therefore runs under a lease, which every
//! write of the key voids: by its fence, when it removes, or when it looks for what its patterns match. A fence that
//! stands already, and those of tags, are looked for. What a write does not announce, a pattern, and a key that needs
//! its result, it removes when it has returned: for that there is some time, in which the lease is kept.
//!
//! The lease keeps nobody waiting. Its token is that of a load that can't fill, and so each load may replace it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::OwnedSemaphorePermit;

use super::entry::Entry;
use super::load::{Begin, Load};
use super::request_context;
use crate::cache::Engine;
use crate::codec::{LoadResult, difference, envelope};
use crate::error::CacheError;
use crate::store::{Fence, Fetch, Seen, Targets};
use crate::util::random_fraction;

/// So long may a write that has committed go on before it removes what it has not announced.
const GRACE: Duration = Duration::from_secs(5);

/// Whether a hit is verified, of which so many are; none where that is nothing.
pub(super) fn is_drawn(rate: Option<f64>) -> bool {
    rate.is_some_and(|rate| random_fraction() < rate)
}

/// One hit that is verified.
pub(super) struct Verification {
    /// As it was stored.
    served: Bytes,
    /// One of so many at once.
    _permit: OwnedSemaphorePermit,
}

impl Verification {
    /// Nothing where there are as many as there may be, or where the function may see what is not committed.
    pub(super) fn new(engine: &Engine, served: Bytes) -> Option<Self> {
        if request_context::has_written() {
            return None;
        }
        let permit = engine.verifications.clone().try_acquire_owned().ok()?;
        Some(Self {
            served,
            _permit: permit,
        })
    }

    /// The right to run the function, where the entry is still the same, and no write of it is known of.
    pub(super) async fn begin(&self, engine: &Arc<Engine>, entry: &Entry) -> Option<Box<Load>> {
        let nonces = envelope::nonces(&self.served, &entry.tags);
        let seen = Seen {
            entry: &self.served,
            fresh_above: None,
            tag_nonces: &nonces,
            doomed: None,
        };
        match Load::begin_replaceable(engine, entry, seen).await {
            Ok(Begin::Load(load)) => {
                (!load.is_fenced() && load.began_under(&nonces)).then_some(load)
            }
            Ok(_) => None,
            Err(error) => {
                engine.failed("verify", &error);
                None
            }
        }
    }

    /// The function has returned this.
    pub(super) async fn end(
        &self,
        engine: &Arc<Engine>,
        entry: &Entry,
        load: Box<Load>,
        result: LoadResult,
    ) {
        let json = match result {
            LoadResult::Store(json) => Some(json),
            LoadResult::Skip => None,
            // There is nothing to compare.
            LoadResult::Failed => return,
            LoadResult::Unencodable(error) => {
                engine.failed("encode", &CacheError::json(error));
                return;
            }
        };
        let counters = engine.counters_of(entry.function);
        let Some(field) = self.differs(entry, json.as_ref()) else {
            counters.verified(true);
            return;
        };
        load.keep(GRACE).await;
        let is_repaired = match self.is_unexplained(engine, entry).await {
            Ok(true) => repair(engine, entry, load, json).await,
            Ok(false) => Ok(false),
            Err(error) => Err(error),
        };
        match is_repaired {
            Ok(true) => {
                counters.verified(false);
                engine.differs(entry.function, &field);
            }
            Ok(false) => {}
            Err(error) => engine.failed("verify", &error),
        }
    }

    /// Where what was served differs from this; as a whole from what is not to be stored.
    fn differs(&self, entry: &Entry, json: Option<&Bytes>) -> Option<String> {
        let nonces = envelope::nonces(&self.served, &entry.tags);
        let served = envelope::value(&self.served, &entry.tags, &nonces);
        let served = served.unwrap_or_else(|| self.served.clone());
        json.map_or_else(|| Some(String::new()), |json| difference(&served, json))
    }

    /// The entry is still the same, and no write of it is under way. In this order: a write takes its fence away when
    /// it removes.
    async fn is_unexplained(
        &self,
        engine: &Arc<Engine>,
        entry: &Entry,
    ) -> Result<bool, CacheError> {
        let Entry { key, tags, .. } = entry;
        let is_written = engine.invalidation.is_pending(key, tags)
            || engine.store.is_being_written(key, tags).await?;
        if is_written {
            return Ok(false);
        }
        let now = engine.store.get(key, tags, Fetch::Value).await?;
        let is_same = now.entry.is_some_and(|now| *now.bytes() == self.served);
        Ok(is_same && now.tag_nonces == envelope::nonces(&self.served, tags))
    }
}

/// Stores what the function has returned, or removes what it would not store. Says whether the lease was still the
/// load's: else some write has come.
async fn repair(
    engine: &Arc<Engine>,
    entry: &Entry,
    mut load: Box<Load>,
    json: Option<Bytes>,
) -> Result<bool, CacheError> {
    if let Some(json) = json.filter(|json| !engine.is_too_large(json)) {
        return Ok(load.end(LoadResult::Store(json)) && load.fill().await);
    }
    if !load.holds_lease().await? {
        return Ok(false);
    }
    let targets = Targets {
        keys: vec![entry.key.clone()],
        ..Targets::default()
    };
    engine.invalidation.remove(&targets, Fence::None).await?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_are_drawn_as_the_rate_says() {
        let drawn = |rate| {
            fastrand::seed(7);
            (0..100_000).filter(|_| is_drawn(rate)).count()
        };
        assert_eq!(
            [None, Some(0.0), Some(f64::NAN), Some(-1.0)].map(drawn),
            [0; 4]
        );
        assert_eq!([Some(1.0), Some(2.0)].map(drawn), [100_000; 2]);
        let few = drawn(Some(0.001));
        assert!((50..200).contains(&few), "{few}");
    }
}
