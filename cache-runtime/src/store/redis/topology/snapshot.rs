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
            let (nodes, with_slots) = self.all_nodes()?;
            let states = join_all(nodes.iter().map(|node| self.discovery.state(node))).await;
            let asked = nodes.into_iter().zip(states).collect();
            let (nodes, states) = in_reach(asked, with_slots)?;
            let others = states.iter().flat_map(|state| &state.without_slots);
            if !self.remember_all(others)? {
                return Ok(Snapshot::of(nodes, &states));
            }
        }
        Err(Failure::TopologyChanged)
    }

    /// Every node that may have keys, and how many of them, the first, have slots; nothing if some slots have no node.
    fn all_nodes(&self) -> Result<(Vec<Arc<Node>>, usize), Failure> {
        let slot_map = self.slot_map();
        if !slot_map.is_complete() {
            return Err(Failure::Unavailable);
        }
        let all = slot_map.all().map(|(_, node)| node.clone()).collect();
        Ok((all, slot_map.nodes.len()))
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

/// Nodes and what they say. One without slots that does not reply has no keys, unless some are on their way.
fn in_reach(
    asked: Vec<(Arc<Node>, Result<NodeState, Failure>)>,
    with_slots: usize,
) -> Result<(Vec<Arc<Node>>, Vec<NodeState>), Failure> {
    let (mut nodes, mut states, mut out_of_reach) = (Vec::new(), Vec::new(), None);
    for (place, (node, state)) in asked.into_iter().enumerate() {
        match state {
            Ok(state) => {
                nodes.push(node);
                states.push(state);
            }
            Err(failure) if place < with_slots => return Err(failure),
            Err(failure) => out_of_reach = Some(failure),
        }
    }
    match out_of_reach {
        Some(failure) if is_moving(&states) => Err(failure),
        _ => Ok((nodes, states)),
    }
}

fn is_moving(states: &[NodeState]) -> bool {
    states.iter().any(|state| state.of_itself.contains('['))
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
            is_moving: is_moving(states),
            nodes,
        }
    }
}
