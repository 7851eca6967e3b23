//! The connection to one server that all calls share.

use std::time::{Duration, Instant};

use parking_lot::RwLock;

use super::open::Shared;

/// A clone of this connection serves each call. It is made anew when it breaks.
#[derive(Default)]
pub(super) struct SharedConnection(RwLock<Current>);

#[derive(Default)]
struct Current {
    generation: Generation,
    connection: Option<Shared>,
    checked: Option<Instant>,
}

/// Tells apart the connections that a node has had.
pub(in crate::store::redis) type Generation = u64;

impl Current {
    /// It ends with the runtime that it was made on.
    fn usable(&self) -> Option<&Shared> {
        self.connection.as_ref().filter(|shared| !shared.is_over())
    }
}

impl SharedConnection {
    /// The connection, unless it was checked longer ago than this.
    pub(super) fn checked_within(
        &self,
        interval: Duration,
        now: Instant,
    ) -> Option<(Generation, Shared)> {
        let current = self.0.read();
        let is_checked = current
            .checked
            .is_some_and(|at| now.duration_since(at) < interval);
        let connection = current.usable().filter(|_| is_checked)?.clone();
        Some((current.generation, connection))
    }

    /// The connection if there is one, however long ago it was checked.
    pub(super) fn current(&self) -> (Generation, Option<Shared>) {
        let current = self.0.read();
        (current.generation, current.usable().cloned())
    }

    pub(super) fn generation(&self) -> Generation {
        self.0.read().generation
    }

    /// It has just replied.
    pub(super) fn set_checked(&self, generation: Generation) {
        let mut current = self.0.write();
        if current.generation == generation {
            current.checked = Some(Instant::now());
        }
    }

    /// Nothing where it is not to be had after all. Whoever gives it up says so before they come here.
    pub(super) fn replace(
        &self,
        connection: Shared,
        is_to_be_had: impl FnOnce() -> bool,
    ) -> Option<Generation> {
        let mut current = self.0.write();
        if !is_to_be_had() {
            return None;
        }
        *current = Current {
            generation: current.generation + 1,
            connection: Some(connection),
            checked: Some(Instant::now()),
        };
        Some(current.generation)
    }

    /// The next call makes a new one, unless someone has already.
    pub(super) fn abandon(&self, generation: Generation) {
        let mut current = self.0.write();
        if current.generation == generation {
            current.connection = None;
        }
    }
}
