//! Patterns: a scan of every server that holds entries.

use std::sync::Arc;

use deadpool_redis::redis::{Value, cmd, pipe};
use futures_util::future::join_all;

use super::PAGE;
use super::batch::{Batch, decode};
use super::failure::Failure;
use super::node::{Commands, Generation, Node, Resend};
use super::reply_error::ReplyError;
use super::sweep::Sweep;
use super::topology::{Snapshot, Topology};
use crate::key::Pattern;
use crate::store::keyspace::Keyspace;

/// So often servers may change under a scan before we give up on it for now.
const MAX_PASSES: usize = 8;

/// The removal of every entry whose key matches a pattern of a sweep.
pub(super) struct Scan<'s> {
    pub(super) topology: &'s Topology,
    pub(super) keyspace: &'s Keyspace,
    pub(super) sweep: &'s Sweep<'s>,
}

impl Scan<'_> {
    /// Removes the entries, voids their loads, and says how many entries there were.
    ///
    /// A scan finds what is there from its beginning to its end, so a key that goes from one server to another
    /// meanwhile may be missed on both. Then all of them are scanned again, and again until nothing has changed; where
    /// keys are on the move all the time, a second pass finds what had moved in the first.
    pub(super) async fn run(&self) -> Result<u64, Failure> {
        let mut removed = 0;
        self.sweep.tell().await?;
        let mut before = self.topology.snapshot().await?;
        let mut was_steady = false;
        for _ in 0..MAX_PASSES {
            removed += self.pass(&before).await?;
            let after = self.topology.snapshot().await?;
            let is_steady = before.state == after.state;
            if is_steady && (was_steady || !after.is_moving) {
                return Ok(removed);
            }
            (was_steady, before) = (is_steady, after);
        }
        Err(Failure::TopologyChanged)
    }

    /// Leases first, then entries, on each server: a load may swap its lease for an entry behind the cursor of a
    /// single scan.
    async fn pass(&self, snapshot: &Snapshot) -> Result<u64, Failure> {
        let (keyspace, patterns) = (self.keyspace, &self.sweep.patterns);
        let leases = Pattern::starting_with(&keyspace.leases());
        let is_lease = |lease: &[u8]| {
            keyspace
                .leased(lease)
                .is_some_and(|key| patterns.matches(key))
        };
        let is_entry = |key: &[u8]| keyspace.is_entry(key) && patterns.matches(key);
        let scans = snapshot.nodes.iter().map(|node| async {
            self.remove_all(node, &leases.scan, is_lease).await?;
            self.remove_all(node, &self.sweep.glob, is_entry).await
        });
        join_all(scans).await.into_iter().sum()
    }

    /// Removes what a scan of one server finds. A cursor is good for one connection: behind the next one there may
    /// be another server, or the same with its keys in another order.
    async fn remove_all(
        &self,
        node: &Arc<Node>,
        glob: &str,
        is_hit: impl Fn(&[u8]) -> bool,
    ) -> Result<u64, Failure> {
        let mut removed = 0;
        for _ in 0..MAX_PASSES {
            let mut cursor = Cursor::default();
            while !cursor.is_over {
                self.turn_page(node, glob, &mut cursor).await?;
                cursor.page.retain(|key| is_hit(key));
            }
            removed += cursor.removed + self.remove(&cursor.page).await?;
            if !cursor.is_broken {
                return Ok(removed);
            }
        }
        Err(Failure::TopologyChanged)
    }

    /// Removes a page in the round trip that fetches the next.
    async fn turn_page(
        &self,
        node: &Arc<Node>,
        glob: &str,
        cursor: &mut Cursor,
    ) -> Result<(), Failure> {
        self.sweep.tell().await?;
        let page = std::mem::take(&mut cursor.page);
        let mut commands = pipe();
        for keys in self.together(&page) {
            commands.cmd("UNLINK").arg(keys);
        }
        commands.cmd("SCAN").arg(cursor.position);
        commands.arg("MATCH").arg(glob).arg("COUNT").arg(PAGE);
        let before = node.generation();
        let reply = node
            .ask(Commands::Many(&commands), Resend::IfBroken)
            .await?;
        let generation = node.generation();
        let mut replies: Vec<Value> = decode(reply)?;
        let found = replies.pop().unwrap_or(Value::Nil);
        (cursor.position, cursor.page) = decode(found)?;
        let mut elsewhere = Vec::new();
        for (reply, keys) in replies.into_iter().zip(self.together(&page)) {
            if ReplyError::of_reply(&reply).is_some_and(ReplyError::is_redirect) {
                elsewhere.extend_from_slice(keys);
            } else {
                cursor.removed += decode::<u64>(reply)?;
            }
        }
        cursor.removed += self.remove(&elsewhere).await?;
        let known = cursor.generation.replace(generation);
        cursor.is_broken = before != generation || known.is_some_and(|known| known != before);
        cursor.is_over = cursor.is_broken || cursor.position == 0;
        Ok(())
    }

    /// Removes keys wherever they are.
    async fn remove(&self, keys: &[Vec<u8>]) -> Result<u64, Failure> {
        let mut all = Batch::unordered();
        for keys in self.together(keys) {
            let mut unlink = cmd("UNLINK");
            unlink.arg(keys);
            all.add(self.topology.slot(&keys[0]), unlink);
        }
        let removed: Vec<u64> = self.topology.many(&all).await?;
        Ok(removed.iter().sum())
    }

    /// As many as one command may name.
    fn together<'k>(&self, keys: &'k [Vec<u8>]) -> std::slice::Chunks<'k, Vec<u8>> {
        keys.chunks(if self.topology.has_slots() { 1 } else { PAGE })
    }
}

/// A scan of one server, as far as it has come.
#[derive(Default)]
struct Cursor {
    position: u64,
    /// What is to be removed of the last page.
    page: Vec<Vec<u8>>,
    removed: u64,
    /// The connection that the position is good for.
    generation: Option<Generation>,
    is_over: bool,
    is_broken: bool,
}
