//! Copies of entries in the memory of a process, which are never served once a write that made them wrong has returned.

mod coherence;
mod copies;
mod many;
mod refused;
mod servers;
mod writes;

use std::sync::Arc;
use std::time::Duration;

use cache_runtime::{Cache, cache};
use cache_testkit::{Row, SECOND, eventually};

/// For so long a copy may be served after it has become wrong.
const BOUND: Duration = Duration::from_millis(50);

/// A database of one row, and a cache in front of it.
#[derive(Clone)]
struct Process {
    cache: Cache,
    row: Arc<Row>,
}

#[cache("row", near = "50ms", cache = process.cache, skip(process))]
async fn read(process: &Process) -> u64 {
    process.row.load()
}

#[cache("row", method = "PUT", cache = process.cache)]
async fn write(process: &Process) -> u64 {
    process.row.commit()
}

#[cache("tagged", near = BOUND, tags = ["rows"], cache = process.cache, skip(process))]
async fn tagged(process: &Process) -> u64 {
    process.row.load()
}

#[cache(tags_to_invalidate = ["rows"], cache = process.cache)]
async fn write_by_tag(process: &Process) -> u64 {
    process.row.commit()
}

impl Process {
    fn new(cache: Cache) -> Self {
        let row = Arc::default();
        Self { cache, row }
    }

    /// The same database, seen from another process.
    fn other(&self, cache: Cache) -> Self {
        let row = self.row.clone();
        Self { cache, row }
    }

    fn near_hits(&self) -> u64 {
        self.cache.stats().near.hits
    }

    /// Reads until a read is served from memory.
    async fn has_copy<T>(&self, read: impl AsyncFn(&Self) -> T) {
        let before = self.near_hits();
        eventually("a read is served from memory", async || {
            read(self).await;
            self.near_hits() > before
        })
        .await;
    }

    /// Reads until the connection that tells of changes is there and all have been told, and leaves no copy.
    async fn is_ready(&self) {
        self.has_copy(ready).await;
        self.cache.delete(["ready"]).await.expect("deleted");
    }
}

#[cache("ready", near = BOUND, expiration = 10 * SECOND, cache = process.cache, skip(process))]
async fn ready(process: &Process) -> u64 {
    0
}
