//! The steps of the in-process store, which a test may watch and disturb.

use super::MemoryStore;
use crate::error::CacheError;

/// What a cache asks of its store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Operation {
    /// Looking for an entry: by a function that reads, or by [`Cache::get`](crate::Cache::get).
    Get,
    /// Storing a value by hand: [`Cache::set`](crate::Cache::set).
    Set,
    /// Asking for the right to load an entry, keeping it, giving it back, and looking after that of another call.
    Lease,
    /// Storing what a function has returned.
    Fill,
    /// Announcing a write before it runs, and taking that back.
    Fence,
    /// Removing keys, tags and patterns: by a function that writes, by hand, or by the queue of what is still to be
    /// removed.
    Remove,
    /// [`Cache::ping`](crate::Cache::ping).
    Ping,
    /// Looking at keys, tags or what matches a pattern on the page of `Cache::admin` (feature `admin`).
    #[cfg(feature = "admin")]
    Inspect,
}

/// Does a step, where no test says otherwise. `is_done` says of what comes of it whether anything was there, or was
/// stored.
#[cfg(feature = "testing")]
pub(super) async fn step<T>(
    store: &MemoryStore,
    operation: Operation,
    names: impl FnOnce() -> Vec<String>,
    is_done: impl FnOnce(&T) -> bool,
    work: impl FnOnce() -> T,
) -> Result<T, CacheError> {
    long_step(store, operation, names, is_done, async { work() }).await
}

/// The same of a step that takes a while.
#[cfg(feature = "testing")]
pub(super) async fn long_step<T>(
    store: &MemoryStore,
    operation: Operation,
    names: impl FnOnce() -> Vec<String>,
    is_done: impl FnOnce(&T) -> bool,
    work: impl Future<Output = T>,
) -> Result<T, CacheError> {
    let Some(script) = &store.script else {
        return Ok(work.await);
    };
    let names = names();
    script.disturb(operation, &names).await?;
    let output = work.await;
    script.note(operation, names, is_done(&output));
    Ok(output)
}

#[cfg(not(feature = "testing"))]
#[allow(clippy::unused_async, reason = "as with the feature")]
pub(super) async fn step<T>(
    _: &MemoryStore,
    _: Operation,
    _: impl FnOnce() -> Vec<String>,
    _: impl FnOnce(&T) -> bool,
    work: impl FnOnce() -> T,
) -> Result<T, CacheError> {
    Ok(work())
}

#[cfg(not(feature = "testing"))]
pub(super) async fn long_step<T>(
    _: &MemoryStore,
    _: Operation,
    _: impl FnOnce() -> Vec<String>,
    _: impl FnOnce(&T) -> bool,
    work: impl Future<Output = T>,
) -> Result<T, CacheError> {
    Ok(work.await)
}
