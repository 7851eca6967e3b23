//! Stale-while-revalidate (RFC 5861): the function runs on in a task of its own, while its caller has the
//! old value already. So it does for a hit that is verified.

use std::any::type_name;
use std::marker::PhantomData;

use tokio::time::timeout;

use super::behind::Task;
use super::load::MAX_LOAD;
use super::rules::Rules;
use super::running::Running;
use crate::codec::{Codec, LoadResult};
use crate::log;
use crate::util::runtime::with_timers;

/// A run that nobody waits for.
pub struct Refresh<C, U, X, F> {
    task: Task,
    rules: Rules<U, X>,
    handler: F,
    codec: PhantomData<fn() -> C>,
}

impl<C, U, X, F> Refresh<C, U, X, F> {
    pub(super) fn new(task: Task, rules: Rules<U, X>, handler: F) -> Self {
        Self {
            task,
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
        let surroundings = std::mem::take(&mut self.task.surroundings);
        surroundings.around(Box::pin(self.load())).await;
    }

    /// Someone else may be at it, or have done it.
    async fn load(self) {
        let Self {
            task,
            rules,
            handler,
            ..
        } = self;
        let mut load = match task.begin().await {
            Ok(load) => load,
            Err(holder) => {
                drop(handler);
                task.wait_for(holder).await;
                return;
            }
        };
        let result = {
            let running = Running::new(Box::pin(handler), load.begin_run());
            // After that it could not be stored any more.
            let Ok(mut output) = timeout(MAX_LOAD, running).await else {
                log::refresh_abandoned(MAX_LOAD);
                return;
            };
            load.has_run();
            match C::failure(&output, rules.errors) {
                None => C::encode(&mut output, rules.unless),
                Some(failure) => {
                    task.failed(type_name::<C::Value>(), failure);
                    LoadResult::Failed
                }
            }
        };
        task.end(load, result).await;
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

/// There is no place for it: the function says nothing for which it would be needed.
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
