//! Who has what.

use std::sync::Arc;
use std::time::Instant;

use crate::config::Address;
use crate::store::lane::Lane;
use crate::store::slot::Slot;

#[derive(Debug, Default)]
pub(super) struct Map {
    pub(super) lanes: Vec<(Address, Arc<Lane>)>,
    /// The place of each slot's lane; none where nobody has it.
    pub(super) owners: Vec<Option<u16>>,
    /// Those that have no slot yet, and may get one.
    pub(super) others: Vec<(Address, Arc<Lane>)>,
    pub(super) learned: Option<Instant>,
}

impl Map {
    pub(super) fn owner(&self, slot: Slot) -> Option<&Arc<Lane>> {
        let place = (*self.owners.get(usize::from(slot))?)?;
        self.lanes.get(usize::from(place)).map(|(_, lane)| lane)
    }

    /// Somebody who has no slot, as far as is known.
    pub(super) fn note(&mut self, address: Address, lane: &Arc<Lane>) {
        let mut all = self.lanes.iter().chain(&self.others);
        if !all.any(|(_, other)| Arc::ptr_eq(other, lane)) {
            self.others.push((address, lane.clone()));
        }
    }

    pub(super) fn give(&mut self, slot: Slot, address: Address, lane: &Arc<Lane>) {
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
