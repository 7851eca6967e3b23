//! Which server is asked.

use std::collections::BTreeMap;
use std::sync::Arc;

use deadpool_redis::Connection;
use deadpool_redis::redis::{Cmd, FromRedisValue, RedisError, Value, from_redis_value};

use super::batch::Batch;
use super::fleet::Fleet;
use super::lane::{Lane, Request, boxed};
use super::slot::{Slot, slot};
use crate::error::CacheError;

/// Whom the commands go to.
#[derive(Clone, Debug)]
pub(crate) enum Servers {
    /// The one that there is.
    One(Arc<Lane>),
    /// The nodes of a cluster, or the master that sentinels name.
    #[cfg_attr(
        not(any(feature = "cluster", feature = "sentinel")),
        expect(dead_code, reason = "nothing but these features makes one")
    )]
    Fleet(Arc<Fleet>),
}

/// Who holds entries, at one moment.
pub(super) struct Survey {
    pub(super) lanes: Vec<Arc<Lane>>,
    /// What has to be the same before and after a scan of them all, or the scan may have missed something.
    pub(super) state: Vec<String>,
    /// Keys may be on their way from one of them to another.
    pub(super) is_moving: bool,
}

impl Servers {
    /// Whether the server of this key is asked at all.
    pub(super) fn is_available(&self, key: &str) -> bool {
        match self {
            Self::One(lane) => lane.is_available(),
            Self::Fleet(fleet) => fleet.is_available(self.slot(key.as_bytes())),
        }
    }

    /// Whether each of them is.
    pub(super) fn are_all_available(&self) -> bool {
        match self {
            Self::One(lane) => lane.is_available(),
            Self::Fleet(fleet) => fleet.is_healthy(),
        }
    }

    /// Whether a command may name keys of one slot only.
    pub(super) fn have_slots(&self) -> bool {
        match self {
            Self::One(_) => false,
            Self::Fleet(fleet) => fleet.has_slots(),
        }
    }

    /// Where a command may name any keys, all of them are in one slot.
    pub(super) fn slot(&self, key: &[u8]) -> Slot {
        if self.have_slots() { slot(key) } else { 0 }
    }

    /// Their places, by slots.
    pub(super) fn by_slot(&self, keys: &[String]) -> BTreeMap<Slot, Vec<usize>> {
        let mut slots: BTreeMap<Slot, Vec<usize>> = BTreeMap::new();
        for (place, key) in keys.iter().enumerate() {
            slots
                .entry(self.slot(key.as_bytes()))
                .or_default()
                .push(place);
        }
        slots
    }

    /// The answer of one command.
    pub(super) async fn one<T: FromRedisValue>(
        &self,
        slot: Slot,
        command: &Cmd,
    ) -> Result<T, CacheError> {
        let answer = match self {
            Self::One(lane) => lane.ask(Request::One(command), true).await?,
            Self::Fleet(fleet) => boxed(fleet.one(slot, command)).await?.extract_error()?,
        };
        decode(answer)
    }

    /// The answers of several commands, sent together.
    pub(super) async fn many<T: FromRedisValue>(&self, batch: &Batch) -> Result<T, CacheError> {
        self.send(batch, true).await.decode()
    }

    /// The same, as far as they can be had; and that the keys of a command are on two servers is an answer.
    pub(super) async fn many_that_can(&self, batch: &Batch) -> Answers {
        self.send(batch, true).await
    }

    /// The same, but never sent twice: the first copy may arrive after the second, long after.
    pub(super) async fn many_once<T: FromRedisValue>(
        &self,
        batch: &Batch,
    ) -> Result<T, CacheError> {
        self.send(batch, false).await.decode()
    }

    async fn send(&self, batch: &Batch, again: bool) -> Answers {
        let mut answers = Answers::of(batch.commands.len());
        match self {
            _ if batch.is_empty() => answers,
            Self::One(lane) => {
                let outcome = lane.ask(Request::Many(&batch.commands), again).await;
                answers.put(0..batch.commands.len(), outcome);
                answers
            }
            Self::Fleet(fleet) => boxed(fleet.many(batch, again)).await,
        }
    }

    /// Whom a pattern has to be looked for at.
    pub(super) async fn survey(&self) -> Result<Survey, CacheError> {
        match self {
            Self::One(lane) => Ok(Survey {
                lanes: vec![lane.clone()],
                state: Vec::new(),
                is_moving: false,
            }),
            Self::Fleet(fleet) => boxed(fleet.survey()).await,
        }
    }

    /// A connection of the pool to the server that has this key, or to the only one.
    pub(super) async fn connection(&self, key: Option<&str>) -> Result<Connection, CacheError> {
        match self {
            Self::One(lane) => lane.checkout().await,
            Self::Fleet(fleet) => {
                if key.is_none() && fleet.has_slots() {
                    return Err(CacheError::ManyServers);
                }
                fleet
                    .checkout(self.slot(key.unwrap_or_default().as_bytes()))
                    .await
            }
        }
    }
}

/// Of a batch.
pub(super) struct Answers {
    /// Nil for each that was not given.
    pub(super) values: Vec<Value>,
    /// ForwardReason not.
    pub(super) failure: Option<CacheError>,
}

impl Answers {
    pub(super) fn of(commands: usize) -> Self {
        Self {
            values: vec![Value::Nil; commands],
            failure: None,
        }
    }

    /// What one server says to the commands at these places.
    pub(super) fn put(
        &mut self,
        places: impl IntoIterator<Item = usize>,
        outcome: Result<Value, CacheError>,
    ) {
        match outcome {
            Ok(Value::Array(values)) => {
                for (place, value) in places.into_iter().zip(values) {
                    self.values[place] = value;
                }
            }
            Ok(_) => {}
            Err(error) => self.failure = Some(error),
        }
    }

    /// All of them.
    fn decode<T: FromRedisValue>(self) -> Result<T, CacheError> {
        match self.failure {
            Some(error) => Err(error),
            None => decode(Value::Array(self.values).extract_error()?),
        }
    }
}

pub(super) fn decode<T: FromRedisValue>(answer: Value) -> Result<T, CacheError> {
    Ok(from_redis_value(answer).map_err(RedisError::from)?)
}
