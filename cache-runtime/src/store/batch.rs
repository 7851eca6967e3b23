//! Commands that are sent together.

use deadpool_redis::redis::{Cmd, Pipeline, pipe};

use super::slot::Slot;

/// In their order, as far as they are about one slot; what is about different slots may happen in any order.
pub(super) struct Batch {
    /// Whether the order within a slot matters.
    pub(super) is_ordered: bool,
    pub(super) commands: Pipeline,
    /// Of each command.
    pub(super) slots: Vec<Slot>,
}

impl Batch {
    pub(super) fn new() -> Self {
        Self {
            is_ordered: true,
            commands: pipe(),
            slots: Vec::new(),
        }
    }

    /// For commands that may happen in any order.
    pub(super) fn unordered() -> Self {
        Self {
            is_ordered: false,
            ..Self::new()
        }
    }

    pub(super) fn add(&mut self, slot: Slot, command: Cmd) {
        self.commands.add_command(command);
        self.slots.push(slot);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.commands.is_empty()
    }
}
