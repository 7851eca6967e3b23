//! Finding out which node has what, and finding out again when something is not as it should be.

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use deadpool_redis::redis::cmd;
use futures_util::future::FutureExt as _;
use tokio::time::{sleep, timeout};

use super::discovery::Layout;
use super::router::{Router, SlotOwner};
use super::slot_map::SlotMap;
use crate::log;
use crate::store::hash_slot::Slot;
use crate::store::redis::address::Address;
use crate::store::redis::failure::Failure;
use crate::store::redis::node::{Commands, Node, Resend};
use crate::store::redis::reply_error::{ReplyError, is_broken};
use crate::util::backoff::Backoff;
use crate::util::clock::within;
use crate::util::runtime::with_timers;
use crate::util::turn::Taken;

/// Between two looks at servers that are not as they should be.
const BACKOFF: Backoff = Backoff::between(Duration::from_millis(10), Duration::from_secs(1));

impl Router {
    /// The owner of a slot, for which others are asked where it is not known yet.
    pub(super) async fn find(
        self: &Arc<Self>,
        slot: Slot,
        start: Instant,
    ) -> Result<Arc<Node>, Failure> {
        self.ensure_known(start).await?;
        match self.owner(slot) {
            SlotOwner::Node(node) => Ok(node),
            SlotOwner::Unserved | SlotOwner::Unknown => {
                self.keep_refreshing();
                Err(Failure::Unavailable)
            }
        }
    }

    pub(super) async fn ensure_known(self: &Arc<Self>, start: Instant) -> Result<(), Failure> {
        if self.breaker.is_open() {
            self.keep_refreshing();
            return Err(Failure::Unavailable);
        }
        if self.is_known(&self.slot_map()) {
            return Ok(());
        }
        if with_timers().is_none() {
            return Err(Failure::NoRuntime);
        }
        let remaining = self.remaining(start);
        if remaining.is_zero() {
            // Others have taken all of it.
            return Err(Failure::Timeout(self.options.deadline));
        }
        let refreshed = within(remaining, self.refresh(None).boxed()).await;
        let outcome = refreshed.unwrap_or(Err(Failure::Timeout(self.options.deadline)));
        self.breaker.observe(&outcome);
        if let Err(failure) = &outcome
            && self.breaker.is_open()
            && self.undiscovered.is_news("")
        {
            log::discovery_failed(failure);
        }
        self.observe(outcome)
    }

    /// Asks who has what, unless that is known, or has been learned after this moment.
    pub(super) async fn refresh(self: &Arc<Self>, after: Option<Instant>) -> Result<(), Failure> {
        // Whoever is at it may be on a runtime that stands still.
        let _one_at_a_time = timeout(self.options.deadline, self.refreshing.lock()).await;
        let is_enough = |slot_map: &SlotMap| match after {
            None => self.is_known(slot_map),
            Some(_) => slot_map.learned > after,
        };
        if is_enough(&self.slot_map()) {
            return Ok(());
        }
        let asked = Instant::now();
        // In half of the time that a call has, so that one which hangs does not hide what the others say.
        let time = self.options.deadline / 2;
        let (sources, seeds) = (self.sources(), self.seeds.len());
        let found = self.discovery.ask(&sources, seeds, time).await;
        let layout = found.inspect_err(|_| self.reconsider())?;
        self.apply(layout, asked).await
    }

    /// The nodes that are asked who has what.
    fn sources(&self) -> Vec<Arc<Node>> {
        let mut all = self.seeds.clone();
        if self.has_slots() {
            let slot_map = self.slot_map();
            let is_new = |node: &&Arc<Node>| !self.seeds.iter().any(|seed| Arc::ptr_eq(seed, node));
            let nodes = slot_map.nodes.iter().map(|(_, node)| node);
            all.extend(nodes.filter(is_new).cloned());
        }
        all
    }

