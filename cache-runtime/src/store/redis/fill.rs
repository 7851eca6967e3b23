//! Storing an entry: by hand, or by a load that holds the lease.

use std::time::Duration;

use deadpool_redis::redis::Value;

use super::batch::Batch;
use super::failure::Failure;
use super::scripts::Script;
use super::sweep::is_swept;
use super::{RedisStore, is_split, milliseconds, set, unlink};
use crate::key::{EntryKey, Tag};
use crate::nonce::new_nonce;
use crate::store::protocol::{
    BeginFill, CLOSING_TIME, FENCE_TTL, Grant, Holder, LEASE_TTL, SEEN_LEN, Seen, StoreMillis,
    proposals,
};

/// How long a value waits at most for the script that puts it in its place: where its process dies, it is gone then.
const STAGED: Duration = Duration::from_secs(60);

impl RedisStore {
    /// Also voids the lease of a load under way, which knows an older value.
    pub(in crate::store) async fn set(
        &self,
        key: &EntryKey,
        value: &[u8],
        ttl: Duration,
    ) -> Result<(), Failure> {
        let slot = self.topology.slot(key.as_bytes());
        let keyspace = &self.keyspace;
        let (lease, fence) = (keyspace.lease(key), keyspace.fence(key));
        let staging = keyspace.staging(key, &new_nonce());
        let mut both = Batch::carrying(value.len());
        both.add(slot, set(&staging, value, ttl.min(STAGED)));
        let mut put = Script::put.on(&[key.as_str(), &lease, &staging, &fence]);
        put.arg(milliseconds(ttl));
        both.add(slot, put);
        // A first copy that arrives late could bring the value back behind a removal.
        let put = self.topology.many_once::<((), bool)>(&both).await;
        self.large.note(key, value.len());
        if !is_split(&put) {
            self.wait_for_copies().await;
            return put.map(drop);
        }
        // Each key by itself. A fence may stand, and may end at any moment.
        let mut apart = Batch::carrying(value.len());
        apart.add(slot, unlink(&[&staging]));
        apart.add(slot, unlink(&[&lease]));
        apart.add(slot, set(key.as_str(), value, ttl.min(CLOSING_TIME)));
        let outcome = self.topology.many_once::<(Value, Value, ())>(&apart);
        let outcome = outcome.await.map(drop);
        self.wait_for_copies().await;
        outcome
    }

    pub(in crate::store) async fn begin_fill(
        &self,
        key: &EntryKey,
        tags: &[Tag],
        token: &str,
        seen: Seen<'_>,
        ttl: Duration,
    ) -> Result<BeginFill, Failure> {
        let keyspace = &self.keyspace;
        let mut all = Batch::new();
        let (lease, fence) = (keyspace.lease(key), keyspace.fence(key));
        let sweeps = keyspace.sweeps();
        let mut keys = vec![key.as_str(), &lease, &fence];
        // On a cluster it may lie elsewhere.
        keys.extend((!self.topology.has_slots()).then_some(sweeps.as_str()));
        let mut begin = Script::begin_fill.on(&keys);
        begin
            .arg(token)
            .arg(milliseconds(LEASE_TTL))
            .arg(&seen.entry[..seen.entry.len().min(SEEN_LEN)])
            .arg(match seen.fresh_above {
                Some(window) => milliseconds(window).to_string(),
                None => "-1".to_owned(),
            })
            .arg(seen.doomed.unwrap_or_default());
        all.add(self.topology.slot(key.as_bytes()), begin);
        for (tag, proposal) in tags.iter().zip(proposals(token, seen)) {
            let tag = [keyspace.tag(tag), keyspace.tag_fence(tag)];
            let mut join = Script::join_tag.on(&tag);
            join.arg(proposal)
                .arg(milliseconds(ttl + FENCE_TTL))
                .arg(milliseconds(FENCE_TTL));
            all.add(self.topology.slot(tag[0].as_bytes()), join);
        }
        let mut replies: Vec<Vec<String>> = self.topology.many_once(&all).await?;
        let tag_nonces = replies.split_off(1).into_iter().flatten();
        let tag_nonces: Vec<String> = tag_nonces.collect();
        let reply = replies.pop().unwrap_or_default();
        Ok(match reply.as_slice() {
            [outcome, expires_by, swept @ ..] if outcome == "granted" => {
                let is_closed = tag_nonces.iter().any(String::is_empty)
                    || is_swept(key.as_bytes(), swept)
                    || self.is_swept_elsewhere(key).await?;
                BeginFill::Granted(Grant {
                    expires_by: expires_by.parse().unwrap_or_default(),
                    tag_nonces,
                    is_closed,
                })
            }
            [outcome, holder] if outcome == "busy" => BeginFill::Busy(Holder {
                token: holder.clone(),
                tag_nonces,
            }),
            [outcome, remaining] if outcome == "fresh" => {
                let remaining = remaining.parse().unwrap_or_default();
                BeginFill::Fresh(Duration::from_millis(remaining))
            }
            [outcome, _] if outcome == "closed" => BeginFill::Closed,
            _ => BeginFill::Filled,
        })
    }

    /// On a cluster: asked when the lease is had, and before anything is loaded. A pattern that is looked for after that
    /// voids the lease.
    pub(super) async fn is_swept_elsewhere(&self, key: &EntryKey) -> Result<bool, Failure> {
        if !self.topology.has_slots() {
            return Ok(false);
        }
        let slot = self.topology.slot(key.as_bytes());
        let [near, next] = self.keyspace.sweeps_near(slot);
        let members = match self.sweeps_in(&near).await {
            Err(_) => self.sweeps_in(&next).await?,
            members => members?,
        };
        Ok(is_swept(key.as_bytes(), &members))
    }

    pub(super) async fn sweeps_in(&self, place: &str) -> Result<Vec<String>, Failure> {
        let slot = self.topology.slot(place.as_bytes());
        self.topology.one(slot, &Script::sweeps.on(&[place])).await
    }

    /// The body goes around the script: as its argument it would cost the server four times as much.
    pub(in crate::store) async fn fill(
        &self,
        key: &EntryKey,
        nonce: &str,
        value: &[u8],
        ttl: Duration,
        expires_by: StoreMillis,
    ) -> Result<bool, Failure> {
        let slot = self.topology.slot(key.as_bytes());
        let staging = self.keyspace.staging(key, nonce);
        let mut both = Batch::carrying(value.len());
        both.add(slot, set(&staging, value, ttl.min(STAGED)));
        let (lease, fence) = (self.keyspace.lease(key), self.keyspace.fence(key));
        let mut fill = Script::fill.on(&[key.as_str(), &lease, &staging, &fence]);
        fill.arg(nonce).arg(expires_by).arg(milliseconds(ttl));
        both.add(slot, fill);
        let filled = self.topology.many::<((), bool)>(&both).await;
        self.large.note(key, value.len());
        if is_split(&filled) {
            // Nobody else would remove it for a while.
            let unlink = unlink(&[&staging]);
            self.topology.one::<Value>(slot, &unlink).await?;
        }
        filled.map(|((), stored)| stored)
    }

    /// A TTL of zero gives the lease back.
    pub(in crate::store) async fn set_lease_ttl(
        &self,
        key: &EntryKey,
        nonce: &str,
        ttl: Duration,
    ) -> Result<(), Failure> {
        let mut renew = Script::renew.on(&[self.keyspace.lease(key)]);
        renew.arg(nonce).arg(milliseconds(ttl));
        let slot = self.topology.slot(key.as_bytes());
        self.topology.one(slot, &renew).await
    }
}
