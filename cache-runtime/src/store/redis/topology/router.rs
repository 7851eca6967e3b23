//! Servers that are found by asking others: the nodes of a cluster, or the master that sentinels name.
//!
//! Each is a [`Node`] of its own, with its breaker, so one that does not reply costs only what is on it, and that
//! only a few times. redis-rs' cluster client is not used: it sends again, unasked, what may have arrived already,
//! which no lease survives; it asks a node that hangs again for every call; and it sends `ASKING` once in
//! front of several commands, of which it then covers the first.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use deadpool_redis::Connection;
use deadpool_redis::redis::{Cmd, Pipeline, Value, pipe};
use futures_util::future::{FutureExt as _, join_all};
use parking_lot::{RwLock, RwLockReadGuard};
use tokio::sync::Mutex;

use super::discovery::Discovery;
use super::slot_map::SlotMap;
use crate::error::CacheError;
use crate::store::hash_slot::Slot;
use crate::store::redis::address::Address;
use crate::store::redis::batch::{Batch, Replies};
use crate::store::redis::failure::Failure;
use crate::store::redis::node::breaker::Breaker;
use crate::store::redis::node::{
    Access, Commands, ConnectionOptions, Node, Resend, Server, Tracked,
};
use crate::store::redis::reply_error::ReplyError;
use crate::util::incident::Incident;
use crate::util::turn::Turn;

#[derive(Debug)]
pub(crate) struct Router {
    pub(super) discovery: Discovery,
    /// The servers that the settings name. They are asked who has what.
    pub(super) seeds: Vec<Arc<Node>>,
    pools: Pools,
    pub(super) options: Arc<ConnectionOptions>,
    pub(super) slot_map: RwLock<SlotMap>,
    /// Open while nobody knows who has what.
    pub(super) breaker: Breaker,
    /// Nobody knows who has what.
    pub(super) undiscovered: Incident,
    /// Some slots are served by nobody, or none is served.
    pub(super) incomplete: Incident,
    pub(super) refreshing: Mutex<()>,
    pub(super) keeps_refreshing: Turn,
}

/// Makes the way to the server at an address.
#[derive(Clone)]
pub(crate) struct Pools(pub(crate) Arc<MakePool>);

type MakePool = dyn Fn(&Address) -> Result<Access, CacheError> + Send + Sync;

pub(super) enum SlotOwner {
    Node(Arc<Node>),
    /// Nobody serves it.
    Unserved,
    /// It has to be asked for, or asked for again.
    Unknown,
}

impl Router {
    pub(crate) fn new(
        discovery: Discovery,
        seeds: Vec<Arc<Node>>,
        pools: Pools,
        options: Arc<ConnectionOptions>,
    ) -> Arc<Self> {
        Arc::new(Self {
            discovery,
            seeds,
            pools,
            options,
            slot_map: RwLock::default(),
            breaker: Breaker::default(),
            undiscovered: Incident::default(),
            incomplete: Incident::default(),
            refreshing: Mutex::default(),
            keeps_refreshing: Turn::default(),
        })
    }

    pub(super) fn has_slots(&self) -> bool {
        self.discovery.has_slots()
    }

    pub(super) fn is_available(self: &Arc<Self>, slot: Slot) -> bool {
        let is_available = !self.breaker.is_open()
            && match self.owner(slot) {
                SlotOwner::Node(node) => node.is_available(),
                SlotOwner::Unserved => false,
                SlotOwner::Unknown => true,
            };
        if !is_available {
            self.keep_refreshing();
        }
        is_available
    }

    /// Whether what the owner of a slot holds is served. Where nobody knows the owner, nobody has read there.
    pub(super) fn is_trusted(&self, slot: Slot, longest_ttl: Duration) -> bool {
        let owner = self.slot_map().owner(slot).cloned();
        owner.is_none_or(|node| node.is_trusted(longest_ttl))
    }

    /// Whether all slots are served, by nodes that reply.
    pub(super) fn is_healthy(&self) -> bool {
        let slot_map = self.slot_map();
        !self.breaker.is_open()
            && slot_map.nodes.iter().all(|(_, node)| node.is_available())
            && slot_map.is_complete()
    }

    /// The servers that have slots; those that the settings name where nobody knows them.
    #[cfg(feature = "admin")]
    pub(super) fn known_servers(&self) -> Vec<Arc<Node>> {
        let slot_map = self.slot_map();
        if slot_map.nodes.is_empty() {
            return self.seeds.clone();
        }
        slot_map
            .nodes
            .iter()
            .map(|(_, node)| node.clone())
            .collect()
    }

    pub(super) async fn one(self: &Arc<Self>, slot: Slot, command: &Cmd) -> Result<Value, Failure> {
        let start = Instant::now();
        let SlotOwner::Node(node) = self.owner(slot) else {
            let found = self.one_after_another(slot, command, Resend::IfBroken, start);
            return found.boxed().await;
        };
        let outcome = node.ask(Commands::One(command), Resend::IfBroken).await;
        let reply = self.observe(outcome)?;
        if is_redirect(&reply) {
            return self.follow(slot, command, reply, node, start).boxed().await;
        }
        Ok(reply)
    }

