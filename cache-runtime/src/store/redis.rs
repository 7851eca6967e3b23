//! Entries in Redis, over one connection that all calls share.
//!
//! The pool makes connections and serves `Cache::connection`; a call does not check one out, which would
//! cost it a `PING` and a second round trip. It uses a clone of the multiplexed connection that was taken
//! from the pool once, and that is taken anew when it breaks.

use std::fmt;
use std::sync::{PoisonError, RwLock};
use std::time::{Duration, Instant};

use bytes::Bytes;
use deadpool_redis::redis::aio::MultiplexedConnection;
use deadpool_redis::redis::{Cmd, FromRedisValue, RedisError, cmd, pipe};
use deadpool_redis::{Connection, Pool};
use tokio::runtime::Handle;
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::config::Limits;
use crate::error::CacheError;
use crate::key::Pattern;

pub(crate) struct RedisStore {
    pool: Pool,
    limits: Limits,
    lane: RwLock<Lane>,
    connecting: Mutex<()>,
}

/// The shared connection. Its number tells whether someone else has replaced it meanwhile.
#[derive(Default)]
struct Lane {
    number: u64,
    connection: Option<MultiplexedConnection>,
    checked: Option<Instant>,
}

impl RedisStore {
    pub(crate) fn new(pool: Pool, limits: Limits) -> Self {
        Self {
            pool,
            limits,
            lane: RwLock::default(),
            connecting: Mutex::new(()),
        }
    }

    pub(crate) async fn get(&self, key: &str) -> Result<Option<Bytes>, CacheError> {
        match self.run(cmd("GET").arg(key)).await {
            // A list or a hash under the key is nothing that we could serve.
            Err(CacheError::Redis(error)) if error.code() == Some("WRONGTYPE") => Ok(None),
            other => other,
        }
    }

    pub(crate) async fn set(
        &self,
        key: &str,
        value: &[u8],
        life: Duration,
    ) -> Result<(), CacheError> {
        let milliseconds = u64::try_from(life.as_millis()).unwrap_or(u64::MAX);
        self.run(cmd("SET").arg(key).arg(value).arg("PX").arg(milliseconds))
            .await
    }

    pub(crate) async fn delete(&self, keys: &[String]) -> Result<u64, CacheError> {
        if keys.is_empty() {
            return Ok(0);
        }
        self.run(cmd("UNLINK").arg(keys)).await
    }

    /// Removes each page of a scan in the round trip that fetches the next.
    pub(crate) async fn delete_matching(&self, pattern: &Pattern) -> Result<u64, CacheError> {
        let mut removed = 0;
        let (mut cursor, mut page) = self
            .scan(0, pattern, &[])
            .await
            .map(|(cursor, page, _)| (cursor, page))?;
        while cursor != 0 {
            let (next, keys, count) = self.scan(cursor, pattern, &page).await?;
            removed += count;
            (cursor, page) = (next, keys);
        }
        if !page.is_empty() {
            removed += self.run::<u64>(cmd("UNLINK").arg(&page)).await?;
        }
        Ok(removed)
    }

    /// Removes a page and fetches the next: its cursor, its keys, and how many were removed.
    async fn scan(
        &self,
        cursor: u64,
        pattern: &Pattern,
        page: &[Vec<u8>],
    ) -> Result<(u64, Vec<Vec<u8>>, u64), CacheError> {
        let mut scan = cmd("SCAN");
        scan.arg(cursor)
            .arg("MATCH")
            .arg(&pattern.scan)
            .arg("COUNT")
            .arg(1000);
        let (next, mut keys, removed): (u64, Vec<Vec<u8>>, u64) = if page.is_empty() {
            let (next, keys) = self.run(&scan).await?;
            (next, keys, 0)
        } else {
            let mut both = pipe();
            both.add_command(cmd("UNLINK").arg(page).to_owned())
                .add_command(scan);
            let (removed, (next, keys)) = self
                .bounded(async {
                    let (number, mut lane) = self.lane().await?;
                    let outcome = both.query_async(&mut lane).await;
                    outcome.map_err(|error| self.give_up(number, error))
                })
                .await?;
            (next, keys, removed)
        };
        keys.retain(|key| pattern.matches(key));
        Ok((next, keys, removed))
    }

