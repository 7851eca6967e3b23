//! A load's run, from the function to the entry.

use std::pin::Pin;

use bytes::Bytes;

use super::byte_lists;
use super::load::Load;
use super::read_back;
use super::rules::Rules;
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

/// Runs the handler, and stores what it returns.
pub(super) async fn in_place<C, U, X, F>(
    load: Box<Load>,
    rules: Rules<U, X>,
    handler: Pin<Box<F>>,
) -> Ran<C::Output>
where
    C: Codec,
    U: FnOnce(&C::Value) -> bool,
    X: FnOnce(&C::Error) -> bool,
    F: Future<Output = C::Output>,
{
    let output = load.run(handler).await;
    let (held, load, json) = match end::<C, U, X, F>(load, rules, output) {
        Ok(to_store) => to_store,
        Err(ran) => return ran,
    };
    let is_stored = load.fill(json).await;
    Ran {
        output: C::Hold::release(held),
        failure: None,
        is_stored,
    }
}

/// What to hold, the load and the JSON that it is to store.
type ToStore<C> = (<<C as Codec>::Hold as Hold>::Held, Box<Load>, Bytes);

/// Ends a load for which nothing is to be stored, without a wait.
///
/// # Errors
///
/// What came of it, where nothing is to be stored.
fn end<C, U, X, F>(
    load: Box<Load>,
    rules: Rules<U, X>,
    mut output: C::Output,
) -> Result<ToStore<C>, Ran<C::Output>>
where
    C: Codec,
    U: FnOnce(&C::Value) -> bool,
    X: FnOnce(&C::Error) -> bool,
{
    let failure = C::failure(&output, rules.errors);
    let result = match failure {
        Some(_) => LoadResult::Failed,
        None => C::encode(&mut output, rules.unless),
    };
    match result {
        LoadResult::Store(json) => {
            byte_lists::check::<F>(&json);
            if cfg!(debug_assertions) {
                read_back::check::<C, F>(&output, &json);
            }
            match C::Hold::hold(output) {
                Ok(held) => return Ok((held, load, json)),
                // An `Err`, of which nothing is ever stored.
                Err(back) => output = back,
            }
        }
        result => load.end(result),
    }
    Err(Ran {
        output,
        failure,
        is_stored: false,
    })
}
