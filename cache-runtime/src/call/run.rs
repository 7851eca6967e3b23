//! The function's run where it is called as a read, from the decision that it has to run to its entry.

use std::any::type_name;
use std::future::ready;
use std::pin::Pin;

use super::byte_lists;
use super::load::Load;
use super::read_back;
use super::rules::Rules;
use super::running::{Beside, Running};
use super::write::Way;
use crate::codec::hold::Hold;
use crate::codec::outcome::Failure;
use crate::codec::{Codec, LoadResult};

/// What came of a run.
pub struct Ran<O> {
    pub(super) output: O,
    /// The function failed.
    pub(super) failure: Option<Failure>,
    pub(super) is_stored: bool,
}

/// What the function runs for.
pub(super) enum Work {
    /// Its caller alone: the cache has no say in it.
    Nothing,
    /// Its caller, who may get an older value where it fails.
    Answer,
    /// An entry, too.
    Load(Box<Load>),
    /// A write, since that is what the request's method says.
    Write(Way),
}

/// Runs the handler, and stores what it returns, or removes what it made stale.
pub(super) async fn in_place<C, U, X, F>(
    mut work: Work,
    rules: Rules<U, X>,
    handler: Pin<Box<F>>,
) -> Ran<C::Output>
where
    C: Codec,
    U: FnOnce(&C::Value) -> bool,
    X: FnOnce(&C::Error) -> bool,
    F: Future<Output = C::Output>,
{
    if let Some(fence) = work.fence() {
        fence.await;
    }
    let output = Running::new(handler, work.beside()).await;
    // What a future has borrowed once it holds until its end, as far as `Send` is concerned.
    let (output, failure) = work.ended::<C, U, X, F>(rules, output);
    if let Work::Nothing | Work::Answer = work {
        return Ran::unstored(output, failure);
    }
    let held = match C::Hold::hold(output) {
        Ok(held) => held,
        // What is left to do is done in the background.
        Err(output) => return Ran::unstored(output, failure),
    };
    let is_stored = work.settle().await;
    Ran {
        output: C::Hold::release(held),
        failure,
        is_stored,
    }
}

impl<O> Ran<O> {
    fn unstored(output: O, failure: Option<Failure>) -> Self {
        Self {
            output,
            failure,
            is_stored: false,
        }
    }
}

impl Work {
    fn ended<C, U, X, F>(
        &mut self,
        rules: Rules<U, X>,
        mut output: C::Output,
    ) -> (C::Output, Option<Failure>)
    where
        C: Codec,
        U: FnOnce(&C::Value) -> bool,
        X: FnOnce(&C::Error) -> bool,
    {
        let failure = self.end::<C, U, X, F>(rules, &mut output);
        (output, failure)
    }

    /// Why an older value is better than this one, if it is. Ends a load for which nothing is to be stored.
    fn end<C, U, X, F>(&mut self, rules: Rules<U, X>, output: &mut C::Output) -> Option<Failure>
    where
        C: Codec,
        U: FnOnce(&C::Value) -> bool,
        X: FnOnce(&C::Error) -> bool,
    {
        match self {
            Self::Nothing => return None,
            Self::Write(way) => {
                way.end_as_read(C::outcome(output));
                return None;
            }
            Self::Answer | Self::Load(_) => {}
        }
        let failure = C::failure(output, rules.errors);
        if let Self::Load(load) = self {
            load.has_run();
            let result = match failure {
                Some(_) => LoadResult::Failed,
                None => C::encode(output, rules.unless),
            };
            if let LoadResult::Store(json) = &result {
                byte_lists::check(type_name::<F>(), json);
                if cfg!(debug_assertions) {
                    read_back::check::<C, F>(output, json);
                }
            }
            if !load.end(result) {
                *self = Self::Answer;
            }
        }
        failure
    }

    fn fence(&mut self) -> Option<Pin<Box<dyn Future<Output = ()> + Send + '_>>> {
        match self {
            Self::Write(way) => way.fence(),
            _ => None,
        }
    }

    fn beside(&mut self) -> Beside {
        match self {
            Self::Nothing | Self::Answer => Beside::nothing(),
            Self::Load(load) => load.begin_run(),
            Self::Write(way) => way.beside(),
        }
    }

    /// Says whether something was stored.
    fn settle(self) -> Pin<Box<dyn Future<Output = bool> + Send>> {
        match self {
            Self::Load(load) => Box::pin(load.fill()),
            Self::Write(mut way) => Box::pin(async move {
                way.settle().await;
                false
            }),
            Self::Nothing | Self::Answer => Box::pin(ready(false)),
        }
    }
}
