//! Servers that are found by asking others: the nodes of a cluster, or the master that sentinels name.
//!
//! Each has a [`Lane`] of its own, with its breaker, so one that does not answer costs only what is on it, and that
//! only a few times. redis-rs' cluster client is not used: it sends again, unasked, what may have arrived already,
//! which no lease survives; it asks a node that hangs again for every call; and it sends `ASKING` once in
//! front of several commands, of which it then covers the first.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, Weak};
use std::time::{Duration, Instant};

use deadpool_redis::redis::{Cmd, Pipeline, RedisError, ServerErrorKind, Value, cmd, pipe};
use deadpool_redis::{Connection, Pool};
use futures_util::future::join_all;
use tokio::runtime::Handle;
use tokio::sync::Mutex;
use tokio::time::{sleep, timeout};

use super::batch::Batch;
use super::guide::{Facts, Guide};
use super::lane::{Lane, Request, boxed, is_cluster_down, is_redirect};
use super::servers::{Answers, Survey, decode};
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
    /// The log knows that its nodes take no commands.
    is_down: AtomicBool,
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
    /// Those that have no slot yet, and may get one.
    others: Vec<(Address, Arc<Lane>)>,
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

    /// From the first command of a slot that was redirected, all of the slot's are sent again, one after the
    /// other: their order is kept, and each may have an address of its own.
    async fn follow_all(
        self: &Arc<Self>,
        batch: &Batch,
        parts: &[Part],
        answers: &mut Answers,
        start: Instant,
    ) {
        let commands: Vec<&Cmd> = batch.commands.cmd_iter().collect();
        let mut slots: BTreeMap<Slot, Vec<(usize, &Arc<Lane>)>> = BTreeMap::new();
        for part in parts {
            for &place in &part.places {
                let slot = batch.slots[place];
                if slots.contains_key(&slot) || is_redirect(&answers.values[place]) {
                    slots.entry(slot).or_default().push((place, &part.lane));
                }
            }
        }
        let (values, commands) = (&answers.values, &commands);
        let followed = slots.iter().map(|(&slot, places)| async move {
            let mut found = Vec::new();
            for (turn, &(place, lane)) in places.iter().enumerate() {
                let answer = if turn == 0 {
                    let redirect = values[place].clone();
                    self.follow(slot, commands[place], redirect, lane.clone(), start)
                        .await?
                } else {
                    self.one_after_another(slot, commands[place], start).await?
                };
                found.push((place, answer));
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

    /// What can't be sent at once.
    async fn one_after_another(
        self: &Arc<Self>,
        slot: Slot,
        command: &Cmd,
        start: Instant,
    ) -> Result<Value, CacheError> {
        let lane = self.look_for(slot, start).await?;
        let left = self.left(start);
        let outcome = lane.ask_within(left, Request::One(command), true).await;
        let answer = self.take_note(outcome)?;
        self.follow(slot, command, answer, lane, start).await
    }

    /// Goes where an answer of this lane's says that the key is, which may say so too.
    async fn follow(
        self: &Arc<Self>,
        slot: Slot,
        command: &Cmd,
        mut answer: Value,
        mut lane: Arc<Lane>,
        start: Instant,
    ) -> Result<Value, CacheError> {
        for _ in 0..MOST_REDIRECTS {
            let Some(redirect) = Redirect::of(&answer, &lane)? else {
                return Ok(answer);
            };
            lane = self.at(redirect.address, redirect.is_for_good.then_some(slot))?;
            let left = self.left(start);
            let outcome = if redirect.is_for_good {
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
        let mut map = self.map.write().unwrap_or_else(PoisonError::into_inner);
        let lane = match self.known_at(&map, &address) {
            Some(lane) => lane,
            None => self.connect_to(&address)?,
        };
        match gets {
            Some(slot) => map.give(slot, address, &lane),
            None => map.note(address, &lane),
        }
        Ok(lane)
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
        if self.is_known(&self.map()) {
            return Ok(());
        }
        if Handle::try_current().is_err() {
            return Err(CacheError::NoRuntime);
        }
        let learned = timeout(self.left(start), boxed(self.learn(None))).await;
        let outcome = learned.unwrap_or(Err(CacheError::Timeout(self.limits.deadline)));
        if self.breaker.observe(&outcome)
            && let Err(error) = &outcome
        {
            tracing::warn!(%error, source = error.cause(), "the cache is bypassed until Redis answers again");
        }
        self.take_note(outcome)
    }

    /// Asks who has what, unless that is known, or has been learned after this moment.
    async fn learn(self: &Arc<Self>, after: Option<Instant>) -> Result<(), CacheError> {
        let _one_at_a_time = self.learning.lock().await;
        let is_enough = |map: &Map| match after {
            None => self.is_known(map),
            Some(_) => map.learned > after,
        };
        if is_enough(&self.map()) {
            return Ok(());
        }
        let asked = Instant::now();
        // In half of the time that a call has, so that one which hangs does not hide what the others say.
        let patience = self.limits.deadline / 2;
        let layout = self.guide.ask(&self.acquaintances(), patience).await?;
        self.arrange(layout, asked).await
    }

    /// Whom to ask.
    fn acquaintances(&self) -> Vec<Arc<Lane>> {
        let mut all = self.seeds.clone();
        if self.guide.has_slots() {
            let map = self.map();
            let is_new = |lane: &&Arc<Lane>| !self.seeds.iter().any(|seed| Arc::ptr_eq(seed, lane));
            let lanes = map.lanes.iter().map(|(_, lane)| lane);
            all.extend(lanes.filter(is_new).cloned());
        }
        all
    }

    async fn arrange(&self, layout: Layout, asked: Instant) -> Result<(), CacheError> {
        let mut map = Map {
            owners: vec![None; self.guide.slots()],
            learned: Some(asked),
            ..Map::default()
        };
        for ((first, last), address) in layout {
            let known = self.known_at(&self.map(), &address);
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
            lane.ask_quietly(self.limits.deadline, Request::One(&cmd("PING")))
                .await?;
        }
        Ok(lane)
    }

    fn use_map(&self, map: Map) {
        let served = |map: &Map| map.owners.iter().flatten().count();
        let (now, all) = (served(&map), map.owners.len());
        let before = {
            let mut current = self.map.write().unwrap_or_else(PoisonError::into_inner);
            let before = current.learned.map_or(all, |_| served(&current));
            for (address, lane) in std::mem::replace(&mut *current, map).others {
                if lane.is_available() {
                    current.note(address, &lane);
                }
            }
            before
        };
        if now != before && now < all {
            tracing::warn!(
                "REDIS_CACHE_CLUSTER_NODES: the cluster serves {now} of its {all} slots, and what falls into the others is not cached; nothing is, if it requires full coverage"
            );
        }
    }

    /// Errors that may have to do with who has what.
    fn take_note<T>(self: &Arc<Self>, outcome: Result<T, CacheError>) -> Result<T, CacheError> {
        let is_about_one_command = |error: &CacheError| matches!(error, CacheError::Redis(error) if !is_broken(error) && error.code() != Some("CLUSTERDOWN"));
        if let Err(error) = &outcome
            && !is_about_one_command(error)
        {
            if is_cluster_down(error) {
                self.tell_of_the_end();
            }
            self.tend();
        }
        outcome
    }

    /// Once, until it is well again; where slots are missing, the log knows.
    fn tell_of_the_end(&self) {
        let map = self.map();
        if map.owners.iter().all(Option::is_some) && !self.is_down.swap(true, Ordering::AcqRel) {
            tracing::warn!(
                "REDIS_CACHE_CLUSTER_NODES: the cluster is down, and nothing is cached until it is well again"
            );
        }
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
        self.learn(Some(start)).await?;
        for _ in 0..MOST_REDIRECTS {
            let lanes = self.all_lanes()?;
            let facts = join_all(lanes.iter().map(|lane| self.guide.facts(lane))).await;
            let facts = facts.into_iter().collect::<Result<Vec<_>, _>>()?;
            let others = facts.iter().flat_map(|facts| &facts.without_slots);
            if !self.meet_all(others)? {
                return Ok(Survey::of(lanes, &facts));
            }
        }
        Err(CacheError::Rearranged)
    }

    /// Of every server that may have keys; nothing if some have no server.
    fn all_lanes(&self) -> Result<Vec<Arc<Lane>>, CacheError> {
        let map = self.map();
        if map.owners.iter().any(Option::is_none) {
            return Err(CacheError::Unavailable);
        }
        let lanes = map.lanes.iter().chain(&map.others);
        Ok(lanes.map(|(_, lane)| lane.clone()).collect())
    }

    /// Servers without a slot may be getting keys of one. Says whether one of them was not known.
    fn meet_all<'a>(&self, others: impl Iterator<Item = &'a Address>) -> Result<bool, CacheError> {
        let mut is_new = false;
        for address in others {
            is_new |= self.known_at(&self.map(), address).is_none();
            self.at(address.clone(), None)?;
        }
        Ok(is_new)
    }

    pub(super) async fn checkout(self: &Arc<Self>, slot: Slot) -> Result<Connection, CacheError> {
        self.look_for(slot, Instant::now()).await?.checkout().await
    }
}

async fn tend(fleet: Weak<Fleet>, _turn: Taken) {
    let mut backoff = BACKOFF;
    loop {
        let Some(fleet) = fleet.upgrade() else { return };
        if boxed(fleet.learn(Some(Instant::now()))).await.is_ok() {
            if fleet.breaker.close() {
                tracing::info!("Redis answers: the cache is used again");
            }
            if fleet.is_healthy() {
                fleet.is_down.store(false, Ordering::Release);
                return;
            }
        }
        drop(fleet);
        sleep(backoff.pause()).await;
    }
}

impl Map {
    fn owner(&self, slot: Slot) -> Option<&Arc<Lane>> {
        let place = (*self.owners.get(usize::from(slot))?)?;
        self.lanes.get(usize::from(place)).map(|(_, lane)| lane)
    }

    /// Somebody who has no slot, as far as is known.
    fn note(&mut self, address: Address, lane: &Arc<Lane>) {
        let mut all = self.lanes.iter().chain(&self.others);
        if !all.any(|(_, other)| Arc::ptr_eq(other, lane)) {
            self.others.push((address, lane.clone()));
        }
    }

    fn give(&mut self, slot: Slot, address: Address, lane: &Arc<Lane>) {
        let place = self
            .lanes
            .iter()
            .position(|(_, other)| Arc::ptr_eq(other, lane));
        let place = place.unwrap_or_else(|| {
            self.others.retain(|(_, other)| !Arc::ptr_eq(other, lane));
            self.lanes.push((address, lane.clone()));
            self.lanes.len() - 1
        });
        if let Some(owner) = self.owners.get_mut(usize::from(slot)) {
            *owner = u16::try_from(place).ok();
        }
    }
}

impl Survey {
    fn of(lanes: Vec<Arc<Lane>>, facts: &[Facts]) -> Self {
        let state = lanes.iter().zip(facts).map(|(lane, facts)| {
            format!("{} {} {}", lane.server(), lane.number(), facts.of_itself)
        });
        Self {
            state: state.collect(),
            is_moving: facts.iter().any(|facts| facts.of_itself.contains('[')),
            lanes,
        }
    }
}

/// Where a key is.
struct Redirect {
    address: Address,
    /// Else for this one command.
    is_for_good: bool,
}

impl Redirect {
    /// What a server says, if it says that.
    fn of(answer: &Value, lane: &Lane) -> Result<Option<Self>, CacheError> {
        let Value::ServerError(error) = answer else {
            return Ok(None);
        };
        if !is_redirect(answer) {
            return Ok(None);
        }
        let is_for_good = error.kind() == Some(ServerErrorKind::Moved);
        let error = RedisError::from(error.clone());
        let address = error.redirect_node().map(|(node, _)| node);
        let address = address.and_then(|node| Address::seen_from(lane.server(), node));
        let address = address.ok_or(error)?;
        Ok(Some(Self {
            address,
            is_for_good,
        }))
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
