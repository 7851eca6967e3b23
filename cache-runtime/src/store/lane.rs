//! One connection to Redis that all calls share.
//!
//! The pool makes connections and serves `Cache::connection`; a call does not check one out, which would
//! cost it a `PING` and a second round trip. It uses a clone of the multiplexed connection that was taken
//! from the pool once, and that is taken anew when it breaks.
//!
//! Each operation has a deadline, and a breaker in front of it.

use std::fmt;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock, Weak};
use std::time::{Duration, Instant};

use deadpool_redis::redis::aio::{ConnectionLike as _, MultiplexedConnection};
use deadpool_redis::redis::{
    Cmd, ErrorKind, Pipeline, RedisError, RedisResult, ServerErrorKind, Value, cmd,
};
use deadpool_redis::{Connection, Pool};
use tokio::runtime::Handle;
use tokio::sync::Mutex;
use tokio::time::{sleep, timeout};

use super::greeting::{self, Complaint};
use super::scripts;
use crate::config::Limits;
use crate::error::CacheError;
use crate::health::{Breaker, is_broken, is_out_of_order};
use crate::upkeep::{Backoff, Taken};

pub(crate) struct Lane {
    /// Its address, for the log.
    server: String,
    role: Role,
    pool: Pool,
    limits: Arc<Limits>,
    breaker: Breaker,
    shared: RwLock<Shared>,
    connecting: Mutex<()>,
    complaint: Complaint,
    /// The log knows that it is not asked.
    told: AtomicBool,
}

/// What a server is to this cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// The one that the settings name.
    Alone,
    /// The one that the sentinels name.
    Master,
    /// One of those that name it.
    Sentinel,
    /// One of a cluster: whoever asks it follows its redirects.
    Node,
}

/// A future of one type, whatever it does: what contains it is checked, and laid out, without it.
pub(super) type Boxed<'f, T> = Pin<Box<dyn Future<Output = T> + Send + 'f>>;

pub(super) fn boxed<'f, T>(future: impl Future<Output = T> + Send + 'f) -> Boxed<'f, T> {
    Box::pin(future)
}

