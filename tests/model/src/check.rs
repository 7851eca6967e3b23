//! Runs a system, and says what must come of it.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::hash::Hash;
use std::time::Instant;

use stateright::{Checker, HasDiscoveries, Model};

/// A system that can be run.
pub trait Checked:
    Model<State: Clone + Debug + Hash + Send + Sync + PartialEq, Action: Clone + Debug + PartialEq>
    + Debug
    + Send
    + Sync
    + 'static
{
}

impl<M> Checked for M where
    M: Model<
            State: Clone + Debug + Hash + Send + Sync + PartialEq,
            Action: Clone + Debug + PartialEq,
        > + Debug
        + Send
        + Sync
        + 'static
{
}

/// Every promise holds in every state, and everything that must be possible is.
///
/// # Panics
///
/// If it doesn't.
#[track_caller]
pub fn assert_keeps_all_promises(system: impl Checked) {
    explore(system, HasDiscoveries::AnyFailures).assert_properties();
}

/// There is a run that breaks this promise.
///
/// # Panics
///
/// If there is none.
#[track_caller]
pub fn assert_breaks(system: impl Checked, promise: &'static str) {
    let finish_when = HasDiscoveries::AllOf(BTreeSet::from([promise]));
    let trace = explore(system, finish_when).assert_any_discovery(promise);
    println!("    {:?}", trace.into_actions());
}

fn explore<M: Checked>(system: M, finish_when: HasDiscoveries) -> impl Checker<M> {
    let what = format!("{system:?}");
    let start = Instant::now();
    let checker = system.checker().threads(2).finish_when(finish_when);
    let checker = checker.spawn_bfs().join();
    println!(
        "{what}: {} states in {:.1?}",
        checker.unique_state_count(),
        start.elapsed()
    );
    checker
}
