//! The database handle and its counters.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sqlx::SqlitePool;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};

use crate::{Error, Stats, seed};

/// The blog's database. Clones share the connection and the counters.
#[derive(Debug, Clone)]
pub struct Db {
    pub(crate) pool: SqlitePool,
    counters: Arc<Counters>,
}

#[derive(Debug, Default)]
struct Counters {
    reads: AtomicU64,
    writes: AtomicU64,
}

impl Db {
    /// Opens a database by its URL: `sqlite::memory:`, or `sqlite://posts.db` for a file, which is created
    /// if it is missing. An empty database gets its schema and the seed data.
    ///
    /// # Errors
    ///
    /// If the URL has another form, or the file can't be opened or written.
    pub async fn open(url: &str) -> Result<Self, Error> {
        let options = url.parse::<SqliteConnectOptions>()?.create_if_missing(true);
        // One connection, for good: a database in memory ends with its connection, and another
        // connection would see another database. SQLite has one writer at a time anyway.
        let pool = SqlitePoolOptions::new()
            .max_connections(1)
            .idle_timeout(None)
            .max_lifetime(None)
            .test_before_acquire(false)
            .connect_with(options)
            .await?;
        seed::prepare(&pool).await?;
        Ok(Self {
            pool,
            counters: Arc::default(),
        })
    }

    /// What was counted so far, next to what the cache has counted.
    pub fn stats<C>(&self, cache: C) -> Stats<C> {
        Stats {
            database_reads: self.counters.reads.load(Ordering::Relaxed),
            database_writes: self.counters.writes.load(Ordering::Relaxed),
            cache,
        }
    }

    /// Counts one handler body that reads, however many queries it takes.
    pub(crate) fn count_read(&self) {
        self.counters.reads.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts one handler body that writes.
    pub(crate) fn count_write(&self) {
        self.counters.writes.fetch_add(1, Ordering::Relaxed);
    }
}