/// Between two probes.
const BACKOFF: Backoff = Backoff::between(Duration::from_millis(10), Duration::from_secs(1));

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
    pub(crate) fn new(server: String, role: Role, pool: Pool, limits: Arc<Limits>) -> Arc<Self> {
        Arc::new(Self {
            server,
            role,
            pool,
            limits,
            breaker: Breaker::default(),
            shared: RwLock::default(),
            connecting: Mutex::new(()),
            complaint: Complaint::default(),
            told: AtomicBool::new(false),
        })
    }

    /// Whether Redis is asked. If it is not, a probe looks after it.
    pub(super) fn is_available(self: &Arc<Self>) -> bool {
        if self.breaker.is_open() {
            self.probe();
            return false;
        }
        true
    }

    /// The answer of one command, or the list of the answers of several. `again` says whether it may be sent
    /// twice: the first copy may arrive after the second, long after.
    pub(super) async fn ask(
        self: &Arc<Self>,
        request: Request<'_>,
        again: bool,
    ) -> Result<Value, CacheError> {
        self.may_ask()?;
        let again = again && self.limits.retry;
        let outcome = self.attempt(&request, again).await;
        self.take_note(outcome, true)
    }

    /// The same, where the log is told of a failure by whoever asks.
    pub(super) async fn ask_quietly(
        self: &Arc<Self>,
        patience: Duration,
        request: Request<'_>,
    ) -> Result<Value, CacheError> {
        self.may_ask()?;
        let work = boxed(self.attempt(&request, self.limits.retry));
        let outcome = self.bounded(patience, work).await;
        self.take_note(outcome, false)
    }

    /// The same, where a part of the time that there is has passed already.
    pub(super) async fn ask_within(
        self: &Arc<Self>,
        patience: Duration,
        request: Request<'_>,
        again: bool,
    ) -> Result<Value, CacheError> {
        self.may_ask()?;
        let again = again && self.limits.retry;
        let work = boxed(self.attempt(&request, again));
        let outcome = self.bounded(patience, work).await;
        self.take_note(outcome, true)
    }

    fn may_ask(self: &Arc<Self>) -> Result<(), CacheError> {
        if !self.is_available() {
            return Err(CacheError::Unavailable);
        }
        // Tokio's timers and sockets panic without a runtime.
        if Handle::try_current().is_err() {
            return Err(CacheError::NoRuntime);
        }
        Ok(())
    }

    fn take_note(
        self: &Arc<Self>,
        outcome: Result<Value, CacheError>,
        tells: bool,
    ) -> Result<Value, CacheError> {
        self.breaker.observe(&outcome);
        if let Err(error) = &outcome {
            if tells {
                self.tell(error);
            }
            self.probe();
        }
        outcome
    }

    /// Tells the log why it is not asked any more, if that is so. Of one sentinel nobody needs to know, and
    /// that a cluster is down is not said of each node.
    pub(super) fn tell(&self, error: &CacheError) {
        let is_secret = self.role == Role::Sentinel || !self.breaker.is_open();
        if is_secret || self.told.swap(true, Ordering::AcqRel) || is_cluster_down(error) {
            return;
        }
        let (server, source) = (&self.server, error.cause());
        if self.role == Role::Node {
            tracing::warn!(server, %error, source, "what lies on this node is not cached until it answers again");
        } else {
            tracing::warn!(server, %error, source, "the cache is bypassed until Redis answers again");
        }
    }

    /// Where it listens.
    pub(super) fn server(&self) -> &str {
        &self.server
    }

    pub(super) fn role(&self) -> Role {
        self.role
    }

    pub(super) fn probe_key(&self) -> &str {
        &self.limits.probe_key
    }

    pub(super) fn complaint(&self) -> &Complaint {
        &self.complaint
    }

    /// On the connection that there is, whose own timeout is the deadline. What goes wrong is put right in a
    /// box: the futures of the calls that go well stay small, and have one timer.
    async fn attempt(&self, request: &Request<'_>, retry: bool) -> Result<Value, CacheError> {
        let start = Instant::now();
        let Some((number, connection)) = self.ready(start) else {
            let work = boxed(self.connect_and_send(request, retry));
            return self.bounded(self.limits.deadline, work).await;
        };
        let error = match request.send(connection, self.role).await {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        if error.is_timeout() {
            // It may be half open: nobody is there any more, and nobody said so.
            self.abandon(number);
            return Err(CacheError::Timeout(self.limits.deadline));
        }
        let left = self.limits.deadline.saturating_sub(start.elapsed());
        let work = boxed(self.repair(request, retry, number, error));
        self.bounded(left, work).await
    }

    async fn connect_and_send(
        &self,
        request: &Request<'_>,
        retry: bool,
    ) -> Result<Value, CacheError> {
        let (number, connection) = self.connect().await?;
        match request.send(connection, self.role).await {
            Ok(answer) => Ok(answer),
            Err(error) => self.repair(request, retry, number, error).await,
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
    ) -> Result<Value, CacheError> {
        self.give_up(number, &error);
        if is_no_script(&error) {
            let (_, connection) = self.connection().await?;
            let all = scripts::load_all();
            Request::Many(&all).send(connection, self.role).await?;
        } else if !(retry && is_broken(&error)) {
            return Err(error.into());
        }
        let (number, connection) = self.connection().await?;
        let answer = request.send(connection, self.role).await;
        Ok(answer.inspect_err(|error| self.give_up(number, error))?)
    }

    /// A connection of the pool, for commands of the user's own.
    pub(crate) async fn checkout(&self) -> Result<Connection, CacheError> {
        let connection = boxed(async { self.pool.get().await.map_err(CacheError::Pool) });
        self.bounded(self.limits.socket_timeout, connection).await
    }

    /// In a box, since what takes a while is large.
    async fn bounded<T>(
        &self,
        patience: Duration,
        work: Boxed<'_, Result<T, CacheError>>,
    ) -> Result<T, CacheError> {
        if Handle::try_current().is_err() {
            return Err(CacheError::NoRuntime);
        }
        let number = self.number();
        timeout(patience, work).await.unwrap_or_else(|_| {
            self.abandon(number);
            Err(CacheError::Timeout(patience))
        })
    }

    /// Sees to it that a task looks after the server, if the breaker is open.
    fn probe(self: &Arc<Self>) {
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        if let Some(turn) = self.breaker.probing() {
            runtime.spawn(probe(Arc::downgrade(self), turn));
        }
    }

    /// Connects and writes. A full server counts as well: it can still be read, and invalidated.
    async fn check(&self) -> Result<(), CacheError> {
        let patience = (self.limits.deadline * 10).min(self.limits.connect_timeout);
        let (number, connection) = self.bounded(patience, boxed(self.connection())).await?;
        let mut write = cmd("SET");
        write.arg(&self.limits.probe_key).arg("").arg("PX").arg(1);
        let request = Request::One(&write);
        let answer = async { Ok(request.send(connection, self.role).await?) };
        match self.bounded(self.limits.deadline, boxed(answer)).await {
            Err(CacheError::Redis(error)) if is_broken(&error) || is_out_of_order(&error) => {
                self.give_up(number, &error);
                Err(error.into())
            }
            Ok(_) | Err(CacheError::Redis(_)) => Ok(()),
            Err(other) => Err(other),
        }
    }

    /// A clone of the shared connection, which is made or checked first where that is due.
    async fn connection(&self) -> Result<(u64, MultiplexedConnection), CacheError> {
        match self.ready(Instant::now()) {
            Some(ready) => Ok(ready),
            None => self.connect().await,
        }
    }

    async fn connect(&self) -> Result<(u64, MultiplexedConnection), CacheError> {
        let _one_at_a_time = self.connecting.lock().await;
        if let Some(ready) = self.ready(Instant::now()) {
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
        if let Some(ready) = self.ready(Instant::now()) {
            return Ok(ready);
        }
        let connection = self.pool.get().await;
        let connection = connection.map_err(|error| greeting::refused(self, error))?;
        let mut connection = Connection::take(connection);
        connection.set_response_timeout(self.limits.deadline);
        greeting::greet(self, &mut connection).await?;
        self.replace(number + 1, Some(connection.clone()));
        Ok((number + 1, connection))
    }

    /// The shared connection, unless a health check is due.
    fn ready(&self, now: Instant) -> Option<(u64, MultiplexedConnection)> {
        let shared = self.shared.read().unwrap_or_else(PoisonError::into_inner);
        let fresh = shared
            .checked
            .is_some_and(|at| now.duration_since(at) < self.limits.health_check_interval);
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

    /// Tells the connections apart that it has had.
    pub(super) fn number(&self) -> u64 {
        self.shared
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .number
    }

    /// After an error that the connection does not survive, the next call makes a new one.
    fn give_up(&self, number: u64, error: &RedisError) {
        if is_broken(error) {
            self.abandon(number);
        }
    }

    fn abandon(&self, number: u64) {
        let mut shared = self.shared.write().unwrap_or_else(PoisonError::into_inner);
        if shared.number == number {
            shared.connection = None;
        }
    }
}

/// Asks the server until it answers or nobody needs it any more.
async fn probe(lane: Weak<Lane>, _turn: Taken) {
    let mut backoff = BACKOFF;
    loop {
        sleep(backoff.pause()).await;
        let Some(lane) = lane.upgrade() else { return };
        if lane.check().await.is_ok() {
            if lane.breaker.close() && lane.told.swap(false, Ordering::AcqRel) {
                tracing::info!(
                    server = lane.server,
                    "Redis answers: the cache is used again"
                );
            }
            return;
        }
    }
}

impl Request<'_> {
    /// The answer of one command, or the list of several answers. Of a node of a cluster, what it says of the
    /// place of keys is an answer.
    async fn send(&self, mut connection: MultiplexedConnection, role: Role) -> RedisResult<Value> {
        let check = |answer: Value| match answer {
            placed if role.is_redirected() && (is_redirect(&placed) || is_split(&placed)) => {
                Ok(placed)
            }
            answer => answer.extract_error(),
        };
        match self {
            Self::One(command) => check(connection.req_packed_command(command).await?),
            Self::Many(commands) => {
                let all = commands.len();
                let answers = connection.req_packed_commands(commands, 0, all).await?;
                let answers = answers.into_iter().map(check);
                answers.collect::<RedisResult<_>>().map(Value::Array)
            }
        }
    }
}

impl Role {
    fn is_redirected(self) -> bool {
        self == Self::Node
    }
}

/// Whether it says that the key of a command is elsewhere.
pub(super) fn is_redirect(answer: &Value) -> bool {
    use ServerErrorKind::{Ask, Moved};
    matches!(answer, Value::ServerError(error) if matches!(error.kind(), Some(Moved | Ask)))
}

/// Whether it says that some keys of a command have left for another server and others have not.
pub(super) fn is_split(answer: &Value) -> bool {
    use ServerErrorKind::TryAgain;
    matches!(answer, Value::ServerError(error) if error.kind() == Some(TryAgain))
}

/// No node of a cluster serves anything.
pub(super) fn is_cluster_down(error: &CacheError) -> bool {
    matches!(error, CacheError::Redis(error) if error.code() == Some("CLUSTERDOWN") && is_out_of_order(error))
}

fn is_no_script(error: &RedisError) -> bool {
    error.kind() == ErrorKind::Server(ServerErrorKind::NoScript)
}

impl fmt::Debug for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lane")
            .field("server", &self.server)
            .field("pool", &self.pool.status())
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}
