//! What a call that has been served leaves to be done behind it, in a run of the function that nobody waits for.

use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;

use super::entry::Entry;
use super::load::{Begin, Load};
use super::surroundings::Surroundings;
use super::verify::Verification;
use super::wait::Wait;
use crate::cache::Engine;
use crate::codec::outcome::Failure;
use crate::codec::{LoadResult, envelope};
use crate::key::EntryKey;
use crate::store::{Holder, Seen};
use crate::util::claims::Claim;

/// What a run is for. Both have the entry as it is stored.
pub(super) enum Behind {
    /// The value that was served is past its expiration.
    Refresh(Bytes),
    /// It is fresh, and is to be compared.
    Verify(Bytes),
}

/// All of it that does not depend on the function's types.
pub(super) struct Task {
    engine: Arc<Engine>,
    /// No other call of this process does the same for the entry meanwhile.
    _claim: Claim<EntryKey>,
    /// Those of the call that found the value.
    pub(super) surroundings: Surroundings,
    entry: Entry,
    what: What,
}

enum What {
    Refresh(Bytes),
    Verify(Verification),
}

type Boxed<'t, T> = Pin<Box<dyn Future<Output = T> + Send + 't>>;

impl Task {
    /// Nothing where another call of this process is at it, or there is no room.
    pub(super) fn new(engine: &Arc<Engine>, entry: &Entry, behind: Behind) -> Option<Self> {
        let claim = engine.refreshes.claim(&entry.key)?;
        let what = match behind {
            Behind::Refresh(seen) => What::Refresh(seen),
            Behind::Verify(served) => What::Verify(Verification::new(engine, served)?),
        };
        Some(Self {
            engine: engine.clone(),
            _claim: claim,
            surroundings: Surroundings::of_refresh(),
            entry: entry.clone(),
            what,
        })
    }

    /// The right to run the function.
    ///
    /// # Errors
    ///
    /// Who has it, if somebody has.
    pub(super) fn begin(&self) -> Boxed<'_, Result<Box<Load>, Option<Holder>>> {
        let (engine, entry) = (&self.engine, &self.entry);
        Box::pin(async move {
            match &self.what {
                What::Refresh(seen) => begin_refresh(engine, entry, seen).await,
                What::Verify(verification) => verification.begin(engine, entry).await.ok_or(None),
            }
        })
    }

    /// As long as the claim is held, no other call asks for the lease.
    pub(super) fn wait_for(&self, holder: Option<Holder>) -> Boxed<'_, ()> {
        Box::pin(async move {
            let (engine, key) = (&self.engine, &self.entry.key);
            let Some(holder) = holder else { return };
            if let Err(error) = Wait::new().for_load(engine, key, &holder.token).await {
                engine.failed("refresh", &error);
            }
        })
    }

    /// The function has failed, and the value of this type that was served may be older.
    pub(super) fn failed(&self, value: &'static str, failure: Failure) {
        if let What::Refresh(_) = self.what {
            self.engine.hidden(self.entry.function, value, failure);
        }
    }

    /// The function has returned this.
    pub(super) fn end(&self, mut load: Box<Load>, result: LoadResult) -> Boxed<'_, ()> {
        let (engine, entry) = (&self.engine, &self.entry);
        Box::pin(async move {
            match &self.what {
                What::Refresh(_) => {
                    if load.end(result) {
                        load.fill().await;
                    }
                }
                What::Verify(verification) => {
                    verification.end(engine, entry, load, result).await;
                }
            }
        })
    }
}

async fn begin_refresh(
    engine: &Arc<Engine>,
    entry: &Entry,
    seen: &Bytes,
) -> Result<Box<Load>, Option<Holder>> {
    let seen = Seen {
        entry: seen,
        fresh_above: Some(entry.windows.longest()),
        tag_nonces: &envelope::nonces(seen, &entry.tags),
        doomed: None,
    };
    match Load::begin_in_background(engine, entry, seen).await {
        Ok(Begin::Load(load)) => Ok(load),
        Ok(Begin::Busy(holder)) => Err(Some(holder)),
        Ok(Begin::Filled | Begin::Fresh(_) | Begin::Closed) => Err(None),
        Err(error) => {
            engine.failed("refresh", &error);
            Err(None)
        }
    }
}
