//! The protocol's steps as Redis commands. Nothing outside of this room and `config/connect` names redis-rs.

mod address;
mod batch;
mod credentials;
mod failure;
mod fence;
mod fill;
mod get;
#[cfg(feature = "admin")]
mod inspect;
mod large;
mod lease;
mod near;
mod node;
mod remove;
mod reply_error;
mod scan;
mod scripts;
mod sweep;
mod topology;
mod writers;

use std::time::Duration;

use deadpool_redis::Connection;
pub(crate) use deadpool_redis::Pool;
use deadpool_redis::redis::{Cmd, Value, cmd};

pub(crate) use self::address::Address;
pub use self::credentials::Credentials;
pub(crate) use self::credentials::CredentialsSource;
pub(crate) use self::node::{Access, ConnectionOptions, Node, Role, Sent, Server, Unsettled};
pub(crate) use self::topology::discovery::{Discovery, Members};
pub(crate) use self::topology::{Pools, Router, Topology};

pub(crate) use self::failure::Failure;
use self::large::LargeEntries;
use self::near::NearCopies;
pub(crate) use self::near::NearLook;
use self::reply_error::ReplyError;
use super::keyspace::Keyspace;
use super::protocol::{LongestTtl, Targets};
use crate::error::CacheError;
use crate::key::{EntryKey, Tag};
use crate::stats::NearStats;

/// How many keys a server looks at for one page of a scan.
const PAGE: usize = 1000;

#[derive(Debug)]
pub(crate) struct RedisStore {
    topology: Topology,
    keyspace: Keyspace,
    /// The longest TTL that any entry may have.
    longest_ttl: LongestTtl,
    large: LargeEntries,
    near: NearCopies,
}

impl RedisStore {
    /// With room for so many bytes of copies in memory.
    pub(crate) fn new(topology: Topology, keyspace: Keyspace, near_bytes: usize) -> Self {
        Self {
            topology,
            keyspace,
            longest_ttl: LongestTtl::default(),
            large: LargeEntries::default(),
            near: NearCopies::new(near_bytes),
        }
    }

    pub(super) fn longest_ttl(&self) -> &LongestTtl {
        &self.longest_ttl
    }

    pub(super) fn keyspace(&self) -> &Keyspace {
        &self.keyspace
    }

    pub(super) fn is_available(&self, key: &EntryKey, tags: &[Tag]) -> bool {
        let is_available = |tag: &Tag| self.topology.is_available(&self.keyspace.tag(tag));
        self.topology.is_available(key.as_str())
            && (!self.topology.has_slots() || tags.iter().all(is_available))
            && self.is_trusted(key, tags)
    }

    /// Whether what was read of these may be served. To be asked behind a reply as well: what it came through may
    /// be the first connection to a server that has been down.
    fn is_trusted(&self, key: &EntryKey, tags: &[Tag]) -> bool {
        let longest = self.longest_ttl.get();
        let is_trusted = |tag: &Tag| self.topology.is_trusted(&self.keyspace.tag(tag), longest);
        self.topology.is_trusted(key.as_str(), longest)
            && (!self.topology.has_slots() || tags.iter().all(is_trusted))
    }

    pub(super) fn near_stats(&self) -> NearStats {
        self.near.stats()
    }

    /// How many copies there are in memory; nothing where there were none in any case.
    pub(super) fn copies(&self) -> Option<u64> {
        self.near.len()
    }

    pub(super) fn is_healthy(&self) -> bool {
        self.topology.is_healthy()
    }

    /// Asks each server that holds entries for a reply, within one deadline.
    pub(super) async fn ping(&self) -> Result<(), CacheError> {
        Ok(self.topology.ping().await?)
    }

    /// To the server that has this key, or to the only one.
    pub(crate) async fn connection(&self, key: Option<&str>) -> Result<Connection, CacheError> {
        Ok(self.topology.connection(key).await?)
    }

    /// Of each target, its name and those of its helpers: an entry with its fence and its lease; a tag with its
    /// fence.
    fn with_helpers(&self, targets: &Targets) -> Vec<Vec<String>> {
        let keyspace = &self.keyspace;
        let keys = targets.keys.iter().map(|key| {
            let name = key.as_str().to_owned();
            vec![name, keyspace.fence(key), keyspace.lease(key)]
        });
        let tags = targets
            .tags
            .iter()
            .map(|tag| vec![keyspace.tag(tag), keyspace.tag_fence(tag)]);
        keys.chain(tags).collect()
    }
}

fn milliseconds(ttl: Duration) -> u64 {
    u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX)
}

/// Whether a script was refused, since some of its keys have left for another node and others have not.
fn is_split<T>(outcome: &Result<T, Failure>) -> bool {
    matches!(outcome, Err(failure) if failure.reply() == Some(ReplyError::Split))
}

fn is_split_reply(reply: &Value) -> bool {
    ReplyError::of_reply(reply) == Some(ReplyError::Split)
}

fn set(key: &str, value: &[u8], ttl: Duration) -> Cmd {
    let mut set = cmd("SET");
    set.arg(key).arg(value).arg("PX").arg(milliseconds(ttl));
    set
}

fn unlink(keys: &[&str]) -> Cmd {
    let mut unlink = cmd("UNLINK");
    unlink.arg(keys);
    unlink
}
