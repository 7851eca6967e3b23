//! What there is to cache, and where its readers and writers stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use cache_runtime::{Cache, HttpStatus, Stats};
use tokio::sync::Semaphore;

/// How often something ran.
#[derive(Clone, Debug, Default)]
pub struct Runs(Arc<AtomicU64>);

impl Runs {
    /// Counts one more, and says how many there were with it.
    pub fn count(&self) -> u64 {
        self.0.fetch_add(1, Ordering::SeqCst) + 1
    }

    /// How many there were.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
}

/// One row of a database: its version goes up with each write.
#[derive(Debug, Default)]
pub struct Row {
    version: AtomicU64,
    loads: Runs,
    floor: AtomicU64,
}

impl Row {
    /// Reads its version, and counts that.
    #[must_use]
    pub fn load(&self) -> u64 {
        self.loads.count();
        self.version()
    }

    /// Writes the next version, and says which that is.
    pub fn commit(&self) -> u64 {
        self.version.fetch_add(1, Ordering::SeqCst) + 1
    }

    /// Its version, as the test itself sees it.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version.load(Ordering::SeqCst)
    }

    /// How often it was loaded.
    #[must_use]
    pub fn loads(&self) -> u64 {
        self.loads.get()
    }

    /// The write of this version has returned to its caller: a read that starts now sees it, or a later one.
    pub fn has_returned(&self, version: u64) {
        self.floor.fetch_max(version, Ordering::SeqCst);
    }

    /// The least version that a read which starts now may see.
    #[must_use]
    pub fn floor(&self) -> u64 {
        self.floor.load(Ordering::SeqCst)
    }
}

/// Whoever comes here waits until it is let through.
#[derive(Clone, Debug)]
pub struct Gate(Arc<Semaphore>);

impl Default for Gate {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(0)))
    }
}

impl Gate {
    /// Lets so many through, those that wait and those that come.
    pub fn let_pass(&self, count: usize) {
        self.0.add_permits(count);
    }

    /// Waits to be let through.
    pub async fn pass(&self) {
        self.0.acquire().await.expect("never closed").forget();
    }
}

/// A cache, a database of one row, and the gates at which its readers and writers stop. A cheap clone.
#[derive(Clone, Debug)]
pub struct World {
    /// In front of the database.
    pub cache: Cache,
    /// The database.
    pub row: Arc<Row>,
    /// A reader has read, and waits to return.
    pub has_read: Gate,
    /// Lets a reader return.
    pub may_return: Gate,
    /// A writer is about to commit, and waits.
    pub has_begun: Gate,
    /// Lets a writer commit.
    pub may_commit: Gate,
    /// A writer has committed, and waits to return.
    pub has_committed: Gate,
    /// Lets a writer return.
    pub may_finish: Gate,
}

impl World {
    /// With all gates closed.
    #[must_use]
    pub fn new(cache: Cache) -> Self {
        Self {
            cache,
            row: Arc::default(),
            has_read: Gate::default(),
            may_return: Gate::default(),
            has_begun: Gate::default(),
            may_commit: Gate::default(),
            has_committed: Gate::default(),
            may_finish: Gate::default(),
        }
    }

    /// Nobody stops any more.
    pub fn open(&self) {
        for gate in [&self.may_return, &self.may_commit, &self.may_finish] {
            gate.let_pass(1_000_000);
        }
    }

    /// Those of the cache.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.cache.stats()
    }

    /// What a cached function does that reads.
    pub async fn load(&self) -> u64 {
        let version = self.row.load();
        self.has_read.let_pass(1);
        self.may_return.pass().await;
        version
    }

    /// What a function does that writes, or refuses to.
    ///
    /// # Errors
    ///
    /// If it is to refuse: then nothing is committed.
    pub async fn commit(&self, is_refused: bool) -> Result<(), Refused> {
        self.has_begun.let_pass(1);
        self.may_commit.pass().await;
        if is_refused {
            return Err(Refused);
        }
        self.row.commit();
        self.has_committed.let_pass(1);
        self.may_finish.pass().await;
        Ok(())
    }
}

/// The error of a write that has done nothing, and says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused;

impl HttpStatus for Refused {
    fn http_status(&self) -> u16 {
        409
    }
}
