//! Whether a writer is at work on an entry, as far as one can see.

use deadpool_redis::redis::cmd;

use super::RedisStore;
use super::batch::Batch;
use super::failure::Failure;
use super::sweep::is_swept;
use crate::key::{EntryKey, Tag};

impl RedisStore {
    /// Whether a fence or a mark stands here or at one of these tags, or a pattern that matches is being looked for. A
    /// fence is kept until its last member has ended.
    pub(in crate::store) async fn is_being_written(
        &self,
        key: &EntryKey,
        tags: &[Tag],
    ) -> Result<bool, Failure> {
        let keyspace = &self.keyspace;
        let tags = tags.iter().map(|tag| keyspace.tag_fence(tag));
        let mut all = Batch::unordered();
        for fence in [keyspace.fence(key)].into_iter().chain(tags) {
            let mut exists = cmd("EXISTS");
            exists.arg(&fence);
            all.add(self.topology.slot(fence.as_bytes()), exists);
        }
        let stand: Vec<bool> = self.topology.many(&all).await?;
        if stand.contains(&true) {
            return Ok(true);
        }
        if self.topology.has_slots() {
            return self.is_swept_elsewhere(key).await;
        }
        let members = self.sweeps_in(&keyspace.sweeps()).await?;
        Ok(is_swept(key.as_bytes(), &members))
    }
}
