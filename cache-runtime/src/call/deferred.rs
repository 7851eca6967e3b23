//! A scope whose writes are invalidated by whoever commits them.

use std::convert::Infallible;
use std::fmt;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;

use super::collector::{Collector, Reads};
use super::ending::LeftToDo;
use super::reentrancy::{self, Operation};
use super::request_context::RequestContext;
use crate::cache::Cache;
use crate::codec::outcome::WriteOutcome;

/// What the writes in a scope of [`Cache::deferred`] have made stale: it is to be removed when they are committed.
///
/// Call [`apply`](Self::apply) behind the commit, or [`rolled_back`](Self::rolled_back) where nothing has happened.
/// Dropped without a word, as by a `?` between the two, the writes are *in doubt*: what they name is removed in a task
/// of its own, and for 30 seconds nothing outlives their fences, within which a commit that is on its way has to land.
///
/// [`Cache::deferred`] has an example.
#[must_use = "what the writes made stale stays cached for up to 30 seconds: call `apply` when they are committed"]
pub struct Deferred {
    collector: Arc<Collector>,
    is_settled: bool,
}

impl Cache {
    /// Runs a future, and leaves to its caller when to remove what the `#[cache]` writes in it have made stale: for a
    /// transaction, after its commit. Returns what the future returns, and with it the [`Deferred`] removal.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), std::io::Error> {
    /// use cache_runtime::{Cache, cache};
    ///
    /// # struct Transaction<'db>(&'db Db);
    /// # struct Db;
    /// # impl Db { async fn begin(&self) -> Result<Transaction<'_>, std::io::Error> { Ok(Transaction(self)) } }
    /// # impl Transaction<'_> { async fn commit(self) -> Result<(), std::io::Error> { Ok(()) } }
    /// #[cache("balance", resource_id_name = "id", method = "PUT", skip(transaction))]
    /// async fn deposit(transaction: &mut Transaction<'_>, id: u64, cents: i64) -> Result<(), std::io::Error> {
    ///     Ok(()) // UPDATE accounts SET …
    /// }
    ///
    /// # let (cache, db) = (Cache::in_memory(), Db);
    /// let mut transaction = db.begin().await?;
    /// let (moved, stale) = cache.deferred(async {
    ///     deposit(&mut transaction, 1, -500).await?;
    ///     deposit(&mut transaction, 2, 500).await
    /// }).await;
    /// match moved {
    ///     Ok(()) => {
    ///         transaction.commit().await?; // in doubt, if this fails
    ///         stale.apply().await; // removes balance:1 and balance:2
    ///     }
    ///     Err(_) => stale.rolled_back().await,
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// In the scope
    ///
    /// - a write fences its keys and tags before it runs, as always, and removes nothing; one that is refused takes its
    ///   fence away at once;
    /// - a read runs, and neither uses the cache nor stores anything, since it may see what is not committed; it never
    ///   waits for another's load, nor does another wait for it;
    /// - functions use this cache, unless they have a `cache = …` of their own: what these make stale is deferred as
    ///   well;
    /// - `get`, `set`, `delete` and the other methods of a cache do at once what they say.
    ///
    /// This goes for the task of the future. A task that is spawned in it knows nothing of the scope. Scopes nest: what
    /// an inner one applies is removed at once, and again when the outer one is applied, since the inner transaction may
    /// be a savepoint of the outer one.
    ///
    /// The fences of writes that have returned are renewed while the future runs, and stand for 20 seconds after that:
    /// if the process dies later than that, between the commit and the removal, what it made stale stays until it expires.
    ///
    /// # Cancel safety
    ///
    /// Dropped before its end, the writes until then are in doubt, as if the [`Deferred`] had been dropped.
    pub async fn deferred<F: Future>(&self, scope: F) -> (F::Output, Deferred) {
        let deferred = Deferred::new(Collector::new(self, Reads::Bypass));
        let operation = Operation::Defer(deferred.collector.clone());
        let scope = reentrancy::scope(operation, Box::pin(scope));
        let output = deferred.run(scope).await;
        (output, deferred)
    }
}

impl Deferred {
    fn new(collector: Arc<Collector>) -> Self {
        Self {
            collector,
            is_settled: false,
        }
    }

    /// The scope around a request, where its layer has made one.
    pub(crate) fn of_request(context: &RequestContext) -> Option<Self> {
        context.collector.clone().map(Self::new)
    }

    /// The writes are committed: removes what they made stale. Where that fails, it is queued, as always, and there is no
    /// error.
    ///
    /// ```
    /// use cache_runtime::{Cache, cache};
    ///
    /// #[cache("post:{id}", method = "PUT")]
    /// async fn update(id: u64) {}
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let cache = Cache::in_memory();
    /// let ((), stale) = cache.deferred(update(7)).await;
    /// // COMMIT
    /// stale.apply().await; // removes post:7
    /// # }
    /// ```
    ///
    /// # Cancel safety
    ///
    /// Dropped before its end, it goes on in a task of its own.
    pub async fn apply(self) {
        self.settle(LeftToDo::Invalidate).await;
    }

    /// The writes are rolled back, and nothing that ran in the scope has happened: what is cached stays as it is, and
    /// gets back the TTL that it had.
    ///
    /// ```
    /// # use cache_runtime::{Cache, cache};
    /// # #[cache("post:{id}", method = "PUT")]
    /// # async fn update(id: u64) {}
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// # let cache = Cache::in_memory();
    /// let ((), stale) = cache.deferred(update(7)).await;
    /// // ROLLBACK
    /// stale.rolled_back().await; // post:7 stays
    /// # }
    /// ```
    ///
    /// # Cancel safety
    ///
    /// Dropped before its end, it goes on in a task of its own.
    pub async fn rolled_back(self) {
        self.settle(LeftToDo::ReleaseFence).await;
    }

    /// What the response says, which the writes were made for; nothing where there is none.
    pub(crate) async fn settle_by_status(self, status: Option<u16>) {
        let outcome = status.map_or(WriteOutcome::InDoubt, |status| {
            WriteOutcome::of_status(status, ())
        });
        let what = match outcome {
            WriteOutcome::Succeeded(()) => LeftToDo::Invalidate,
            WriteOutcome::Refused => LeftToDo::ReleaseFence,
            WriteOutcome::InDoubt => LeftToDo::RenewFence,
        };
        self.settle(what).await;
    }

    async fn settle(mut self, what: LeftToDo) {
        self.is_settled = true;
        self.collector.end(what).run().await;
    }

    /// Renews the fences as long as it is polled.
    pub(crate) fn renewal(&self) -> impl Future<Output = Infallible> + Send + use<> {
        let collector = self.collector.clone();
        async move { collector.renew_fences().await }
    }

    /// Runs what is in the scope, and renews the fences meanwhile.
    pub(crate) async fn run<F: Future>(&self, scope: F) -> F::Output {
        let mut scope = pin!(scope);
        let mut renewal = pin!(self.renewal());
        poll_fn(|context| {
            let output = scope.as_mut().poll(context);
            if output.is_pending() {
                let _ = renewal.as_mut().poll(context);
            }
            output
        })
        .await
    }
}

impl Drop for Deferred {
    fn drop(&mut self) {
        if !self.is_settled {
            drop(self.collector.end(LeftToDo::InvalidateInDoubt));
        }
    }
}

impl fmt::Debug for Deferred {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deferred").finish_non_exhaustive()
    }
}