    /// A connection of the pool, for commands of the user's own.
    pub(crate) async fn connection(&self) -> Result<Connection, CacheError> {
        self.bounded(async { self.pool.get().await.map_err(CacheError::Pool) })
            .await
    }

    /// Runs one command; once more on a new connection if the old one broke, for all that we send may be
    /// sent twice.
    async fn run<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, CacheError> {
        self.bounded(async {
            let (number, mut lane) = self.lane().await?;
            let error = match command.query_async(&mut lane).await {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            let again = self.limits.retry && is_broken(&error);
            let error = self.give_up(number, error);
            if !again {
                return Err(error);
            }
            let (number, mut lane) = self.lane().await?;
            command
                .query_async(&mut lane)
                .await
                .map_err(|error| self.give_up(number, error))
        })
        .await
    }

    async fn bounded<T>(
        &self,
        work: impl Future<Output = Result<T, CacheError>>,
    ) -> Result<T, CacheError> {
        // Tokio's timers and sockets panic without a runtime.
        if Handle::try_current().is_err() {
            return Err(CacheError::NoRuntime);
        }
        let patience = self.limits.socket_timeout;
        timeout(patience, work).await.unwrap_or_else(|_| {
            // It may be half open: nobody is there any more, and nobody said so.
            self.lane
                .write()
                .unwrap_or_else(PoisonError::into_inner)
                .connection = None;
            Err(CacheError::Timeout(patience))
        })
    }

    /// A clone of the shared connection, which is made or checked first where that is due.
    async fn lane(&self) -> Result<(u64, MultiplexedConnection), CacheError> {
        if let Some(ready) = self.ready() {
            return Ok(ready);
        }
        let _one_at_a_time = self.connecting.lock().await;
        if let Some(ready) = self.ready() {
            return Ok(ready);
        }
        let (number, idle) = {
            let lane = self.lane.read().unwrap_or_else(PoisonError::into_inner);
            (lane.number, lane.connection.clone())
        };
        if let Some(mut idle) = idle {
            match cmd("PING").query_async::<()>(&mut idle).await {
                Ok(()) => self.replace(number, Some(idle.clone())),
                Err(error) => drop(self.give_up(number, error)),
            }
        }
        if let Some(ready) = self.ready() {
            return Ok(ready);
        }
        let connection = Connection::take(self.pool.get().await.map_err(CacheError::Pool)?);
        self.replace(number + 1, Some(connection.clone()));
        Ok((number + 1, connection))
    }

    /// The shared connection, unless a health check is due.
    fn ready(&self) -> Option<(u64, MultiplexedConnection)> {
        let lane = self.lane.read().unwrap_or_else(PoisonError::into_inner);
        let fresh = lane
            .checked
            .is_some_and(|at| at.elapsed() < self.limits.health_check_interval);
        let connection = lane.connection.as_ref().filter(|_| fresh)?.clone();
        Some((lane.number, connection))
    }

    fn replace(&self, number: u64, connection: Option<MultiplexedConnection>) {
        let mut lane = self.lane.write().unwrap_or_else(PoisonError::into_inner);
        *lane = Lane {
            number,
            checked: connection.is_some().then(Instant::now),
            connection,
        };
    }

    /// After an error that the connection does not survive, the next call makes a new one.
    fn give_up(&self, number: u64, error: RedisError) -> CacheError {
        let mut lane = self.lane.write().unwrap_or_else(PoisonError::into_inner);
        if lane.number == number && is_broken(&error) {
            lane.connection = None;
        }
        CacheError::Redis(error)
    }
}

fn is_broken(error: &RedisError) -> bool {
    error.is_io_error() || error.is_connection_dropped() || error.is_unrecoverable_error()
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore")
            .field("pool", &self.pool.status())
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}
