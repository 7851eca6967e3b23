//! Removing what a writer names outright.

use super::batch::Batch;
use super::failure::Failure;
use super::scripts::Script;
use super::{RedisStore, is_split, unlink};
use crate::store::protocol::Targets;

impl RedisStore {
    pub(in crate::store) async fn invalidate(
        &self,
        targets: &Targets,
        writer_id: Option<&str>,
    ) -> Result<u64, Failure> {
        let Some(writer_id) = writer_id else {
            return self.unlink(targets).await;
        };
        let with_helpers = self.with_helpers(targets);
        let steps = with_helpers.iter().map(|keys| {
            let mut invalidate = Script::invalidate.on(keys);
            invalidate.arg(writer_id);
            (keys.as_slice(), invalidate)
        });
        let batch = self.topology.batch(steps);
        let removed = self.topology.many::<Vec<u64>>(&batch).await;
        if is_split(&removed) {
            // The fence ends by itself.
            return self.unlink(targets).await;
        }
        Ok(removed?.iter().take(targets.keys.len()).sum())
    }

    /// The leases first: a load could swap its lease for an entry in between.
    async fn unlink(&self, targets: &Targets) -> Result<u64, Failure> {
        let (topology, keyspace) = (&self.topology, &self.keyspace);
        let leases: Vec<String> = targets.keys.iter().map(|key| keyspace.lease(key)).collect();
        let keys: Vec<String> = targets
            .keys
            .iter()
            .map(|key| key.as_str().to_owned())
            .collect();
        let tags: Vec<String> = targets.tags.iter().map(|tag| keyspace.tag(tag)).collect();
        let mut all = Batch::new();
        let mut add = |keys: &[String]| {
            let slots = topology.by_slot(keys);
            for (slot, places) in &slots {
                let together: Vec<&str> =
                    places.iter().map(|&place| keys[place].as_str()).collect();
                // While keys are on the move, a command is sure to be taken only if it names a single one.
                let size = if topology.has_slots() {
                    1
                } else {
                    together.len()
                };
                for part in together.chunks(size) {
                    all.add(*slot, unlink(part));
                }
            }
        };
        add(&leases);
        add(&keys);
        add(&tags);
        let counts: Vec<u64> = topology.many(&all).await?;
        let commands = if topology.has_slots() { keys.len() } else { 1 };
        Ok(counts.iter().skip(commands).take(commands).sum())
    }
}
