//! A cache that stands for all others while a future runs.

use tokio::task::futures::TaskLocalFuture;

use crate::cache::Cache;

tokio::task_local! {
    static CACHE: Cache;
}

impl Cache {
    /// Runs a future in which every `#[cache]` function uses this cache and no other: neither the installed one, nor that
    /// of a layer, nor one that a function names by `cache = …`. For tests that run side by side, each with a cache of its
    /// own, or with none:
    ///
    /// ```
    /// use cache_runtime::{Cache, cache};
    ///
    /// #[cache("greeting:{name}")]
    /// async fn greeting(name: &str) -> String {
    ///     format!("Hello, {name}")
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let cache = Cache::in_memory();
    /// cache.scope(async {
    ///     greeting("John").await;
    ///     greeting("John").await;
    /// }).await;
    /// assert_eq!((cache.stats().misses, cache.stats().hits), (1, 1));
    ///
    /// let off = Cache::off();
    /// off.scope(greeting("John")).await;
    /// assert_eq!(off.stats().bypassed, 1);
    /// # }
    /// ```
    ///
    /// - Of scopes in scopes, the innermost counts.
    /// - A refresh in the background (`stale_while_revalidate`) that begins in a scope belongs to it, and so does what the
    ///   function calls there.
    /// - A task that is spawned in a scope knows nothing of it: give it the scope as well, by
    ///   `tokio::spawn(cache.scope(task))` with a clone of the cache.
    /// - In a scope of [`Cache::deferred`], writes use the cache of this scope, and what they make stale is still left to
    ///   the [`Deferred`](crate::Deferred) removal.
    /// - The methods of a cache, such as [`get`](Self::get) and [`delete`](Self::delete), mean the cache that they are
    ///   called on.
    ///
    /// Entries of other caches are neither read nor removed: what is written in a scope stays in them until it expires.
    /// Functions that have the same key and different caches share it in a scope; in debug builds the log names them.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the one that it was given, and does nothing else.
    pub fn scope<F: Future>(&self, future: F) -> impl Future<Output = F::Output> + use<F> {
        enter(self.clone(), future)
    }
}

/// Runs the future in the scope of this cache.
pub(super) fn enter<F: Future>(cache: Cache, future: F) -> TaskLocalFuture<Cache, F> {
    CACHE.scope(cache, future)
}

/// The cache of the innermost scope of this task.
pub(super) fn current() -> Option<Cache> {
    CACHE.try_with(Cache::clone).ok()
}
