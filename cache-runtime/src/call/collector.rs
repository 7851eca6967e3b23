//! What the writes in a scope have made stale, until somebody says how their transaction has ended.

use std::convert::Infallible;
use std::future::pending;
use std::mem;
use std::sync::Arc;

use futures_util::future::join_all;
use parking_lot::Mutex;
use tokio::time::sleep;

use super::ending::LeftToDo;
use super::observe::count_removal;
use super::write;
use super::{reentrancy, request_context};
use crate::cache::{Cache, Engine};
use crate::stats::Function;
use crate::store::{FENCE_TTL, Fence, Targets};
use crate::util::runtime::with_timers;

/// Takes what the writes of one scope leave to it.
pub(crate) struct Collector {
    /// What functions in the scope use that have no `cache = …` of their own.
    pub(super) cache: Cache,
    reads: Reads,
    /// The scope around this one.
    around: Option<Arc<Self>>,
    state: Mutex<State>,
}

/// What reads in a scope do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reads {
    /// They bypass the cache.
    Bypass,
    /// They use it until a write begins.
    BypassAfterWrite,
}

#[derive(Default)]
struct State {
    has_written: bool,
    /// It has been said how the transaction ended.
    is_over: bool,
    writes: Vec<CollectedWrite>,
}

/// One write that has come to its end, but for its commit.
#[derive(Clone)]
pub(super) struct CollectedWrite {
    pub(super) function: &'static Function,
    pub(super) engine: Arc<Engine>,
    pub(super) targets: Arc<Targets>,
    pub(super) writer_id: Option<String>,
    /// It may still commit by itself, when the transaction has ended.
    pub(super) is_in_doubt: bool,
}

/// The scope around the call: the innermost one of its task, else that of its request.
pub(super) fn current() -> Option<Arc<Collector>> {
    reentrancy::collector().or_else(|| request_context::current()?.collector.clone())
}

impl Collector {
    pub(crate) fn new(cache: &Cache, reads: Reads) -> Arc<Self> {
        Arc::new(Self {
            cache: cache.clone(),
            reads,
            around: current(),
            state: Mutex::default(),
        })
    }

    /// A write begins in the scope.
    pub(super) fn note_write(&self) {
        self.state.lock().has_written = true;
    }

    pub(super) fn has_written(&self) -> bool {
        self.state.lock().has_written
    }

    pub(super) fn bypasses_reads(&self) -> bool {
        let state = self.state.lock();
        !state.is_over && (self.reads == Reads::Bypass || state.has_written)
    }

    /// Takes what a write leaves to the scope. Nothing any more where that is over: the write is given back.
    pub(super) fn collect(&self, write: CollectedWrite) -> Result<(), CollectedWrite> {
        let mut state = self.state.lock();
        if state.is_over {
            return Err(write);
        }
        state.has_written = true;
        state.writes.push(write);
        Ok(())
    }

    /// The fences of what has been collected stand anew, again and again. They are renewed by the task that polls the
    /// scope, so that they end with it.
    pub(super) async fn renew_fences(&self) -> Infallible {
        if with_timers().is_none() {
            // Without timers the fences have the TTL that they have.
            return pending().await;
        }
        loop {
            sleep(FENCE_TTL / 3).await;
            let writes = self.state.lock().writes.clone();
            join_all(
                writes
                    .iter()
                    .map(|write| write.settle_fence(LeftToDo::RenewFence)),
            )
            .await;
        }
    }

    /// Ends the scope, once. What is to be done for its writes is done by what this returns.
    pub(super) fn end(&self, what: LeftToDo) -> Settling {
        let mut state = self.state.lock();
        state.is_over = true;
        let writes = mem::take(&mut state.writes);
        drop(state);
        let mut settling = Settling {
            what,
            is_handed_on: false,
            batches: Vec::new(),
        };
        if !matches!(what, LeftToDo::ReleaseFence) {
            settling.is_handed_on = self.hand_on(&writes, what);
        }
        for write in writes {
            settling.add(write);
        }
        for batch in &mut settling.batches {
            Arc::make_mut(&mut batch.targets).deduplicate();
        }
        settling
    }

