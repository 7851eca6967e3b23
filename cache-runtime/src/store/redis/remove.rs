//! Removing what a writer names: first what its patterns match, then its keys and tags, and all of them as if at one
//! moment. Else an entry that is loaded from another could be loaded anew from what is still to be removed.

use deadpool_redis::redis::Value;
use futures_util::future::FutureExt as _;

use super::batch::{Batch, Replies, decode};
use super::failure::Failure;
use super::scan::Scan;
use super::scripts::Script;
use super::sweep::{self, Sweep};
use super::{RedisStore, is_split_reply, milliseconds, unlink};
use crate::nonce::new_nonce;
use crate::store::protocol::{FENCE_TTL, Fence, MARK_TTL, Removal, Targets};

/// So many targets one script removes: a server does nothing else meanwhile.
const TOGETHER: usize = 1000;

/// So often a server may evict what tells of a removal before we give up on it for now.
const MAX_PASSES: usize = 4;

/// What has become of one pass.
#[derive(Default)]
struct Pass {
    entries: u64,
    left: Targets,
    failure: Option<Failure>,
    /// Something that kept others from storing was gone before its time.
    has_lost: bool,
}

impl RedisStore {
    pub(in crate::store) async fn invalidate(
        &self,
        targets: &Targets,
        fence: Fence<'_>,
    ) -> Removal {
        let mut entries = 0;
        for _ in 0..MAX_PASSES {
            let pass = self.pass(targets, fence).boxed().await;
            entries += pass.entries;
            if !pass.has_lost {
                return Removal {
                    entries,
                    left: pass.left,
                    failure: pass.failure.map(Into::into),
                };
            }
        }
        Removal {
            entries,
            left: targets.clone(),
            failure: Some(Failure::Evicted.into()),
        }
    }

    async fn pass(&self, targets: &Targets, fence: Fence<'_>) -> Pass {
        let mut pass = Pass::default();
        let mut sweeps = Vec::new();
        if !targets.patterns.is_empty() {
            let sweep = Sweep::of(&self.topology, &self.keyspace, &targets.patterns);
            let scan = Scan {
                topology: &self.topology,
                keyspace: &self.keyspace,
                sweep: &sweep,
            };
            match scan.run().await {
                Ok(entries) => {
                    pass.entries = entries;
                    pass.has_lost = sweep.has_lost();
                    sweeps = sweep.into_members();
                }
                // What was told of ends by itself.
                Err(failure) => pass.leave_patterns(targets, failure),
            }
        }
        self.remove_named(targets, fence, &sweeps, &mut pass).await;
        pass
    }

