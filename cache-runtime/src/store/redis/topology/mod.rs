//! Which server is asked.

pub(crate) mod discovery;
mod redirects;
mod refresh;
mod router;
mod slot_map;
mod snapshot;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use deadpool_redis::Connection;
use deadpool_redis::redis::{Cmd, FromRedisValue, cmd};
use futures_util::future::{FutureExt as _, join_all};

use super::batch::{Batch, Replies, decode};
use super::failure::Failure;
use super::node::{Commands, Node, Origin, Resend, Sent, Tracked, Unsettled};
use crate::store::hash_slot::{Slot, slot};
#[cfg(feature = "admin")]
use crate::store::inspect::ServerState;
use crate::util::clock::within;
use crate::util::runtime::with_timers;

use self::router::SlotOwner;

pub(crate) use self::router::{Pools, Router};
pub(super) use self::snapshot::Snapshot;

/// The servers that commands go to.
#[derive(Clone, Debug)]
pub(crate) enum Topology {
    /// The only server there is.
    Standalone(Arc<Node>),
    /// The nodes of a cluster, or the master that sentinels name.
    Discovered(Arc<Router>),
}

impl Topology {
    /// Whether the server of this key is asked at all.
    pub(super) fn is_available(&self, key: &str) -> bool {
        match self {
            Self::Standalone(node) => node.is_available(),
            Self::Discovered(router) => router.is_available(self.slot(key.as_bytes())),
        }
    }

    /// Whether what the server of this key holds is served.
    pub(super) fn is_trusted(&self, key: &str, longest_ttl: Duration) -> bool {
        match self {
            Self::Standalone(node) => node.is_trusted(longest_ttl),
            Self::Discovered(router) => router.is_trusted(self.slot(key.as_bytes()), longest_ttl),
        }
    }

    /// Whether each of them is asked.
    pub(super) fn is_healthy(&self) -> bool {
        match self {
            Self::Standalone(node) => node.is_available(),
            Self::Discovered(router) => router.is_healthy(),
        }
    }

    /// Whether a command may name keys of one slot only.
    pub(super) fn has_slots(&self) -> bool {
        match self {
            Self::Standalone(_) => false,
            Self::Discovered(router) => router.has_slots(),
        }
    }

    /// Where a command may name any keys, all of them are in one slot.
    pub(super) fn slot(&self, key: &[u8]) -> Slot {
        if self.has_slots() { slot(key) } else { 0 }
    }

    /// The places of these keys, by slots.
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

