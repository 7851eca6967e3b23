//! Servers that are found by asking others: the nodes of a cluster, or the master that sentinels name.
//!
//! Each has a [`Lane`] of its own, with its breaker, so one that does not answer costs only what is on it, and that
//! only a few times. redis-rs' cluster client is not used: it sends again, unasked, what may have arrived already,
//! which no lease survives; it asks a node that hangs again for every call; and it sends `ASKING` once in
//! front of several commands, of which it then covers the first.

mod cluster;
pub(super) mod guide;
mod learning;
mod map;
mod redirects;
mod sentinel;
mod survey;

use std::fmt;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::time::{Duration, Instant};

use deadpool_redis::redis::{Cmd, Pipeline, Value, pipe};
use deadpool_redis::{Connection, Pool};
use futures_util::future::join_all;
use tokio::sync::Mutex;

use self::guide::Guide;
use self::map::Map;
use super::batch::Batch;
use super::lane::{Lane, Request, boxed, is_redirect};
use super::servers::Answers;
use super::slot::Slot;
use crate::config::{Address, Limits};
use crate::error::CacheError;
use crate::health::Breaker;
use crate::upkeep::Turn;

#[derive(Debug)]
pub(crate) struct Fleet {
    guide: Guide,
    /// Those that the settings name. They are asked who has what.
    seeds: Vec<Arc<Lane>>,
    pools: Pools,
    limits: Arc<Limits>,
    map: RwLock<Map>,
    /// Open while nobody knows who has what.
    breaker: Breaker,
    /// The log knows that its nodes take no commands.
    is_down: AtomicBool,
    learning: Mutex<()>,
    tending: Turn,
}

/// Makes the pool of the server at an address.
#[derive(Clone)]
pub(crate) struct Pools(pub(crate) Arc<MakePool>);

type MakePool = dyn Fn(&Address) -> Result<Pool, CacheError> + Send + Sync;

/// What a guide says: slots, from the first to the last, and who has them.
pub(super) type Layout = Vec<((Slot, Slot), Address)>;

enum Found {
    Lane(Arc<Lane>),
    Nobody,
    /// It has to be asked for, or asked for again.
    Unknown,
}

impl Fleet {
    pub(crate) fn new(
        guide: Guide,
        seeds: Vec<Arc<Lane>>,
        pools: Pools,
        limits: Arc<Limits>,
    ) -> Arc<Self> {
        Arc::new(Self {
            guide,
            seeds,
            pools,
            limits,
            map: RwLock::default(),
            breaker: Breaker::default(),
            is_down: AtomicBool::new(false),
            learning: Mutex::new(()),
            tending: Turn::default(),
        })
    }

    pub(super) fn has_slots(&self) -> bool {
        self.guide.has_slots()
    }

    pub(super) fn is_available(self: &Arc<Self>, slot: Slot) -> bool {
        let is_available = !self.breaker.is_open()
            && match self.find(slot) {
                Found::Lane(lane) => lane.is_available(),
                Found::Nobody => false,
                Found::Unknown => true,
            };
        if !is_available {
            self.tend();
        }
        is_available
    }

    /// Whether all of it is there.
    pub(super) fn is_healthy(&self) -> bool {
        let map = self.map();
        !self.breaker.is_open()
            && map.lanes.iter().all(|(_, lane)| lane.is_available())
            && map.owners.iter().all(Option::is_some)
    }

    pub(super) async fn one(
        self: &Arc<Self>,
        slot: Slot,
        command: &Cmd,
    ) -> Result<Value, CacheError> {
        let start = Instant::now();
        let Found::Lane(lane) = self.find(slot) else {
            return boxed(self.one_after_another(slot, command, start)).await;
        };
        let outcome = lane.ask(Request::One(command), true).await;
        let answer = self.take_note(outcome)?;
        if is_redirect(&answer) {
            return boxed(self.follow(slot, command, answer, lane, start)).await;
        }
        Ok(answer)
    }

