//! Everyone who may have keys, before and after all of them are scanned.

use std::sync::Arc;
use std::time::Instant;

use futures_util::future::join_all;

use super::Fleet;
use super::guide::Facts;
use crate::config::Address;
use crate::error::CacheError;
use crate::store::lane::Lane;
use crate::store::servers::Survey;

/// New servers may turn up so often before we give up for now.
const MOST_LOOKS: usize = 5;

impl Fleet {
    /// Asks everyone anew.
    pub(in crate::store) async fn survey(self: &Arc<Self>) -> Result<Survey, CacheError> {
        let start = Instant::now();
        self.know(start).await?;
        self.learn(Some(start)).await?;
        for _ in 0..MOST_LOOKS {
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
