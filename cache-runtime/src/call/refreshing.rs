//! Futures in which what a cache has is loaded anew.

use std::sync::Arc;

use tokio::task::futures::TaskLocalFuture;

use crate::cache::{Cache, Engine};

/// The caches of the scopes around a call.
pub(super) type Caches = Vec<Cache>;

tokio::task_local! {
    static CACHES: Caches;
}

impl Cache {
    /// Runs a future in which every `#[cache]` function that uses this cache runs and stores what it returns, whether there
    /// is an entry or not. For jobs that keep the cache warm, so that no request waits for a load:
    ///
    /// ```
    /// use cache_runtime::{Cache, cache};
    ///
    /// #[cache("latest_posts")]
    /// async fn latest_posts() -> Vec<String> {
    ///     vec!["the newest".to_owned()]
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let cache = Cache::in_memory();
    /// cache.install();
    /// latest_posts().await;
    /// cache.refreshing(latest_posts()).await;
    /// latest_posts().await;
    /// assert_eq!((cache.stats().misses, cache.stats().hits), (2, 1));
    /// # }
    /// ```
    ///
    /// - It goes for each cached function that is called in the future, also for those that a cached function calls. One
    ///   that is called twice runs twice.
    /// - Others are served the old entry until the new one is stored. Where the function fails, it stays, and the caller
    ///   gets the error.
    /// - A call whose entry is being loaded already waits for that load and shares its value, as a miss does.
    /// - A function that would run uncached without this, such as one with a false `condition`, does so here.
    /// - Functions that use another cache read as they always do. Which cache a function uses stays as it was: see
    ///   [`install`](Self::install), [`layer`](Self::layer) and [`scope`](Self::scope).
    /// - A task that is spawned in the future knows nothing of this: give it along, by
    ///   `tokio::spawn(cache.refreshing(task))` with a clone of the cache.
    ///
    /// To fill a cold cache when a process starts, call the functions without this: what is there stays, and of many
    /// processes one loads each entry.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the one that it was given. What has been stored stays.
    pub fn refreshing<F: Future>(&self, future: F) -> impl Future<Output = F::Output> + use<F> {
        let cache = self.clone();
        async move {
            let mut caches = current();
            caches.push(cache);
            enter(caches, future).await
        }
    }
}

/// Runs the future in these scopes.
pub(super) fn enter<F: Future>(caches: Caches, future: F) -> TaskLocalFuture<Caches, F> {
    CACHES.scope(caches, future)
}

/// The caches that are refreshed here.
pub(super) fn current() -> Caches {
    CACHES.try_with(Clone::clone).unwrap_or_default()
}

/// Whether calls load anew here that use this cache.
pub(super) fn is_asked_for(engine: &Arc<Engine>) -> bool {
    let is_asked = |caches: &Caches| caches.iter().any(|cache| Arc::ptr_eq(&cache.0, engine));
    CACHES.try_with(is_asked).unwrap_or(false)
}