    /// The transaction may be a part of the one around it: then that one's end counts as well.
    fn hand_on(&self, writes: &[CollectedWrite], what: LeftToDo) -> bool {
        let Some(around) = &self.around else {
            return false;
        };
        writes.iter().cloned().all(|mut write| {
            write.is_in_doubt |= what.is_in_doubt();
            around.collect(write).is_ok()
        })
    }
}

impl CollectedWrite {
    async fn settle_fence(&self, what: LeftToDo) {
        let fence = self.writer_id.as_deref().map(|id| (id, None));
        write::settle(&self.engine, self.function, what, &self.targets, fence).await;
    }
}

/// What is left to do for the writes of a scope. Dropped, it is done in the background.
pub(super) struct Settling {
    what: LeftToDo,
    /// The scope around this one has the writes too, and settles their fences.
    is_handed_on: bool,
    batches: Vec<Batch>,
}

/// All writes to one cache. What they name goes at one moment: one of them may name what is loaded from an entry that
/// another one names.
#[derive(Clone)]
struct Batch {
    engine: Arc<Engine>,
    targets: Arc<Targets>,
    writes: Vec<CollectedWrite>,
}

impl Settling {
    fn add(&mut self, write: CollectedWrite) {
        let mut batches = self.batches.iter_mut();
        let Some(batch) = batches.find(|batch| Arc::ptr_eq(&batch.engine, &write.engine)) else {
            self.batches.push(Batch {
                engine: write.engine.clone(),
                targets: write.targets.clone(),
                writes: vec![write],
            });
            return;
        };
        Arc::make_mut(&mut batch.targets).extend((*write.targets).clone());
        batch.writes.push(write);
    }

    /// Dropped meanwhile, it begins anew in the background.
    pub(super) async fn run(mut self) {
        for batch in &self.batches {
            batch.settle(self.what, self.is_handed_on).await;
        }
        for batch in mem::take(&mut self.batches) {
            batch.remove_once_more_later(self.what);
        }
    }
}

impl Drop for Settling {
    fn drop(&mut self) {
        let (what, is_handed_on) = (self.what, self.is_handed_on);
        for batch in mem::take(&mut self.batches) {
            batch.remove_once_more_later(what);
            let engine = batch.engine.clone();
            let targets = batch.targets.clone();
            let settle = async move { batch.settle(what, is_handed_on).await };
            write::settle_in_background(&engine, what, targets, settle);
        }
    }
}

impl Batch {
    async fn settle(&self, what: LeftToDo, is_handed_on: bool) {
        if let ([write], false) = (&self.writes[..], is_handed_on) {
            let what = write.left_to_do(what);
            let fence = write.writer_id.as_deref().map(|id| (id, None));
            let (engine, targets) = (&self.engine, &write.targets);
            return write::settle(engine, write.function, what, targets, fence).await;
        }
        if what.invalidates() {
            let removed = write::remove(&self.engine, None, &self.targets, Fence::None).await;
            if removed.is_some() {
                for write in &self.writes {
                    // Which of the entries were whose, nobody knows.
                    count_removal(&self.engine, write.function, &write.targets, 0);
                }
            }
        }
        // Only now: as long as they stand, nothing that was loaded before outlives them.
        let fences = self.writes.iter().map(|write| {
            write.settle_fence(match write.left_to_do(what) {
                LeftToDo::Invalidate if is_handed_on => LeftToDo::Nothing,
                LeftToDo::Invalidate => LeftToDo::ReleaseFence,
                LeftToDo::InvalidateInDoubt => LeftToDo::RenewFence,
                what => what,
            })
        });
        join_all(fences).await;
    }

    fn remove_once_more_later(&self, what: LeftToDo) {
        let mut writes = self.writes.iter();
        if writes.any(|write| write.left_to_do(what).is_in_doubt()) {
            write::remove_once_more_later(&self.engine, &self.targets);
        }
    }
}

impl CollectedWrite {
    /// The commit of a transaction does not say what a write in doubt has begun besides.
    fn left_to_do(&self, what: LeftToDo) -> LeftToDo {
        match what {
            LeftToDo::Invalidate if self.is_in_doubt => LeftToDo::InvalidateInDoubt,
            what => what,
        }
    }
}