    /// Removes keys and tags: on one server in one script; on several it first closes all of them, and then opens them.
    /// With that these sweeps are over.
    async fn remove_named(
        &self,
        targets: &Targets,
        fence: Fence<'_>,
        sweeps: &[String],
        pass: &mut Pass,
    ) {
        let names = self.with_helpers(targets);
        let parts: Vec<&[Vec<String>]> = names.chunks(self.together(&names)).collect();
        let (writer_id, renewed) = match fence {
            Fence::None => ("", 0),
            Fence::Release(writer_id) => (writer_id, 0),
            Fence::Renew(writer_id) => (writer_id, milliseconds(FENCE_TTL)),
        };
        let mark = match fence {
            Fence::None => new_nonce(),
            Fence::Release(writer_id) | Fence::Renew(writer_id) => writer_id.to_owned(),
        };
        // Where all lies on one server, sweeps do too.
        let is_at_once = parts.len() == 1;
        let sweeps_at_once = if is_at_once && !self.topology.has_slots() {
            sweeps
        } else {
            &[]
        };
        let mut removes = Batch::new();
        for part in &parts {
            let mut keys = part.concat();
            let slot = self.topology.slot(keys[0].as_bytes());
            let entries = part.iter().filter(|names| names.len() == 3).count();
            let step = if is_at_once {
                keys.extend((!sweeps_at_once.is_empty()).then(|| self.keyspace.sweeps()));
                let mut invalidate = Script::invalidate.on(&keys);
                invalidate.arg(entries).arg(writer_id).arg(renewed);
                invalidate.arg(sweeps_at_once);
                invalidate
            } else {
                let mut close = Script::close.on(&keys);
                close.arg(entries).arg(&mark).arg(milliseconds(MARK_TTL));
                close
            };
            removes.add(slot, step);
        }
        let Replies { values, failure } = self.topology.many_that_can(&removes).await;
        pass.failure = pass.failure.take().or(failure);
        let (mut opens, mut closed, mut first) = (Batch::new(), Vec::new(), 0);
        for (part, reply) in parts.iter().zip(values) {
            let these = first..first + part.len();
            first = these.end;
            if is_split_reply(&reply) {
                let apart = targets.part(these.clone());
                match self.unlink(&apart, fence).await {
                    Ok(entries) => pass.entries += entries,
                    Err(failure) => pass.leave(targets, these, Some(failure)),
                }
                continue;
            }
            match removed(reply) {
                Ok(Some((entries, is_whole))) => {
                    pass.entries += entries;
                    pass.has_lost |= !is_whole;
                    if !is_at_once {
                        let fences: Vec<&String> = part.iter().map(|names| &names[1]).collect();
                        let mut open = Script::open.on(&fences);
                        open.arg(&mark).arg(writer_id).arg(renewed);
                        opens.add(self.topology.slot(fences[0].as_bytes()), open);
                        closed.push(these);
                    }
                }
                Ok(None) => pass.leave(targets, these, None),
                Err(failure) => pass.leave(targets, these, Some(failure)),
            }
        }
        if !sweeps.is_empty() && sweeps_at_once.is_empty() {
            for place in sweep::places(&self.topology, &self.keyspace) {
                let mut unregister = Script::unregister.on(&[&place]);
                unregister.arg(sweeps);
                opens.add(self.topology.slot(place.as_bytes()), unregister);
            }
        }
        let Replies { values, failure } = self.topology.many_that_can(&opens).await;
        pass.failure = pass.failure.take().or(failure);
        let mut values = values.into_iter().map(was_there);
        for these in closed {
            match values.next() {
                Some(Ok(Some(was_there))) => pass.has_lost |= !was_there,
                Some(Err(failure)) => pass.leave(targets, these, Some(failure)),
                Some(Ok(None)) | None => pass.leave(targets, these, None),
            }
        }
        for unregistered in values {
            match unregistered {
                Ok(Some(was_there)) => pass.has_lost |= !was_there,
                Ok(None) => pass.left.patterns.clone_from(&targets.patterns),
                Err(failure) => pass.leave_patterns(targets, failure),
            }
        }
    }

    /// How many of these one script may name.
    fn together(&self, names: &[Vec<String>]) -> usize {
        let mut slots = names
            .iter()
            .map(|names| self.topology.slot(names[0].as_bytes()));
        let first = slots.next();
        if slots.all(|slot| Some(slot) == first) {
            TOGETHER
        } else {
            1
        }
    }

    /// Each key by itself, while keys are on their way to another node: a command is sure to be taken only if it names
    /// a single one. The leases first: a load could swap its lease for an entry in between. A fence that is to be
    /// released ends by itself.
    async fn unlink(&self, targets: &Targets, fence: Fence<'_>) -> Result<u64, Failure> {
        if let Fence::Renew(writer_id) = fence {
            self.fence(targets, writer_id).await?;
        }
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

impl Pass {
    fn leave(&mut self, targets: &Targets, these: std::ops::Range<usize>, why: Option<Failure>) {
        self.left.extend(targets.part(these));
        self.failure = self.failure.take().or(why);
    }

    fn leave_patterns(&mut self, targets: &Targets, why: Failure) {
        self.left.patterns.clone_from(&targets.patterns);
        self.failure = self.failure.take().or(Some(why));
    }
}

/// How many entries there were, and whether the sweeps were still known; nothing where there was no reply.
fn removed(reply: Value) -> Result<Option<(u64, bool)>, Failure> {
    match reply.extract_error()? {
        Value::Nil => Ok(None),
        reply => decode(reply).map(Some),
    }
}

fn was_there(reply: Value) -> Result<Option<bool>, Failure> {
    match reply.extract_error()? {
        Value::Nil => Ok(None),
        reply => decode(reply).map(Some),
    }
}
