//! Which node has which slot.

use std::sync::Arc;
use std::time::Instant;

use crate::store::hash_slot::Slot;
use crate::store::redis::address::Address;
use crate::store::redis::node::Node;

#[derive(Debug, Default)]
pub(super) struct SlotMap {
    /// Those that have slots.
    pub(super) nodes: Vec<(Address, Arc<Node>)>,
    /// The place in `nodes` of each slot's owner; none where nobody serves it.
    pub(super) owners: Vec<Option<u16>>,
    /// Those that have no slot yet, and may get one.
    pub(super) others: Vec<(Address, Arc<Node>)>,
    pub(super) learned: Option<Instant>,
}

impl SlotMap {
    pub(super) fn owner(&self, slot: Slot) -> Option<&Arc<Node>> {
        let place = (*self.owners.get(usize::from(slot))?)?;
        self.nodes.get(usize::from(place)).map(|(_, node)| node)
    }

    pub(super) fn served(&self) -> usize {
        self.owners.iter().flatten().count()
    }

    pub(super) fn is_complete(&self) -> bool {
        self.owners.iter().all(Option::is_some)
    }

    /// All nodes, with slots or without.
    pub(super) fn all(&self) -> impl Iterator<Item = &(Address, Arc<Node>)> {
        self.nodes.iter().chain(&self.others)
    }

    /// A node that has no slot, as far as is known.
    pub(super) fn remember(&mut self, address: Address, node: &Arc<Node>) {
        if !self.all().any(|(_, other)| Arc::ptr_eq(other, node)) {
            self.others.push((address, node.clone()));
        }
    }

    pub(super) fn assign(&mut self, slot: Slot, address: Address, node: &Arc<Node>) {
        let place = self
            .nodes
            .iter()
            .position(|(_, other)| Arc::ptr_eq(other, node));
        let place = place.unwrap_or_else(|| {
            self.others.retain(|(_, other)| !Arc::ptr_eq(other, node));
            node.is_promoted();
            self.nodes.push((address, node.clone()));
            self.nodes.len() - 1
        });
        if let Some(owner) = self.owners.get_mut(usize::from(slot)) {
            *owner = u16::try_from(place).ok();
        }
    }
}
