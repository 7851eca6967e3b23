//! A writer's fence: announced before the write, taken away after it.

use super::batch::{Replies, decode};
use super::failure::Failure;
use super::scripts::Script;
use super::{RedisStore, is_split_reply, milliseconds, unlink};
use crate::store::protocol::{FENCE_TTL, Fenced, StoreMillis, Targets};

impl RedisStore {
    pub(in crate::store) async fn fence(&self, targets: &Targets, writer_id: &str) -> Fenced {
        let targets = self.with_helpers(targets);
        let steps = targets.iter().map(|keys| {
            let mut fence = Script::fence.on(keys);
            fence.arg(writer_id).arg(milliseconds(FENCE_TTL));
            (keys.as_slice(), fence)
        });
        let batch = self.topology.batch(steps);
        let Replies {
            values,
            mut failure,
        } = self.topology.many_that_can(&batch).await;
        let split = targets.iter().zip(&values);
        let split = split.filter(|(_, reply)| is_split_reply(reply));
        let split: Vec<&[String]> = split.map(|(keys, _)| keys.as_slice()).collect();
        // Nothing else: what has its fence already would tell the end of that in the place of its own.
        let in_parts = self.fence_in_parts(&split, writer_id).await;
        let mut in_parts = in_parts
            .map_err(|error| failure = Some(error))
            .unwrap_or_default()
            .into_iter();
        let previous_expiry = values.into_iter().map(|reply| {
            if is_split_reply(&reply) {
                in_parts.next().unwrap_or_default()
            } else {
                decode(reply).unwrap_or_default()
            }
        });
        Fenced {
            previous_expiry: previous_expiry.collect(),
            failure: failure.map(Into::into),
        }
    }

    /// In steps that are about one key each. In this order: a load that begins in between knows of the fence, and
    /// one that began before can't fill any more when its entry is shortened.
    async fn fence_in_parts(
        &self,
        targets: &[&[String]],
        writer_id: &str,
    ) -> Result<Vec<StoreMillis>, Failure> {
        let topology = &self.topology;
        let enters = targets.iter().map(|keys| {
            let mut enter = Script::enter.on(&keys[1..2]);
            enter.arg(writer_id).arg(milliseconds(FENCE_TTL));
            (*keys, enter)
        });
        let ends: Vec<StoreMillis> = topology.many(&topology.batch(enters)).await?;
        let leases = targets
            .iter()
            .filter_map(|keys| Some((*keys, unlink(&[keys.get(2)?]))));
        topology.many::<Vec<u64>>(&topology.batch(leases)).await?;
        let shortens = targets.iter().zip(ends).map(|(keys, end)| {
            let mut shorten = Script::shorten.on(&keys[..1]);
            shorten.arg(end);
            (*keys, shorten)
        });
        topology.many(&topology.batch(shortens)).await
    }

    pub(in crate::store) async fn release_fence(
        &self,
        targets: &Targets,
        writer_id: &str,
        previous_expiry: &[StoreMillis],
    ) -> Result<(), Failure> {
        let targets = self.with_helpers(targets);
        let steps = targets.iter().zip(previous_expiry).map(|(keys, previous)| {
            let mut release = Script::release_fence.on(&keys[..2]);
            release.arg(writer_id).arg(previous);
            (keys.as_slice(), release)
        });
        let batch = self.topology.batch(steps);
        self.topology.many::<Vec<()>>(&batch).await.map(drop)
    }
}
