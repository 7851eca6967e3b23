//! What a test has said of the operations of a store, and what it has seen of them.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::sleep;

use super::step::Operation;
use crate::error::{CacheError, ErrorKind};
use crate::util::runtime::with_timers;

/// So many of the last events are kept.
const MAX_EVENTS: usize = 10_000;

/// An operation that a cache has asked of its store. [The module](crate::testing) has an example.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Event {
    /// Which one.
    pub operation: Operation,
    /// What it is about: keys first, then tags, then patterns. Empty for a [`Ping`](Operation::Ping).
    pub names: Vec<String>,
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Outcome {
    /// It was done: there was an entry, the value was stored, the right to load was had.
    Done,
    /// There was no entry, the value was not stored since something had been written meanwhile, or another call has the
    /// right to load.
    Nothing,
    /// It failed, as the test has said.
    Failed,
    /// It hung, as the test has said, and nobody waited longer than the deadline.
    TimedOut,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    Fail,
    Hang,
}

#[derive(Debug)]
pub(crate) struct Script {
    /// The most that an operation takes.
    deadline: Duration,
    faults: Mutex<HashMap<Operation, Fault>>,
    events: Mutex<VecDeque<Event>>,
}

impl Script {
    pub(crate) fn new(deadline: Duration) -> Self {
        Self {
            deadline,
            faults: Mutex::default(),
            events: Mutex::default(),
        }
    }

    pub(crate) fn set(&self, operation: Operation, fault: Fault) {
        self.faults.lock().insert(operation, fault);
    }

    pub(crate) fn restore(&self) {
        self.faults.lock().clear();
    }

    pub(crate) fn take_events(&self) -> Vec<Event> {
        self.events.lock().drain(..).collect()
    }

    /// Lets the operation fail or hang, where that was said.
    pub(super) async fn disturb(
        &self,
        operation: Operation,
        names: &[String],
    ) -> Result<(), CacheError> {
        let fault = self.faults.lock().get(&operation).copied();
        let (outcome, kind) = match fault {
            None => return Ok(()),
            Some(Fault::Fail) => (Outcome::Failed, ErrorKind::Connection),
            Some(Fault::Hang) => (Outcome::TimedOut, ErrorKind::Timeout),
        };
        // Whoever waits may give up before.
        self.push(operation, names.to_vec(), outcome);
        if kind == ErrorKind::Timeout && with_timers().is_some() {
            sleep(self.deadline).await;
        }
        Err(kind.into())
    }

    pub(super) fn note(&self, operation: Operation, names: Vec<String>, is_done: bool) {
        let outcome = if is_done {
            Outcome::Done
        } else {
            Outcome::Nothing
        };
        self.push(operation, names, outcome);
    }

    fn push(&self, operation: Operation, names: Vec<String>, outcome: Outcome) {
        let mut events = self.events.lock();
        if events.len() == MAX_EVENTS {
            events.pop_front();
        }
        events.push_back(Event {
            operation,
            names,
            outcome,
        });
    }
}