    /// What is about different servers is sent to all of them at once, and what can be done is done also
    /// where something else can't.
    pub(super) async fn many(self: &Arc<Self>, batch: &Batch, again: bool) -> Answers {
        let start = Instant::now();
        let mut answers = Answers::of(batch.commands.len());
        if let Err(error) = self.know(start).await {
            answers.failure = Some(error);
            return answers;
        }
        let parts = self.split(batch, &mut answers);
        let asked = parts.iter().map(|part| async {
            match &part.commands {
                None => part.lane.ask(Request::Many(&batch.commands), again).await,
                Some(commands) => part.lane.ask(Request::Many(commands), again).await,
            }
        });
        for (part, outcome) in parts.iter().zip(join_all(asked).await) {
            answers.put(part.places.iter().copied(), self.take_note(outcome));
        }
        if answers.values.iter().any(is_redirect) {
            boxed(self.follow_all(batch, &parts, &mut answers, start)).await;
        }
        answers
    }

    fn split(self: &Arc<Self>, batch: &Batch, answers: &mut Answers) -> Vec<Part> {
        let mut parts: Vec<Part> = Vec::new();
        for (place, lane) in self.owners(&batch.slots).into_iter().enumerate() {
            let Some(lane) = lane else {
                answers.failure = Some(CacheError::Unavailable);
                self.tend();
                continue;
            };
            match parts.iter_mut().find(|part| Arc::ptr_eq(&part.lane, &lane)) {
                Some(part) => part.places.push(place),
                None => parts.push(Part {
                    lane,
                    places: vec![place],
                    commands: None,
                }),
            }
        }
        if !matches!(parts.as_slice(), [all] if all.places.len() == answers.values.len()) {
            let commands: Vec<&Cmd> = batch.commands.cmd_iter().collect();
            for part in &mut parts {
                let mut own = pipe();
                for &place in &part.places {
                    own.add_command(commands[place].clone());
                }
                part.commands = Some(own);
            }
        }
        parts
    }

    /// At one moment, so that all of a slot's commands go to one server.
    fn owners(&self, slots: &[Slot]) -> Vec<Option<Arc<Lane>>> {
        let map = self.map();
        slots.iter().map(|&slot| map.owner(slot).cloned()).collect()
    }

    fn known_at(&self, map: &Map, address: &Address) -> Option<Arc<Lane>> {
        let mut known = map.lanes.iter().chain(&map.others);
        let known = known.find(|(other, _)| other == address);
        let mut seeds = self.seeds.iter().filter(|_| self.guide.has_slots());
        let name = address.to_string();
        known
            .map(|(_, lane)| lane.clone())
            .or_else(|| seeds.find(|seed| seed.server() == name).cloned())
    }

    fn map(&self) -> RwLockReadGuard<'_, Map> {
        self.map.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn connect_to(&self, address: &Address) -> Result<Arc<Lane>, CacheError> {
        let pool = self.pools.0(address)?;
        let limits = self.limits.clone();
        Ok(Lane::new(
            address.to_string(),
            self.guide.role(),
            pool,
            limits,
        ))
    }

    fn left(&self, start: Instant) -> Duration {
        self.limits.deadline.saturating_sub(start.elapsed())
    }

    fn find(self: &Arc<Self>, slot: Slot) -> Found {
        let map = self.map();
        if !self.is_known(&map) {
            return Found::Unknown;
        }
        if !self.is_learned_since(&map, self.limits.deadline / 2) {
            self.tend();
        }
        match map.owner(slot) {
            Some(lane) => Found::Lane(lane.clone()),
            None => Found::Nobody,
        }
    }

    /// Whether what was learned is still good.
    fn is_known(&self, map: &Map) -> bool {
        map.learned.is_some() && self.is_learned_since(map, self.limits.deadline)
    }

    /// Whether that is not longer ago, if it matters.
    fn is_learned_since(&self, map: &Map, longest: Duration) -> bool {
        !self.guide.is_short_lived() || map.learned.is_some_and(|at| at.elapsed() <= longest)
    }

    pub(super) async fn checkout(self: &Arc<Self>, slot: Slot) -> Result<Connection, CacheError> {
        self.look_for(slot, Instant::now()).await?.checkout().await
    }
}

/// What one lane is sent of a batch.
struct Part {
    lane: Arc<Lane>,
    /// Of its commands in the batch.
    places: Vec<usize>,
    /// None where that is the whole batch.
    commands: Option<Pipeline>,
}

impl fmt::Debug for Pools {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pools")
    }
}
