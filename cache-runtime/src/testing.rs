//! For the tests of applications: a cache of which a test sees every operation, and says which of them fail or hang. Takes
//! the feature `testing`, which belongs into `[dev-dependencies]`.
//!
//! ```
//! use cache_runtime::cache;
//! use cache_runtime::testing::{self, Operation, Outcome};
//!
//! #[cache("square:{n}")]
//! async fn square(n: u64) -> u64 {
//!     n * n
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let (cache, store) = testing::cache();
//! store.fail(Operation::Fill);
//! assert_eq!(cache.scope(square(3)).await, 9); // a value is returned, whatever the cache does
//! let events = store.take_events();
//! let last = events.last().expect("it was to be stored");
//! assert_eq!((last.operation, last.outcome), (Operation::Lease, Outcome::Done)); // given back
//! let fill = &events[events.len() - 2];
//! assert_eq!((fill.operation, fill.outcome), (Operation::Fill, Outcome::Failed));
//! assert_eq!(fill.names, ["square:3"]);
//!
//! store.restore();
//! cache.scope(square(3)).await;
//! assert_eq!(cache.stats().fills, 1);
//! # }
//! ```

use std::sync::Arc;

use crate::cache::Cache;
use crate::config::CacheBuilder;
use crate::store::script::{Fault, Script};

pub use crate::store::Operation;
pub use crate::store::script::{Event, Outcome};

/// The store of a cache under test: a cheap clone. [`cache`] makes it, and has an example.
#[derive(Clone, Debug)]
pub struct TestStore(Arc<Script>);

/// An in-process cache without jitter, and the way to watch and to disturb its store.
///
/// ```
/// use cache_runtime::testing::{self, Operation};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let (cache, store) = testing::cache();
/// cache.get::<u64>("a").await.expect("nothing is there, and nothing fails");
/// assert_eq!(store.take_events()[0].operation, Operation::Get);
/// # }
/// ```
#[must_use]
pub fn cache() -> (Cache, TestStore) {
    let (cache, script) = CacheBuilder::build_scripted();
    (cache, TestStore(script))
}

impl TestStore {
    /// From now on operations of this kind fail at once, as if the connection had broken. A removal that fails is queued
    /// and tried again, and until it succeeds, what it names is not served.
    ///
    /// ```
    /// # use cache_runtime::testing::{self, Operation};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let (cache, store) = testing::cache();
    /// store.fail(Operation::Remove);
    /// cache.delete(["a"]).await.unwrap_err();
    /// assert_eq!(cache.stats().pending_invalidations, 1);
    /// # }
    /// ```
    pub fn fail(&self, operation: Operation) {
        self.0.set(operation, Fault::Fail);
    }

    /// From now on operations of this kind get no reply, and fail when the deadline has passed: 0.1 seconds by Tokio's
    /// clock, so that a test which pauses that has nothing to wait for.
    ///
    /// ```
    /// use cache_runtime::ErrorKind;
    /// # use cache_runtime::testing::{self, Operation};
    ///
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// let (cache, store) = testing::cache();
    /// store.hang(Operation::Get);
    /// let error = cache.get::<u64>("a").await.unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::Timeout);
    /// # }
    /// ```
    pub fn hang(&self, operation: Operation) {
        self.0.set(operation, Fault::Hang);
    }

    /// From now on all operations work.
    ///
    /// ```
    /// # use cache_runtime::testing::{self, Operation};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let (cache, store) = testing::cache();
    /// store.fail(Operation::Get);
    /// cache.get::<u64>("a").await.unwrap_err();
    /// store.restore();
    /// cache.get::<u64>("a").await.expect("it works");
    /// # }
    /// ```
    pub fn restore(&self) {
        self.0.restore();
    }

    /// What the cache has asked of its store since this was last called, in the order in which it was asked: the last
    /// 10000 operations.
    ///
    /// ```
    /// # use cache_runtime::testing::{self, Operation};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let (cache, store) = testing::cache();
    /// cache.get::<u64>("a").await.expect("nothing fails");
    /// assert_eq!(store.take_events()[0].names, ["a"]);
    /// assert_eq!(store.take_events().len(), 0);
    /// # }
    /// ```
    #[must_use = "the events are gone then"]
    pub fn take_events(&self) -> Vec<Event> {
        self.0.take_events()
    }
}
