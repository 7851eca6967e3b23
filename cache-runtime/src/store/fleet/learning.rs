//! Finding out who has what, and finding out again when something is not as it should be.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError, Weak};
use std::time::{Duration, Instant};

use deadpool_redis::redis::cmd;
use tokio::runtime::Handle;
use tokio::time::{sleep, timeout};

use super::map::Map;
use super::{Fleet, Found, Layout};
use crate::config::Address;
use crate::error::CacheError;
use crate::health::is_broken;
use crate::store::lane::{Lane, Request, boxed, is_cluster_down};
use crate::store::slot::Slot;
use crate::upkeep::{Backoff, Taken};

/// Between two looks at servers that are not as they should be.
const BACKOFF: Backoff = Backoff::between(Duration::from_millis(10), Duration::from_secs(1));

impl Fleet {
    /// Asks for what is not known yet.
    pub(super) async fn look_for(
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

    pub(super) async fn know(self: &Arc<Self>, start: Instant) -> Result<(), CacheError> {
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
    pub(super) async fn learn(self: &Arc<Self>, after: Option<Instant>) -> Result<(), CacheError> {
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
    pub(super) fn take_note<T>(
        self: &Arc<Self>,
        outcome: Result<T, CacheError>,
    ) -> Result<T, CacheError> {
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
    pub(super) fn tend(self: &Arc<Self>) {
        if let Ok(runtime) = Handle::try_current()
            && let Some(turn) = self.tending.take()
        {
            runtime.spawn(tend(Arc::downgrade(self), turn));
        }
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
