//! Commands that are sent together, and their replies.

use deadpool_redis::redis::{Cmd, FromRedisValue, Pipeline, Value, from_redis_value, pipe};

use super::failure::Failure;
use crate::store::hash_slot::Slot;

/// Commands, in their order as far as they are about one slot; what is about different slots may happen in any order.
pub(super) struct Batch {
    /// Whether the order within a slot matters.
    pub(super) is_ordered: bool,
    pub(super) commands: Pipeline,
    /// The slot of each command.
    pub(super) slots: Vec<Slot>,
    /// How many bytes of values go or come, where that is known.
    pub(super) bytes: usize,
}

impl Batch {
    pub(super) fn new() -> Self {
        Self {
            is_ordered: true,
            commands: pipe(),
            slots: Vec::new(),
            bytes: 0,
        }
    }

    /// Of commands that carry a value of so many bytes.
    pub(super) fn carrying(bytes: usize) -> Self {
        Self {
            bytes,
            ..Self::new()
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

/// The replies to a batch.
pub(super) struct Replies {
    /// Nil for each that was not had.
    pub(super) values: Vec<Value>,
    /// Why some were not had.
    pub(super) failure: Option<Failure>,
}

impl Replies {
    pub(super) fn none(commands: usize) -> Self {
        Self {
            values: vec![Value::Nil; commands],
            failure: None,
        }
    }

    /// What one server replied to the commands at these places.
    pub(super) fn put(
        &mut self,
        places: impl IntoIterator<Item = usize>,
        outcome: Result<Value, Failure>,
    ) {
        match outcome {
            Ok(Value::Array(values)) => {
                for (place, value) in places.into_iter().zip(values) {
                    self.values[place] = value;
                }
            }
            Ok(_) => {}
            Err(failure) => self.failure = Some(failure),
        }
    }

    /// All of them, or why some were not had.
    pub(super) fn decode<T: FromRedisValue>(self) -> Result<T, Failure> {
        match self.failure {
            Some(failure) => Err(failure),
            None => decode(Value::Array(self.values).extract_error()?),
        }
    }
}

pub(super) fn decode<T: FromRedisValue>(reply: Value) -> Result<T, Failure> {
    Ok(from_redis_value(reply)?)
}
