//! Servers that are found by asking others: the nodes of a cluster, or the master that sentinels name.
//!
//! Each has a [`Lane`] of its own, so one that does not answer costs only what is on it. redis-rs' cluster
//! client is not used: it sends again what may have arrived already, which no lease survives, and while it
//! looks for a lost node nothing is sent to the others.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock, Weak};
use std::time::{Duration, Instant};

use deadpool_redis::redis::{
    Cmd, ErrorKind, Pipeline, RedisError, ServerErrorKind, Value, cmd, pipe,
};
use deadpool_redis::{Connection, Pool};
use futures_util::future::join_all;
use tokio::runtime::Handle;
use tokio::sync::Mutex;
use tokio::time::{sleep, timeout};

use super::batch::Batch;
use super::guide::Guide;
use super::lane::{Lane, Request, boxed, is_redirect};
use super::servers::{Survey, decode};
use super::slot::Slot;
use crate::config::{Address, Limits};
use crate::error::CacheError;
use crate::health::{Breaker, is_broken};
use crate::upkeep::{Backoff, Taken, Turn};

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
    learning: Mutex<()>,
    tending: Turn,
}

/// Makes the pool of the server at an address.
#[derive(Clone)]
pub(crate) struct Pools(pub(crate) Arc<MakePool>);

type MakePool = dyn Fn(&Address) -> Result<Pool, CacheError> + Send + Sync;

/// Who has what.
#[derive(Debug, Default)]
struct Map {
    lanes: Vec<(Address, Arc<Lane>)>,
    /// The place of each slot's lane; none where nobody has it.
    owners: Vec<Option<u16>>,
    learned: Option<Instant>,
}

/// What a guide says: slots, from the first to the last, and who has them.
pub(super) type Layout = Vec<((Slot, Slot), Address)>;

enum Found {
    Lane(Arc<Lane>),
    Nobody,
    /// It has to be asked for, or asked for again.
    Unknown,
}

/// A command may be redirected so often before we give up on it.
const MOST_REDIRECTS: usize = 5;

