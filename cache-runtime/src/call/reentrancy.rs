//! What the cached calls around this one, in the same task, are doing.
//!
//! A load that asks for its own key would wait for itself, and a write that reads what it is changing would
//! get the old value: both run the function instead. A task that the function spawns is not seen here.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::collector::Collector;
use super::request_context;
use crate::key::{EntryKey, Tag};
use crate::stats::Function;
use crate::store::Targets;

tokio::task_local! {
    static AROUND: Arc<Call>;
}

/// One call, and the one around it.
struct Call {
    operation: Operation,
    around: Option<Arc<Call>>,
}

pub(super) enum Operation {
    /// This function computes the entry of this key.
    Load(EntryKey, &'static Function),
    /// It changes what these stand for.
    Write(Arc<Targets>),
    /// Its writes are invalidated when they are committed.
    Defer(Arc<Collector>),
}

/// Runs the future with this call around it.
pub(super) async fn scope<F: Future>(operation: Operation, future: F) -> F::Output {
    enter(Some(Around::inside(operation)), future).await
}

/// The calls around this one, for a task that belongs to it.
pub(super) struct Around(Arc<Call>);

impl Around {
    /// This call, and those around it.
    pub(super) fn inside(operation: Operation) -> Self {
        let around = AROUND.try_with(Arc::clone).ok();
        Self(Arc::new(Call { operation, around }))
    }

    /// Does this as if they had called it.
    pub(super) fn run(&self, what: &mut dyn FnMut()) {
        AROUND.sync_scope(self.0.clone(), what);
    }

    /// The same in a destructor, which may run when the thread has no such storage any more.
    pub(super) fn run_if_possible(&self, what: &mut dyn FnMut()) {
        drop(AROUND.scope(self.0.clone(), OnDrop(what)));
    }
}

/// What is done when this is dropped, which Tokio does in the scope, or without it.
struct OnDrop<'w>(&'w mut dyn FnMut());

impl Future for OnDrop<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        Poll::Pending
    }
}

impl Drop for OnDrop<'_> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// The calls around this one, if there are any.
pub(super) fn current() -> Option<Around> {
    AROUND.try_with(Arc::clone).ok().map(Around)
}

/// Runs the future as if it were called by them.
pub(super) async fn enter<F: Future>(around: Option<Around>, future: F) -> F::Output {
    match around {
        Some(Around(call)) => AROUND.scope(call, future).await,
        None => future.await,
    }
}

/// Whether a call around this one changes something, or may have.
pub(super) fn is_writing() -> bool {
    any(|operation| !matches!(operation, Operation::Load(..)))
}

/// Whether a call around this one loads or changes the same entry, or may have changed anything in a transaction.
pub(super) fn is_reentrant(key: &EntryKey, tags: &[Tag]) -> bool {
    let is_in_call = any(|operation| match operation {
        Operation::Load(loading, _) => loading == key,
        Operation::Write(targets) => {
            targets.keys.iter().any(|stale| stale == key)
                || targets.tags.iter().any(|stale| tags.contains(stale))
                || targets
                    .patterns
                    .iter()
                    .any(|pattern| pattern.matches(key.as_bytes()))
        }
        Operation::Defer(collector) => collector.bypasses_reads(),
    });
    is_in_call || request_context::bypasses_reads()
}

/// The innermost scope around this call that defers what writes make stale.
pub(super) fn collector() -> Option<Arc<Collector>> {
    find(|operation| match operation {
        Operation::Defer(collector) => Some(collector.clone()),
        Operation::Load(..) | Operation::Write(_) => None,
    })
}

/// Whether a call around this one is at work.
pub(super) fn is_nested() -> bool {
    AROUND.try_with(|_| ()).is_ok()
}

/// Whether others may be waiting for a call around this one.
pub(super) fn is_loading() -> bool {
    any(|operation| matches!(operation, Operation::Load(..)))
}

/// Whether one of them is of this function.
pub(super) fn is_loading_of(function: &'static Function) -> bool {
    any(|operation| matches!(operation, Operation::Load(_, of) if std::ptr::eq(*of, function)))
}

fn any(is_so: impl Fn(&Operation) -> bool) -> bool {
    find(|operation| is_so(operation).then_some(())).is_some()
}

/// From the inside out.
fn find<T>(what: impl Fn(&Operation) -> Option<T>) -> Option<T> {
    let innermost = AROUND.try_with(Arc::clone).ok();
    std::iter::successors(innermost.as_deref(), |call| call.around.as_deref())
        .find_map(|call| what(&call.operation))
}
