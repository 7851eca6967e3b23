//! All servers that may have keys, before and after all of them are scanned.

use std::sync::Arc;
use std::time::Instant;

use futures_util::future::join_all;

use super::discovery::NodeState;
use super::router::Router;
use crate::store::redis::address::Address;
use crate::store::redis::failure::Failure;
use crate::store::redis::node::Node;

/// New servers may turn up so often before we give up for now.
const MAX_LOOKS: usize = 5;

/// The servers that hold entries, at one moment.
pub(in crate::store::redis) struct Snapshot {
    pub(in crate::store::redis) nodes: Vec<Arc<Node>>,
    /// What has to be the same before and after a scan of them all, or the scan may have missed something.
    pub(in crate::store::redis) state: Vec<String>,
    /// Keys may be on their way from one of them to another.
    pub(in crate::store::redis) is_moving: bool,
}

impl Router {
    /// Asks all of them anew.
    pub(super) async fn snapshot(self: &Arc<Self>) -> Result<Snapshot, Failure> {
        let start = Instant::now();
        self.ensure_known(start).await?;
        self.refresh(Some(start)).await?;
        for _ in 0..MAX_LOOKS {
            let nodes = self.all_nodes()?;
            let states = join_all(nodes.iter().map(|node| self.discovery.state(node))).await;
            let states = states.into_iter().collect::<Result<Vec<_>, _>>()?;
            let others = states.iter().flat_map(|state| &state.without_slots);
            if !self.remember_all(others)? {
                return Ok(Snapshot::of(nodes, &states));
            }
        }
        Err(Failure::TopologyChanged)
    }

    /// Every node that may have keys; nothing if some slots have no node.
    fn all_nodes(&self) -> Result<Vec<Arc<Node>>, Failure> {
        let slot_map = self.slot_map();
        if !slot_map.is_complete() {
            return Err(Failure::Unavailable);
        }
        Ok(slot_map.all().map(|(_, node)| node.clone()).collect())
    }

    /// Servers without a slot may be getting keys of one. Says whether one of them was not known.
    fn remember_all<'a>(&self, others: impl Iterator<Item = &'a Address>) -> Result<bool, Failure> {
        let mut is_new = false;
        for address in others {
            is_new |= self.known_at(&self.slot_map(), address).is_none();
            self.node_at(address.clone(), None)?;
        }
        Ok(is_new)
    }
}

impl Snapshot {
    /// Of the only server there is.
    pub(super) fn of_one(node: &Arc<Node>) -> Self {
        Self {
            nodes: vec![node.clone()],
            state: Vec::new(),
            is_moving: false,
        }
    }

    fn of(nodes: Vec<Arc<Node>>, states: &[NodeState]) -> Self {
        let state = nodes.iter().zip(states).map(|(node, state)| {
            format!("{} {} {}", node.name(), node.generation(), state.of_itself)
        });
        Self {
            state: state.collect(),
            is_moving: states.iter().any(|state| state.of_itself.contains('[')),
            nodes,
        }
    }
}
