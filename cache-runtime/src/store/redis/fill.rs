//! Storing an entry: by hand, or by a load that holds the lease.

use std::time::Duration;

use deadpool_redis::redis::Value;

use super::batch::Batch;
use super::failure::Failure;
use super::scripts::Script;
use super::{RedisStore, is_split, milliseconds, set, unlink};
use crate::key::{EntryKey, Tag};
use crate::nonce::new_nonce;
use crate::store::protocol::{BeginFill, FENCE_TTL, Grant, LEASE_TTL, SEEN_LEN, StoreMillis};

impl RedisStore {
    /// Also voids the lease of a load under way, which knows an older value.
    pub(in crate::store) async fn set(
        &self,
        key: &EntryKey,
        value: &[u8],
        ttl: Duration,
    ) -> Result<(), Failure> {
        let slot = self.topology.slot(key.as_bytes());
        let mut both = Batch::new();
        both.add(slot, unlink(&[&self.keyspace.lease(key)]));
        both.add(slot, set(key.as_str(), value, ttl));
        self.topology.many::<(Value, ())>(&both).await.map(drop)
    }

    pub(in crate::store) async fn begin_fill(
        &self,
        key: &EntryKey,
        tags: &[Tag],
        nonce: &str,
        seen: &[u8],
        ttl: Duration,
    ) -> Result<BeginFill, Failure> {
        let keyspace = &self.keyspace;
        let mut all = Batch::new();
        let (lease, fence) = (keyspace.lease(key), keyspace.fence(key));
        let mut begin = Script::begin_fill.on(&[key.as_str(), &lease, &fence]);
        begin
            .arg(nonce)
            .arg(milliseconds(LEASE_TTL))
            .arg(&seen[..seen.len().min(SEEN_LEN)]);
        all.add(self.topology.slot(key.as_bytes()), begin);
        for tag in tags {
            let tag = [keyspace.tag(tag), keyspace.tag_fence(tag)];
            let mut join = Script::join_tag.on(&tag);
            join.arg(new_nonce())
                .arg(milliseconds(ttl + FENCE_TTL))
                .arg(milliseconds(FENCE_TTL));
            all.add(self.topology.slot(tag[0].as_bytes()), join);
        }
        let mut replies: Vec<Vec<String>> = self.topology.many_once(&all).await?;
        let tag_nonces = replies.split_off(1).into_iter().flatten().collect();
        let reply = replies.pop().unwrap_or_default();
        Ok(match reply.as_slice() {
            [outcome, expires_by] if outcome == "granted" => BeginFill::Granted(Grant {
                expires_by: expires_by.parse().unwrap_or_default(),
                tag_nonces,
            }),
            [outcome, holder] if outcome == "busy" => BeginFill::Busy(holder.clone()),
            _ => BeginFill::Filled,
        })
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
        let mut both = Batch::new();
        both.add(slot, set(&staging, value, ttl));
        let lease = self.keyspace.lease(key);
        let mut fill = Script::fill.on(&[key.as_str(), &lease, &staging]);
        fill.arg(nonce).arg(expires_by);
        both.add(slot, fill);
        let filled = self.topology.many::<((), bool)>(&both).await;
        if is_split(&filled) {
            // Nobody else would remove it before its TTL is over.
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
