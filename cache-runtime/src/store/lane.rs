//! One connection to Redis that all calls share.
//!
//! The pool makes connections and serves `Cache::connection`; a call does not check one out, which would
//! cost it a `PING` and a second round trip. It uses a clone of the multiplexed connection that was taken
//! from the pool once, and that is taken anew when it breaks.

use std::fmt;
use std::pin::{Pin, pin};
use std::sync::{PoisonError, RwLock};
use std::time::Instant;

use deadpool_redis::redis::aio::{ConnectionLike as _, MultiplexedConnection};
use deadpool_redis::redis::{
    Cmd, ErrorKind, FromRedisValue, Pipeline, RedisError, RedisResult, ServerErrorKind, Value, cmd,
    from_redis_value,
};
use deadpool_redis::{Connection, Pool};
use tokio::runtime::Handle;
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::scripts;
use crate::config::Limits;
use crate::error::CacheError;

pub(super) struct Lane {
    pool: Pool,
    limits: Limits,
    shared: RwLock<Shared>,
    connecting: Mutex<()>,
}

/// Its number tells whether someone else has replaced it meanwhile.
#[derive(Default)]
struct Shared {
    number: u64,
    connection: Option<MultiplexedConnection>,
    checked: Option<Instant>,
}

/// What is sent in one round trip.
pub(super) enum Request<'r> {
    One(&'r Cmd),
    Many(&'r Pipeline),
}

impl Lane {
    pub(super) fn new(pool: Pool, limits: Limits) -> Self {
        Self {
            pool,
            limits,
            shared: RwLock::default(),
            connecting: Mutex::new(()),
        }
    }

    /// The answer of one command.
    pub(super) async fn one<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, CacheError> {
        let (answer,) = self.send(Request::One(command), self.limits.retry).await?;
        Ok(answer)
    }

    /// The answers of several commands, sent together.
    pub(super) async fn many<T: FromRedisValue>(
        &self,
        commands: &Pipeline,
    ) -> Result<T, CacheError> {
        self.send(Request::Many(commands), self.limits.retry).await
    }

    /// The same, but never sent twice: the first copy may arrive after the second, long after.
    pub(super) async fn many_once<T: FromRedisValue>(
        &self,
        commands: &Pipeline,
    ) -> Result<T, CacheError> {
        self.send(Request::Many(commands), false).await
    }

    async fn send<T: FromRedisValue>(
        &self,
        request: Request<'_>,
        retry: bool,
    ) -> Result<T, CacheError> {
        let answers = self.bounded(pin!(self.attempt(&request, retry))).await?;
        Ok(from_redis_value(Value::Array(answers)).map_err(RedisError::from)?)
    }

    /// What goes wrong is put right in a box: the futures of the calls that go well stay small.
    async fn attempt(&self, request: &Request<'_>, retry: bool) -> Result<Vec<Value>, CacheError> {
        let (number, connection) = self.connection().await?;
        match request.send(connection).await {
            Ok(answers) => Ok(answers),
            Err(error) => Box::pin(self.repair(request, retry, number, error)).await,
        }
    }

    /// Teaches the server its scripts if it has forgotten them; or tries once more on a new connection if
    /// the old one broke, where the request may be sent twice.
    async fn repair(
        &self,
        request: &Request<'_>,
        retry: bool,
        number: u64,
        error: RedisError,
    ) -> Result<Vec<Value>, CacheError> {
        self.give_up(number, &error);
        if is_no_script(&error) {
            let (_, connection) = self.connection().await?;
            Request::Many(&scripts::load_all()).send(connection).await?;
        } else if !(retry && is_broken(&error)) {
            return Err(error.into());
        }
        let (number, connection) = self.connection().await?;
        let answers = request.send(connection).await;
        Ok(answers.inspect_err(|error| self.give_up(number, error))?)
    }

    /// A connection of the pool, for commands of the user's own.
    pub(super) async fn checkout(&self) -> Result<Connection, CacheError> {
        // In a box: it is large.
        let mut connection = Box::pin(async { self.pool.get().await.map_err(CacheError::Pool) });
        self.bounded(connection.as_mut()).await
    }

    async fn bounded<T>(
        &self,
        work: Pin<&mut impl Future<Output = Result<T, CacheError>>>,
    ) -> Result<T, CacheError> {
        // Tokio's timers and sockets panic without a runtime.
        if Handle::try_current().is_err() {
            return Err(CacheError::NoRuntime);
        }
        let patience = self.limits.socket_timeout;
        timeout(patience, work).await.unwrap_or_else(|_| {
            // It may be half open: nobody is there any more, and nobody said so.
            self.shared
                .write()
                .unwrap_or_else(PoisonError::into_inner)
                .connection = None;
            Err(CacheError::Timeout(patience))
        })
    }

    /// A clone of the shared connection, which is made or checked first where that is due.
    async fn connection(&self) -> Result<(u64, MultiplexedConnection), CacheError> {
        match self.ready() {
            Some(ready) => Ok(ready),
            None => Box::pin(self.connect()).await,
        }
    }

    async fn connect(&self) -> Result<(u64, MultiplexedConnection), CacheError> {
        let _one_at_a_time = self.connecting.lock().await;
        if let Some(ready) = self.ready() {
            return Ok(ready);
        }
        let (number, idle) = {
            let shared = self.shared.read().unwrap_or_else(PoisonError::into_inner);
            (shared.number, shared.connection.clone())
        };
        if let Some(mut idle) = idle {
            match cmd("PING").query_async::<()>(&mut idle).await {
                Ok(()) => self.replace(number, Some(idle.clone())),
                Err(error) => self.give_up(number, &error),
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
        let shared = self.shared.read().unwrap_or_else(PoisonError::into_inner);
        let fresh = shared
            .checked
            .is_some_and(|at| at.elapsed() < self.limits.health_check_interval);
        let connection = shared.connection.as_ref().filter(|_| fresh)?.clone();
        Some((shared.number, connection))
    }

    fn replace(&self, number: u64, connection: Option<MultiplexedConnection>) {
        let mut shared = self.shared.write().unwrap_or_else(PoisonError::into_inner);
        *shared = Shared {
            number,
            checked: connection.is_some().then(Instant::now),
            connection,
        };
    }

    /// After an error that the connection does not survive, the next call makes a new one.
    fn give_up(&self, number: u64, error: &RedisError) {
        let mut shared = self.shared.write().unwrap_or_else(PoisonError::into_inner);
        if shared.number == number && is_broken(error) {
            shared.connection = None;
        }
    }
}

impl Request<'_> {
    async fn send(&self, mut connection: MultiplexedConnection) -> RedisResult<Vec<Value>> {
        let answers = match self {
            Self::One(command) => vec![connection.req_packed_command(command).await?],
            Self::Many(commands) => {
                connection
                    .req_packed_commands(commands, 0, commands.len())
                    .await?
            }
        };
        answers.into_iter().map(Value::extract_error).collect()
    }
}

fn is_broken(error: &RedisError) -> bool {
    error.is_io_error() || error.is_connection_dropped() || error.is_unrecoverable_error()
}

fn is_no_script(error: &RedisError) -> bool {
    error.kind() == ErrorKind::Server(ServerErrorKind::NoScript)
}

impl fmt::Debug for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lane")
            .field("pool", &self.pool.status())
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}