    /// Where most of the nodes that the settings name are others than they were, and no other replies, the cluster has
    /// been replaced: they are heard again.
    fn reconsider(&self) {
        let others = self.seeds.iter().filter(|seed| seed.is_another());
        if 2 * others.count() > self.seeds.len() {
            self.seeds.iter().for_each(|seed| seed.expect_id(None));
        }
    }

    async fn apply(&self, layout: Layout, asked: Instant) -> Result<(), Failure> {
        let mut slot_map = SlotMap {
            owners: vec![None; self.discovery.slots()],
            learned: Some(asked),
            ..SlotMap::default()
        };
        for ((first, last), address) in layout.ranges {
            let known = self.known_at(&self.slot_map(), &address);
            let node = match known {
                Some(node) => node,
                None => self.connect(&address).await?,
            };
            for slot in first..=last {
                slot_map.assign(slot, address.clone(), &node);
            }
        }
        for (address, id) in layout.ids {
            if let Some(node) = self.known_at(&slot_map, &address) {
                node.expect_id(Some(id));
            }
        }
        self.replace_map(slot_map);
        Ok(())
    }

    /// Whether it is a master shows when it is connected to.
    async fn connect(&self, address: &Address) -> Result<Arc<Node>, Failure> {
        let node = self.new_node(address)?;
        if !self.has_slots() {
            let ping = cmd("PING");
            let ping = Commands::One(&ping);
            let deadline = self.options.deadline;
            node.ask_quietly(deadline, ping, Resend::IfBroken).await?;
        }
        Ok(node)
    }

    fn replace_map(&self, slot_map: SlotMap) {
        let (served, slots) = (slot_map.served(), slot_map.owners.len());
        {
            let mut current = self.slot_map.write();
            let before = std::mem::replace(&mut *current, slot_map);
            for (_, node) in &before.nodes {
                if !current
                    .nodes
                    .iter()
                    .any(|(_, other)| Arc::ptr_eq(other, node))
                {
                    node.is_demoted();
                }
            }
            for (address, node) in before.others {
                if node.is_available() {
                    current.remember(address, &node);
                }
            }
        }
        if served < slots && self.incomplete.is_news(&format!("{served} of {slots}")) {
            log::slots_unserved(served, slots);
        }
    }

    /// Takes note of failures that may have to do with who has what.
    pub(super) fn observe<T>(self: &Arc<Self>, outcome: Result<T, Failure>) -> Result<T, Failure> {
        if let Err(failure) = &outcome
            && concerns_topology(failure)
        {
            // Where slots are missing, the log knows.
            if failure.reply() == Some(ReplyError::ClusterDown)
                && self.slot_map().is_complete()
                && self.incomplete.is_news("down")
            {
                log::cluster_down();
            }
            self.keep_refreshing();
        }
        outcome
    }

    /// Sees to it that a task asks who has what, until all of it is there.
    pub(super) fn keep_refreshing(self: &Arc<Self>) {
        if let Some(runtime) = with_timers()
            && let Some(turn) = self.keeps_refreshing.take()
        {
            runtime.spawn(keep_refreshing(Arc::downgrade(self), turn));
        }
    }
}

/// Whether a failure may have another cause than its one command.
fn concerns_topology(failure: &Failure) -> bool {
    match failure {
        Failure::Redis(error) => {
            is_broken(error)
                || matches!(
                    ReplyError::of(error),
                    Some(ReplyError::ClusterDown | ReplyError::SlotUnserved)
                )
        }
        _ => true,
    }
}

async fn keep_refreshing(router: Weak<Router>, turn: Taken) {
    let mut backoff = BACKOFF;
    while turn.is_ours() {
        let Some(router) = router.upgrade() else {
            return;
        };
        if router.refresh(Some(Instant::now())).boxed().await.is_ok() {
            router.breaker.close();
            if let Some(lasted) = router.undiscovered.end() {
                log::discovery_succeeded(lasted);
            }
            if router.is_healthy() {
                if let Some(lasted) = router.incomplete.end() {
                    log::cluster_whole(lasted);
                }
                return;
            }
        }
        drop(router);
        sleep(backoff.pause()).await;
    }
}
