//! Removing what a writer names outright.

use super::batch::Batch;
use super::failure::Failure;
use super::scripts::Script;
use super::{RedisStore, is_split, milliseconds, unlink};
use crate::store::protocol::{FENCE_TTL, Fence, Targets};

/// So many targets one script removes: a server does nothing else meanwhile.
const TOGETHER: usize = 1000;

impl RedisStore {
    /// On one server at one moment, so that nothing is loaded from what is still to be removed.
    pub(in crate::store) async fn invalidate(
        &self,
        targets: &Targets,
        fence: Fence<'_>,
    ) -> Result<u64, Failure> {
        let (writer_id, renewed) = match fence {
            Fence::None => ("", 0),
            Fence::Release(writer_id) => (writer_id, 0),
            Fence::Renew(writer_id) => (writer_id, milliseconds(FENCE_TTL)),
        };
        let with_helpers = self.with_helpers(targets);
        let (entries, tags) = with_helpers.split_at(targets.keys.len());
        let mut all = Batch::new();
        let mut add = |entries: &[Vec<String>], tags: &[Vec<String>]| {
            let keys = [entries, tags].concat().concat();
            let mut invalidate = Script::invalidate.on(&keys);
            invalidate.arg(entries.len()).arg(writer_id).arg(renewed);
            all.add(self.topology.slot(keys[0].as_bytes()), invalidate);
        };
        if self.topology.has_slots() {
            entries.chunks(1).for_each(|entry| add(entry, &[]));
            tags.chunks(1).for_each(|tag| add(&[], tag));
        } else if with_helpers.len() <= TOGETHER {
            add(entries, tags);
        } else {
            entries
                .chunks(TOGETHER)
                .for_each(|entries| add(entries, &[]));
            tags.chunks(TOGETHER).for_each(|tags| add(&[], tags));
        }
        let removed = self.topology.many::<Vec<u64>>(&all).await;
        if is_split(&removed) {
            // A fence that is to be released ends by itself.
            if let Fence::Renew(writer_id) = fence {
                self.fence(targets, writer_id).await?;
            }
            return self.unlink(targets).await;
        }
        Ok(removed?.iter().sum())
    }

    /// Each key by itself, while keys are on their way to another node: a command is sure to be taken only if it names
    /// a single one. The leases first: a load could swap its lease for an entry in between.
    async fn unlink(&self, targets: &Targets) -> Result<u64, Failure> {
        let keyspace = &self.keyspace;
        let leases = targets.keys.iter().map(|key| keyspace.lease(key));
        let keys = targets.keys.iter().map(|key| key.as_str().to_owned());
        let tags = targets.tags.iter().map(|tag| keyspace.tag(tag));
        let mut all = Batch::new();
        for key in leases.chain(keys).chain(tags) {
            all.add(self.topology.slot(key.as_bytes()), unlink(&[&key]));
        }
        let counts: Vec<u64> = self.topology.many(&all).await?;
        let keys = targets.keys.len();
        Ok(counts.iter().skip(keys).take(keys).sum())
    }
}