    /// What is about different servers is sent to all of them at once, and what can be done is done also
    /// where something else can't.
    pub(super) async fn many(self: &Arc<Self>, batch: &Batch, resend: Resend) -> Replies {
        let start = Instant::now();
        let mut replies = Replies::none(batch.commands.len());
        if let Err(failure) = self.ensure_known(start).await {
            replies.failure = Some(failure);
            return replies;
        }
        let shares = self.split(batch, &mut replies);
        let asked = shares.iter().map(|share| {
            let commands = share.commands.as_ref().unwrap_or(&batch.commands);
            let commands = Commands::Many(commands);
            share.node.ask_carrying(batch.bytes, commands, resend)
        });
        for (share, outcome) in shares.iter().zip(join_all(asked).await) {
            replies.put(share.places.iter().copied(), self.observe(outcome));
        }
        if replies.values.iter().any(is_redirect) {
            let follow = self.follow_all(batch, &shares, &mut replies, (resend, start));
            follow.boxed().await;
        }
        replies
    }

    fn split(self: &Arc<Self>, batch: &Batch, replies: &mut Replies) -> Vec<Share> {
        let mut shares: Vec<Share> = Vec::new();
        for (place, node) in self.owners(&batch.slots).into_iter().enumerate() {
            let Some(node) = node else {
                replies.failure = Some(Failure::Unavailable);
                self.keep_refreshing();
                continue;
            };
            match shares
                .iter_mut()
                .find(|share| Arc::ptr_eq(&share.node, &node))
            {
                Some(share) => share.places.push(place),
                None => shares.push(Share {
                    node,
                    places: vec![place],
                    commands: None,
                }),
            }
        }
        if !matches!(shares.as_slice(), [all] if all.places.len() == replies.values.len()) {
            let commands: Vec<&Cmd> = batch.commands.cmd_iter().collect();
            for share in &mut shares {
                let mut own = pipe();
                for &place in &share.places {
                    own.add_command(commands[place].clone());
                }
                share.commands = Some(own);
            }
        }
        shares
    }

    /// At one moment, so that all of a slot's commands go to one server.
    fn owners(&self, slots: &[Slot]) -> Vec<Option<Arc<Node>>> {
        let slot_map = self.slot_map();
        slots
            .iter()
            .map(|&slot| slot_map.owner(slot).cloned())
            .collect()
    }

    /// The node at this address, if there is one already.
    pub(super) fn known_at(&self, slot_map: &SlotMap, address: &Address) -> Option<Arc<Node>> {
        let known = slot_map.all().find(|(other, _)| other == address);
        let mut seeds = self.seeds.iter().filter(|_| self.has_slots());
        let name = address.to_string();
        known
            .map(|(_, node)| node.clone())
            .or_else(|| seeds.find(|seed| seed.name() == name).cloned())
    }

    pub(super) fn slot_map(&self) -> RwLockReadGuard<'_, SlotMap> {
        self.slot_map.read()
    }

    pub(super) fn new_node(&self, address: &Address) -> Result<Arc<Node>, Failure> {
        let access = (self.pools.0)(address)?;
        let server = Server {
            name: address.to_string(),
            role: self.discovery.role(),
        };
        Ok(Node::new(server, access, self.options.clone()))
    }

    /// What a call that began then has left of its time.
    pub(super) fn remaining(&self, start: Instant) -> Duration {
        self.options.deadline.saturating_sub(start.elapsed())
    }

    pub(super) fn owner(self: &Arc<Self>, slot: Slot) -> SlotOwner {
        let slot_map = self.slot_map();
        if !self.may_trust(&slot_map) {
            return SlotOwner::Unknown;
        }
        match slot_map.owner(slot) {
            Some(node) => SlotOwner::Node(node.clone()),
            None => SlotOwner::Unserved,
        }
    }

    /// Whether what was learned is still good.
    pub(super) fn is_known(&self, slot_map: &SlotMap) -> bool {
        slot_map.learned.is_some() && self.is_learned_within(slot_map, self.options.deadline)
    }

    /// The same, and sees to it that it stays so.
    fn may_trust(self: &Arc<Self>, slot_map: &SlotMap) -> bool {
        let is_known = self.is_known(slot_map);
        if is_known && !self.is_learned_within(slot_map, self.options.deadline / 2) {
            self.keep_refreshing();
        }
        is_known
    }

    /// Whether that is not longer ago, if it matters.
    fn is_learned_within(&self, slot_map: &SlotMap, longest: Duration) -> bool {
        !self.discovery.is_short_lived()
            || slot_map.learned.is_some_and(|at| at.elapsed() <= longest)
    }

    /// The connection over which the owner of this slot tells what changes, if there is one.
    pub(super) fn tracked(self: &Arc<Self>, slot: Slot) -> Option<Arc<Tracked>> {
        match self.owner(slot) {
            SlotOwner::Node(node) => node.tracked(self.has_slots().then_some(slot)),
            SlotOwner::Unserved | SlotOwner::Unknown => None,
        }
    }

    pub(super) fn is_tracked_by(self: &Arc<Self>, slot: Slot, tracked: &Tracked) -> bool {
        let slot_map = self.slot_map();
        let owner = slot_map.owner(slot).filter(|_| self.may_trust(&slot_map));
        owner.is_some_and(|node| node.is_tracked_by(tracked))
    }

    pub(super) async fn checkout(self: &Arc<Self>, slot: Slot) -> Result<Connection, Failure> {
        self.find(slot, Instant::now()).await?.checkout().await
    }
}

/// What one node is sent of a batch.
pub(super) struct Share {
    pub(super) node: Arc<Node>,
    /// The places of its commands in the batch.
    pub(super) places: Vec<usize>,
    /// None where it is sent the whole batch.
    commands: Option<Pipeline>,
}

pub(super) fn is_redirect(reply: &Value) -> bool {
    ReplyError::of_reply(reply).is_some_and(ReplyError::is_redirect)
}

impl fmt::Debug for Pools {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pools")
    }
}
