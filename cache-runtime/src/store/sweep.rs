//! Patterns: a scan of every server that holds entries.

use std::sync::Arc;

use deadpool_redis::redis::{Value, cmd, pipe};
use futures_util::future::join_all;

use super::batch::Batch;
use super::lane::{Lane, Request, is_redirect};
use super::names::Names;
use super::servers::{Servers, Survey, decode};
use crate::error::CacheError;
use crate::key::Pattern;

/// So often servers may change under a scan before we give up on it for now.
const MOST_ROUNDS: usize = 8;

/// How many keys a server looks at for one page.
const PAGE: usize = 1000;

impl Servers {
    /// Removes every entry whose key matches, voids their loads, and says how many there were.
    ///
    /// A scan finds what is there from its beginning to its end, so a key that goes from one server to another
    /// meanwhile may be missed on both. Then all of them are scanned again, and again until nothing has changed; where
    /// keys are on the move all the time, a second round finds what had moved in the first.
    pub(super) async fn delete_matching(
        &self,
        names: &Names,
        pattern: &Pattern,
    ) -> Result<u64, CacheError> {
        let mut removed = 0;
        let mut before = self.survey().await?;
        let mut was_steady = false;
        for _ in 0..MOST_ROUNDS {
            removed += self.round(&before, names, pattern).await?;
            let after = self.survey().await?;
            let is_steady = before.state == after.state;
            if is_steady && (was_steady || !after.is_moving) {
                return Ok(removed);
            }
            (was_steady, before) = (is_steady, after);
        }
        Err(CacheError::Rearranged)
    }

    /// Two passes over each server, for a load may swap its lease for an entry behind the cursor of a single one.
    async fn round(
        &self,
        survey: &Survey,
        names: &Names,
        pattern: &Pattern,
    ) -> Result<u64, CacheError> {
        let leases = Pattern::starting_with(&names.leases());
        let is_lease = |lease: &[u8]| names.leased(lease).is_some_and(|key| pattern.matches(key));
        let is_entry = |key: &[u8]| names.is_entry(key) && pattern.matches(key);
        let sweeps = survey.lanes.iter().map(|lane| async {
            self.sweep(lane, &leases.scan, is_lease).await?;
            self.sweep(lane, &pattern.scan, is_entry).await
        });
        join_all(sweeps).await.into_iter().sum()
    }

    /// Removes what a scan of one server finds. A cursor is good for one connection: behind the next one there may
    /// be another server, or the same with its keys in another order.
    async fn sweep(
        &self,
        lane: &Arc<Lane>,
        glob: &str,
        is_hit: impl Fn(&[u8]) -> bool,
    ) -> Result<u64, CacheError> {
        let mut removed = 0;
        for _ in 0..MOST_ROUNDS {
            let mut scan = Scan::default();
            while !scan.is_over {
                self.turn_page(lane, glob, &mut scan).await?;
                scan.page.retain(|key| is_hit(key));
            }
            removed += scan.removed + self.remove(&scan.page).await?;
            if !scan.is_broken {
                return Ok(removed);
            }
        }
        Err(CacheError::Rearranged)
    }

    /// Removes a page in the round trip that fetches the next.
    async fn turn_page(
        &self,
        lane: &Arc<Lane>,
        glob: &str,
        scan: &mut Scan,
    ) -> Result<(), CacheError> {
        let page = std::mem::take(&mut scan.page);
        let mut commands = pipe();
        for keys in self.together(&page) {
            commands.cmd("UNLINK").arg(keys);
        }
        commands.cmd("SCAN").arg(scan.cursor);
        commands.arg("MATCH").arg(glob).arg("COUNT").arg(PAGE);
        let answer = lane.ask(Request::Many(&commands), true).await?;
        let mut answers: Vec<Value> = decode(answer)?;
        let found = answers.pop().unwrap_or(Value::Nil);
        (scan.cursor, scan.page) = decode(found)?;
        let mut elsewhere = Vec::new();
        for (answer, keys) in answers.into_iter().zip(self.together(&page)) {
            if is_redirect(&answer) {
                elsewhere.extend_from_slice(keys);
            } else {
                scan.removed += decode::<u64>(answer)?;
            }
        }
        scan.removed += self.remove(&elsewhere).await?;
        let number = lane.number();
        scan.is_broken = scan
            .connection
            .replace(number)
            .is_some_and(|before| before != number);
        scan.is_over = scan.is_broken || scan.cursor == 0;
        Ok(())
    }

    /// Wherever they are.
    async fn remove(&self, keys: &[Vec<u8>]) -> Result<u64, CacheError> {
        let mut all = Batch::unordered();
        for keys in self.together(keys) {
            let mut unlink = cmd("UNLINK");
            unlink.arg(keys);
            all.add(self.slot(&keys[0]), unlink);
        }
        let removed: Vec<u64> = self.many(&all).await?;
        Ok(removed.iter().sum())
    }

    /// As many as one command may name.
    fn together<'k>(&self, keys: &'k [Vec<u8>]) -> std::slice::Chunks<'k, Vec<u8>> {
        keys.chunks(if self.have_slots() { 1 } else { PAGE })
    }
}

/// A scan of one server, as far as it has come.
#[derive(Default)]
struct Scan {
    cursor: u64,
    /// What is to be removed of the last page.
    page: Vec<Vec<u8>>,
    removed: u64,
    connection: Option<u64>,
    is_over: bool,
    is_broken: bool,
}
