//! Who says which server has what: the nodes of a cluster, or sentinels.

mod cluster;
mod members;
mod query;
mod sentinel;

pub(crate) use self::members::Members;

use std::sync::Arc;
use std::time::Duration;

use crate::store::hash_slot::{SLOTS, Slot};
use crate::store::redis::address::Address;
use crate::store::redis::failure::Failure;
use crate::store::redis::node::{Node, Role};

#[derive(Debug)]
pub(crate) enum Discovery {
    /// Every node of a cluster knows where each slot is.
    Cluster(Members),
    /// Sentinels know which server is the master of this name.
    Sentinels(String),
}

/// Which server has what.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    pub(super) ranges: SlotRanges,
    /// The ids of a cluster's nodes.
    pub(super) ids: Vec<(Address, String)>,
}

/// Slots, from the first to the last, and the address of the server that has them.
pub(super) type SlotRanges = Vec<((Slot, Slot), Address)>;

/// What a node of a cluster says of itself, and of others.
#[derive(Default)]
pub(super) struct NodeState {
    /// What has to stay the same while it is scanned. It contains a `[` where keys come or go.
    pub(super) of_itself: String,
    /// Nodes that may get a slot.
    pub(super) without_slots: Vec<Address>,
}

impl Discovery {
    pub(super) fn has_slots(&self) -> bool {
        matches!(self, Self::Cluster(_))
    }

    /// How many slots there are; one where there is one server.
    pub(super) fn slots(&self) -> usize {
        if self.has_slots() {
            usize::from(SLOTS)
        } else {
            1
        }
    }

    /// Whether what was learned is good for one deadline only: a master that is none any more does not say
    /// so, as a node of a cluster does.
    pub(super) fn is_short_lived(&self) -> bool {
        !self.has_slots()
    }

    /// What the servers that it names are.
    pub(super) fn role(&self) -> Role {
        match self {
            Self::Cluster(_) => Role::ClusterNode,
            Self::Sentinels(_) => Role::Master,
        }
    }

    /// Which server has what, as the best informed of these nodes says; the settings name the first.
    pub(super) async fn ask(
        &self,
        nodes: &[Arc<Node>],
        seeds: usize,
        time: Duration,
    ) -> Result<Layout, Failure> {
        match self {
            Self::Cluster(members) => cluster::layout(members, nodes, seeds, time).await,
            Self::Sentinels(name) => Ok(Layout {
                ranges: sentinel::master(nodes, name, time).await?,
                ids: Vec::new(),
            }),
        }
    }

    /// What a server says of itself, and of others.
    pub(super) async fn state(&self, node: &Arc<Node>) -> Result<NodeState, Failure> {
        match self {
            Self::Cluster(_) => cluster::state(node).await,
            Self::Sentinels(_) => Ok(NodeState::default()),
        }
    }
}
