//! Stale-while-revalidate (RFC 5861): the function runs on in a task of its own, while its caller has the
//! old value already.

use std::any::type_name;
use std::marker::PhantomData;
use std::sync::Arc;

use bytes::Bytes;
use tokio::time::timeout;

use super::entry::Entry;
use super::load::{Begin, Load, MAX_LOAD};
use super::rules::Rules;
use super::running::Running;
use super::surroundings::Surroundings;
use super::wait::Wait;
use crate::cache::Engine;
use crate::codec::{Codec, LoadResult, envelope};
use crate::key::EntryKey;
use crate::log;
use crate::store::Seen;
use crate::util::claims::Claim;
use crate::util::runtime::with_timers;

/// A load that nobody waits for.
pub struct Refresh<C, U, X, F> {
    engine: Arc<Engine>,
    /// No other call of this process refreshes the entry meanwhile.
    claim: Claim<EntryKey>,
    /// Those of the call that found the old value.
    surroundings: Surroundings,
    entry: Entry,
    seen: Bytes,
    rules: Rules<U, X>,
    handler: F,
    codec: PhantomData<fn() -> C>,
}

impl<C, U, X, F> Refresh<C, U, X, F> {
    /// `claim` keeps other calls of this process from the same.
    pub(super) fn new(
        engine: &Arc<Engine>,
        claim: Claim<EntryKey>,
        entry: &Entry,
        seen: Bytes,
        rules: Rules<U, X>,
        handler: F,
    ) -> Self {
        Self {
            engine: engine.clone(),
            claim,
            surroundings: Surroundings::of_refresh(),
            entry: entry.clone(),
            seen,
            rules,
            handler,
            codec: PhantomData,
        }
    }

    pub(super) fn into_parts(self) -> (Rules<U, X>, F) {
        (self.rules, self.handler)
    }
}

impl<C, U, X, F> Refresh<C, U, X, F>
where
    C: Codec,
    U: FnOnce(&C::Value) -> bool,
    X: FnOnce(&C::Error) -> bool,
    F: Future<Output = C::Output>,
{
    pub(crate) async fn run(mut self) {
        let surroundings = std::mem::take(&mut self.surroundings);
        surroundings.around(Box::pin(self.load())).await;
    }

    /// Someone else may be at it, or have done it.
    async fn load(self) {
        let _claim = self.claim;
        let seen = Seen {
            entry: &self.seen,
            fresh_above: Some(self.entry.windows.longest()),
            tag_nonces: &envelope::nonces(&self.seen, &self.entry.tags),
            doomed: None,
        };
        match Load::begin_in_background(&self.engine, &self.entry, seen).await {
            Ok(Begin::Load(mut load)) => {
                let is_to_be_stored = {
                    let running = Running::new(Box::pin(self.handler), load.begin_run());
                    // After that it could not be stored any more.
                    let Ok(mut output) = timeout(MAX_LOAD, running).await else {
                        log::refresh_abandoned(MAX_LOAD);
                        return;
                    };
                    load.has_run();
                    load.end(match C::failure(&output, self.rules.errors) {
                        None => C::encode(&mut output, self.rules.unless),
                        Some(failure) => {
                            let function = self.entry.function;
                            self.engine
                                .hidden(function, type_name::<C::Value>(), failure);
                            LoadResult::Failed
                        }
                    })
                };
                if is_to_be_stored {
                    load.fill().await;
                }
            }
            Ok(Begin::Busy(holder)) => {
                drop(self.handler);
                // As long as the claim is held, no other call asks for the lease.
                let (engine, key) = (&self.engine, &self.entry.key);
                if let Err(error) = Wait::new().for_load(engine, key, &holder.token).await {
                    engine.failed("refresh", &error);
                }
            }
            Ok(Begin::Filled | Begin::Fresh(_) | Begin::Closed) => {}
            Err(error) => self.engine.failed("refresh", &error),
        }
    }
}

/// Where a refresh runs.
pub trait Background<R> {
    /// Whether there is such a place at all.
    const IS_SOMEWHERE: bool = true;

    /// Starts it, or gives it back where there is no such place.
    ///
    /// # Errors
    ///
    /// The refresh itself, where it can't be started.
    fn start(&self, refresh: R) -> Result<(), R>;
}

/// There is no place for it: the function has no window in which it would be needed.
#[derive(Debug)]
pub struct Disabled;

impl<R> Background<R> for Disabled {
    const IS_SOMEWHERE: bool = false;

    fn start(&self, refresh: R) -> Result<(), R> {
        Err(refresh)
    }
}

/// It runs in a task of the runtime.
#[derive(Debug)]
pub struct Spawn;

impl<C, U, X, F> Background<Refresh<C, U, X, F>> for Spawn
where
    C: Codec + 'static,
    U: FnOnce(&C::Value) -> bool + Send + 'static,
    X: FnOnce(&C::Error) -> bool + Send + 'static,
    F: Future<Output = C::Output> + Send + 'static,
{
    fn start(&self, refresh: Refresh<C, U, X, F>) -> Result<(), Refresh<C, U, X, F>> {
        match with_timers() {
            Some(runtime) => drop(runtime.spawn(refresh.run())),
            None => return Err(refresh),
        }
        Ok(())
    }
}