    /// Commands that are each about the first of these keys.
    pub(super) fn batch<'k>(&self, steps: impl IntoIterator<Item = (&'k [String], Cmd)>) -> Batch {
        let mut all = Batch::new();
        for (keys, step) in steps {
            all.add(self.slot(keys[0].as_bytes()), step);
        }
        all
    }

    /// The reply to one command.
    pub(super) async fn one<T: FromRedisValue>(
        &self,
        slot: Slot,
        command: &Cmd,
    ) -> Result<T, Failure> {
        let reply = match self {
            Self::Standalone(node) => node.ask(Commands::One(command), Resend::IfBroken).await?,
            Self::Discovered(router) => {
                let reply = router.one(slot, command).boxed().await?;
                reply.extract_error()?
            }
        };
        decode(reply)
    }

    /// Sends a `GET` of this key, where that takes nothing that is not there.
    pub(super) fn get_at_once(&self, key: &str) -> Option<Sent> {
        match self {
            Self::Standalone(node) => node.get_at_once(key),
            Self::Discovered(router) => match router.owner(self.slot(key.as_bytes())) {
                SlotOwner::Node(node) => node.get_at_once(key),
                SlotOwner::Unserved | SlotOwner::Unknown => None,
            },
        }
    }

    /// What comes of that after all.
    pub(super) async fn settle<T: FromRedisValue>(
        &self,
        slot: Slot,
        unsettled: Unsettled,
        get: &Cmd,
    ) -> Result<T, Failure> {
        let Origin { node, start, .. } = unsettled.origin.clone();
        let outcome = node.settle(unsettled, get).await;
        let reply = match self {
            Self::Standalone(_) => outcome?,
            Self::Discovered(router) => {
                let reply = router.go_on(slot, get, outcome, node, start);
                reply.await?.extract_error()?
            }
        };
        decode(reply)
    }

    /// The replies to several commands, sent together.
    pub(super) async fn many<T: FromRedisValue>(&self, batch: &Batch) -> Result<T, Failure> {
        self.send(batch, Resend::IfBroken).await.decode()
    }

    /// The same, but never sent twice.
    pub(super) async fn many_once<T: FromRedisValue>(&self, batch: &Batch) -> Result<T, Failure> {
        self.send(batch, Resend::Never).await.decode()
    }

    /// The same, as far as replies can be had; that the keys of a command are on two servers is a reply here.
    pub(super) async fn many_that_can(&self, batch: &Batch) -> Replies {
        self.send(batch, Resend::IfBroken).await
    }

    async fn send(&self, batch: &Batch, resend: Resend) -> Replies {
        let mut replies = Replies::none(batch.commands.len());
        match self {
            _ if batch.is_empty() => replies,
            Self::Standalone(node) => {
                let commands = Commands::Many(&batch.commands);
                let asked = node.ask_carrying(batch.bytes, commands, resend);
                let outcome = asked.boxed().await;
                replies.put(0..batch.commands.len(), outcome);
                replies
            }
            Self::Discovered(router) => router.many(batch, resend).boxed().await,
        }
    }

    /// The connection over which the server of this slot tells what changes, if there is one.
    pub(super) fn tracked(&self, slot: Slot) -> Option<Arc<Tracked>> {
        match self {
            Self::Standalone(node) => node.tracked(None),
            Self::Discovered(router) => router.tracked(slot),
        }
    }

    /// Whether this is that connection.
    pub(super) fn is_tracked_by(&self, slot: Slot, tracked: &Tracked) -> bool {
        match self {
            Self::Standalone(node) => node.is_tracked_by(tracked),
            Self::Discovered(router) => router.is_tracked_by(slot, tracked),
        }
    }

    /// The most that an operation takes.
    pub(super) fn deadline(&self) -> Duration {
        match self {
            Self::Standalone(node) => node.deadline(),
            Self::Discovered(router) => router.options.deadline,
        }
    }

    /// The servers that are known to hold entries, or those that are asked for them, and whether each of them is asked.
    #[cfg(feature = "admin")]
    pub(super) fn servers(&self) -> Vec<ServerState> {
        let state = |node: &Arc<Node>| ServerState {
            name: node.name().to_owned(),
            is_available: node.is_available(),
        };
        match self {
            Self::Standalone(node) => vec![state(node)],
            Self::Discovered(router) => router.known_servers().iter().map(state).collect(),
        }
    }

    /// The servers that a pattern has to be looked for on.
    pub(super) async fn snapshot(&self) -> Result<Snapshot, Failure> {
        match self {
            Self::Standalone(node) => Ok(Snapshot::of_one(node)),
            Self::Discovered(router) => router.snapshot().boxed().await,
        }
    }

    /// Asks each of them for a reply, and takes no longer than an operation.
    pub(super) async fn ping(&self) -> Result<(), Failure> {
        if with_timers().is_none() {
            return Err(Failure::NoRuntime);
        }
        let asked = async {
            let ping = cmd("PING");
            let nodes = self.snapshot().await?.nodes;
            let asked = nodes.iter().map(|node| {
                let ping = Commands::One(&ping);
                node.ask(ping, Resend::IfBroken)
            });
            join_all(asked)
                .await
                .into_iter()
                .try_for_each(|reply| reply.map(drop))
        };
        let deadline = self.deadline();
        let outcome = within(deadline, asked.boxed()).await;
        outcome.unwrap_or(Err(Failure::Timeout(deadline)))
    }

    /// A connection of the pool to the server that has this key, or to the only one.
    pub(super) async fn connection(&self, key: Option<&str>) -> Result<Connection, Failure> {
        match self {
            Self::Standalone(node) => node.checkout().await,
            Self::Discovered(router) if key.is_none() && router.has_slots() => {
                Err(Failure::NoSingleServer)
            }
            Self::Discovered(router) => {
                let slot = self.slot(key.unwrap_or_default().as_bytes());
                router.checkout(slot).await
            }
        }
    }
}