/// Between two looks at servers that are not as they should be.
const BACKOFF: Backoff = Backoff::between(Duration::from_millis(10), Duration::from_secs(1));

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
        let map = self.map.read().unwrap_or_else(PoisonError::into_inner);
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
        let lane = match self.find(slot) {
            Found::Lane(lane) => lane,
            _ => boxed(self.look_for(slot, start)).await?,
        };
        let outcome = lane.ask(Request::One(command), true).await;
        let answer = self.take_note(outcome)?;
        if is_redirect(&answer) {
            return boxed(self.follow(slot, command, answer, start)).await;
        }
        Ok(answer)
    }

    /// The list of the answers. What is about different servers is sent to all of them at once, and what can
    /// be done is done also where something else can't.
    pub(super) async fn many(
        self: &Arc<Self>,
        batch: &Batch,
        again: bool,
    ) -> Result<Value, CacheError> {
        let start = Instant::now();
        self.know(start).await?;
        let mut answers = Answers::of(batch.commands.len());
        let parts = self.split(batch, &mut answers);
        let asked = parts.iter().map(|part| async {
            match &part.commands {
                None => part.lane.ask(Request::Many(&batch.commands), again).await,
                Some(commands) => part.lane.ask(Request::Many(commands), again).await,
            }
        });
        for (part, outcome) in parts.iter().zip(join_all(asked).await) {
            answers.put(&part.places, self.take_note(outcome));
        }
        if answers.values.iter().any(is_redirect) {
            boxed(self.follow_all(batch, &mut answers, start)).await;
        }
        match answers.failure {
            Some(error) => Err(error),
            None => Ok(Value::Array(answers.values)),
        }
    }

    fn split(self: &Arc<Self>, batch: &Batch, answers: &mut Answers) -> Vec<Part> {
        let mut parts: Vec<Part> = Vec::new();
        for (place, &slot) in batch.slots.iter().enumerate() {
            let Found::Lane(lane) = self.find(slot) else {
                answers.failure = Some(CacheError::Unavailable);
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

    /// From the first command of a slot that was redirected, all of the slot's are sent again, one after the
    /// other: their order is kept, and each may have an address of its own.
    async fn follow_all(self: &Arc<Self>, batch: &Batch, answers: &mut Answers, start: Instant) {
        let mut slots: BTreeMap<Slot, Vec<(usize, &Cmd)>> = BTreeMap::new();
        let commands = batch.slots.iter().zip(batch.commands.cmd_iter());
        for (place, (&slot, command)) in commands.enumerate() {
            if slots.contains_key(&slot) || is_redirect(&answers.values[place]) {
                slots.entry(slot).or_default().push((place, command));
            }
        }
        let values = &answers.values;
        let followed = slots.iter().map(|(&slot, commands)| async move {
            let mut found = Vec::new();
            for (turn, &(place, command)) in commands.iter().enumerate() {
                let answer = if turn == 0 {
                    values[place].clone()
                } else {
                    self.one_hop(slot, command, start).await?
                };
                found.push((place, self.follow(slot, command, answer, start).await?));
            }
            Ok(found)
        });
        for outcome in join_all(followed).await {
            match outcome {
                Ok(found) => found
                    .into_iter()
                    .for_each(|(place, answer)| answers.values[place] = answer),
                Err(error) => answers.failure = Some(error),
            }
        }
    }

    async fn one_hop(
        self: &Arc<Self>,
        slot: Slot,
        command: &Cmd,
        start: Instant,
    ) -> Result<Value, CacheError> {
        let lane = self.look_for(slot, start).await?;
        let left = self.left(start);
        let outcome = lane.ask_within(left, Request::One(command), false).await;
        self.take_note(outcome)
    }

    /// Goes where an answer says that the key is, which may say so too.
    async fn follow(
        self: &Arc<Self>,
        slot: Slot,
        command: &Cmd,
        mut answer: Value,
        start: Instant,
    ) -> Result<Value, CacheError> {
        for _ in 0..MOST_REDIRECTS {
            let error = match answer {
                Value::ServerError(error) if is_redirect(&Value::ServerError(error.clone())) => {
                    RedisError::from(error)
                }
                answer => return Ok(answer),
            };
            let address = error
                .redirect_node()
                .and_then(|(node, _)| node.parse().ok());
            let address: Address = address.ok_or(error.clone())?;
            let has_moved = error.kind() == ErrorKind::Server(ServerErrorKind::Moved);
            let lane = self.at(address, has_moved.then_some(slot))?;
            let left = self.left(start);
            let outcome = if has_moved {
                self.tend();
                lane.ask_within(left, Request::One(command), false).await
            } else {
                let mut both = pipe();
                both.cmd("ASKING").add_command(command.clone());
                let answers = lane.ask_within(left, Request::Many(&both), false).await;
                answers
                    .and_then(decode::<(Value, Value)>)
                    .map(|(_, answer)| answer)
            };
            answer = self.take_note(outcome)?;
        }
        Err(CacheError::Rearranged)
    }

    /// The lane to an address, which may have been given a slot.
    fn at(&self, address: Address, gets: Option<Slot>) -> Result<Arc<Lane>, CacheError> {
        let known = self.known_at(
            &self
                .map
                .read()
                .unwrap_or_else(PoisonError::into_inner)
                .lanes,
            &address,
        );
        let lane = known.map_or_else(|| self.connect_to(&address), Ok)?;
        if let Some(slot) = gets {
            let mut map = self.map.write().unwrap_or_else(PoisonError::into_inner);
            map.give(slot, address, &lane);
        }
        Ok(lane)
    }

    fn known_at(&self, lanes: &[(Address, Arc<Lane>)], address: &Address) -> Option<Arc<Lane>> {
        let known = lanes.iter().find(|(other, _)| other == address);
        let mut seeds = self.seeds.iter().filter(|_| self.guide.has_slots());
        let name = address.to_string();
        known
            .map(|(_, lane)| lane.clone())
            .or_else(|| seeds.find(|seed| seed.server() == name).cloned())
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
        let map = self.map.read().unwrap_or_else(PoisonError::into_inner);
        let Some(learned) = map.learned else {
            return Found::Unknown;
        };
        if self.guide.is_short_lived() {
            let age = learned.elapsed();
            if age > self.limits.deadline {
                return Found::Unknown;
            }
            if age > self.limits.deadline / 2 {
                self.tend();
            }
        }
        match map.owners.get(usize::from(slot)).copied().flatten() {
            Some(place) => Found::Lane(map.lanes[usize::from(place)].1.clone()),
            None => Found::Nobody,
        }
    }

    /// Asks for what is not known yet.
    async fn look_for(
        self: &Arc<Self>,
        slot: Slot,
        start: Instant,
    ) -> Result<Arc<Lane>, CacheError> {
        self.know(start).await?;
        match self.find(slot) {
            Found::Lane(lane) => Ok(lane),
            Found::Nobody | Found::Unknown => {
                self.tend();
                Err(CacheError::Unavailable)
            }
        }
    }

    async fn know(self: &Arc<Self>, start: Instant) -> Result<(), CacheError> {
        if self.breaker.is_open() {
            self.tend();
            return Err(CacheError::Unavailable);
        }
        if !matches!(self.find(0), Found::Unknown) {
            return Ok(());
        }
        if Handle::try_current().is_err() {
            return Err(CacheError::NoRuntime);
        }
        let learned = timeout(self.left(start), boxed(self.learn(false))).await;
        let outcome = learned.unwrap_or(Err(CacheError::Timeout(self.limits.deadline)));
        if self.breaker.observe(&outcome)
            && let Err(error) = &outcome
        {
            tracing::warn!(%error, source = error.cause(), "the cache is bypassed until Redis answers again");
        }
        self.take_note(outcome)
    }

    /// Asks who has what, unless someone else has just done so and that is enough.
    async fn learn(self: &Arc<Self>, anew: bool) -> Result<(), CacheError> {
        let _one_at_a_time = self.learning.lock().await;
        if !anew && !matches!(self.find(0), Found::Unknown) {
            return Ok(());
        }
        let asked = Instant::now();
        let layout = self.guide.ask(&self.acquaintances()).await?;
        self.arrange(layout, asked).await
    }

    /// Whom to ask.
    fn acquaintances(&self) -> Vec<Arc<Lane>> {
        let mut all = self.seeds.clone();
        if self.guide.has_slots() {
            let map = self.map.read().unwrap_or_else(PoisonError::into_inner);
            let others = map.lanes.iter().map(|(_, lane)| lane);
            let others: Vec<_> = others
                .filter(|lane| !all.iter().any(|seed| Arc::ptr_eq(seed, lane)))
                .cloned()
                .collect();
            all.extend(others);
        }
        all
    }

    async fn arrange(&self, layout: Layout, asked: Instant) -> Result<(), CacheError> {
        let known = self
            .map
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .lanes
            .clone();
        let mut map = Map {
            owners: vec![None; self.guide.slots()],
            learned: Some(asked),
            ..Map::default()
        };
        for ((first, last), address) in layout {
            let known = self.known_at(&known, &address);
            let lane = match known {
                Some(lane) => lane,
                None => self.meet(&address).await?,
            };
            for slot in first..=last {
                map.give(slot, address.clone(), &lane);
            }
        }
        self.use_map(map);
        Ok(())
    }

    /// Whether it is a master shows when it is connected to.
    async fn meet(&self, address: &Address) -> Result<Arc<Lane>, CacheError> {
        let lane = self.connect_to(address)?;
        if !self.guide.has_slots() {
            lane.ask(Request::One(&cmd("PING")), true).await?;
        }
        Ok(lane)
    }

    fn use_map(&self, map: Map) {
        let served = |map: &Map| map.owners.iter().flatten().count();
        let (now, all) = (served(&map), map.owners.len());
        let before = {
            let mut current = self.map.write().unwrap_or_else(PoisonError::into_inner);
            let before = current.learned.map_or(all, |_| served(&current));
            *current = map;
            before
        };
        if now != before && now < all {
            tracing::warn!(
                "REDIS_CACHE_CLUSTER_NODES: the cluster serves {now} of its {all} slots, and what falls into the others is not cached"
            );
        }
    }

    /// Errors that may have to do with who has what.
    fn take_note<T>(self: &Arc<Self>, outcome: Result<T, CacheError>) -> Result<T, CacheError> {
        let is_about_one_command = |error: &CacheError| matches!(error, CacheError::Redis(error) if !is_broken(error) && error.code() != Some("CLUSTERDOWN"));
        if outcome
            .as_ref()
            .is_err_and(|error| !is_about_one_command(error))
        {
            self.tend();
        }
        outcome
    }

    /// Sees to it that a task asks who has what, until all of it is there.
    fn tend(self: &Arc<Self>) {
        if let Ok(runtime) = Handle::try_current()
            && let Some(turn) = self.tending.take()
        {
            runtime.spawn(tend(Arc::downgrade(self), turn));
        }
    }

    /// Asks everyone anew.
    pub(super) async fn survey(self: &Arc<Self>) -> Result<Survey, CacheError> {
        let start = Instant::now();
        self.know(start).await?;
        self.learn(true).await?;
        let lanes: Vec<Arc<Lane>> = {
            let map = self.map.read().unwrap_or_else(PoisonError::into_inner);
            if map.owners.iter().any(Option::is_none) {
                return Err(CacheError::Unavailable);
            }
            map.lanes.iter().map(|(_, lane)| lane.clone()).collect()
        };
        let facts = join_all(lanes.iter().map(|lane| self.guide.facts(lane))).await;
        let facts = facts.into_iter().collect::<Result<Vec<_>, _>>()?;
        let state = lanes
            .iter()
            .zip(&facts)
            .map(|(lane, facts)| format!("{} {} {facts}", lane.server(), lane.number()));
        Ok(Survey {
            state: state.collect(),
            is_moving: facts.iter().any(|facts| facts.contains('[')),
            lanes,
        })
    }

    pub(super) async fn checkout(self: &Arc<Self>, slot: Slot) -> Result<Connection, CacheError> {
        self.look_for(slot, Instant::now()).await?.checkout().await
    }
}

async fn tend(fleet: Weak<Fleet>, _turn: Taken) {
    let mut backoff = BACKOFF;
    loop {
        let Some(fleet) = fleet.upgrade() else { return };
        if boxed(fleet.learn(true)).await.is_ok() {
            if fleet.breaker.close() {
                tracing::info!("Redis answers: the cache is used again");
            }
            if fleet.is_healthy() {
                return;
            }
        }
        drop(fleet);
        sleep(backoff.pause()).await;
    }
}

impl Map {
    fn give(&mut self, slot: Slot, address: Address, lane: &Arc<Lane>) {
        let place = self
            .lanes
            .iter()
            .position(|(_, other)| Arc::ptr_eq(other, lane));
        let place = place.unwrap_or_else(|| {
            self.lanes.push((address, lane.clone()));
            self.lanes.len() - 1
        });
        if let Some(owner) = self.owners.get_mut(usize::from(slot)) {
            *owner = u16::try_from(place).ok();
        }
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

struct Answers {
    values: Vec<Value>,
    failure: Option<CacheError>,
}

impl Answers {
    fn of(commands: usize) -> Self {
        Self {
            values: vec![Value::Nil; commands],
            failure: None,
        }
    }

    fn put(&mut self, places: &[usize], outcome: Result<Value, CacheError>) {
        match outcome {
            Ok(Value::Array(values)) => {
                for (&place, value) in places.iter().zip(values) {
                    self.values[place] = value;
                }
            }
            Ok(_) => {}
            Err(error) => self.failure = Some(error),
        }
    }
}

impl fmt::Debug for Pools {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pools")
    }
}
