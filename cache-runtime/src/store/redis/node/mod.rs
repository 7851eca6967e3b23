//! One server, and the connection to it that all calls share.
//!
//! The pool makes connections and serves `Cache::connection`; a call does not check one out, which would
//! cost it a `PING` and a second round trip. Each operation has a deadline, and a breaker in front of it.

mod apart;
mod asked;
pub(in crate::store::redis) mod breaker;
mod capabilities;
mod clear;
mod commands;
mod connect;
mod connection;
mod handshake;
pub(in crate::store::redis) mod info;
mod open;
mod options;
mod probe;
mod role;
mod sent;
#[cfg(test)]
mod tests;
mod tracked;
mod tracking;
mod trust;
mod watched;
mod wire;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::time::{Duration, Instant};

use deadpool_redis::redis::{Client, RedisError, Value};
use deadpool_redis::{Connection, Pool};
use futures_util::future::{BoxFuture, FutureExt as _};
use parking_lot::Mutex;

use self::breaker::Breaker;
use self::connection::SharedConnection;
use self::handshake::RunId;
use self::tracking::Tracking;
use self::trust::Trust;
use super::credentials::CredentialsSource;
use super::failure::Failure;
use super::reply_error::{ReplyError, is_broken};
use super::scripts;
use crate::log;
use crate::meter::{BREAKER, Meter};
use crate::util::clock::{is_stopped_behind, within};
use crate::util::incident::Incident;
use crate::util::runtime::with_timers;
use crate::util::turn::Turn;

pub(in crate::store::redis) use self::apart::LARGE;
pub(in crate::store::redis) use self::commands::{Commands, Resend};
pub(in crate::store::redis) use self::connection::Generation;
pub(crate) use self::options::ConnectionOptions;
pub(crate) use self::role::{Access, Role, Server};
pub(in crate::store::redis) use self::sent::Origin;
pub(crate) use self::sent::{Sent, Unsettled};
#[cfg(test)]
pub(in crate::store::redis) use self::tracked::tests::replying;
pub(in crate::store::redis) use self::tracked::{Confirmation, Tracked};
pub(in crate::store::redis) use self::watched::{Unchanged, watch_bytes};

pub(crate) struct Node {
    server: Server,
    pool: Pool,
    /// Nothing where only the pool is known.
    client: Option<Client>,
    /// Who connects, where the client does not know.
    credentials: Option<CredentialsSource>,
    options: Arc<ConnectionOptions>,
    breaker: Breaker,
    shared: SharedConnection,
    connecting: tokio::sync::Mutex<()>,
    /// For large values.
    apart: SharedConnection,
    connecting_apart: tokio::sync::Mutex<()>,
    /// How often all of them were given up.
    given_up: AtomicU64,
    /// Over which it tells what changes.
    tracking: Tracking,
    /// The run of the server in which a handshake has asked what it can do.
    known_run: Mutex<Option<RunId>>,
    /// By which the nodes of its cluster know it.
    expected_id: Mutex<Option<String>>,
    /// At the last handshake it had another id.
    is_another: AtomicBool,
    /// Whether what it holds is served.
    trust: Trust,
    /// Held by the task that clears it.
    clearing: Turn,
    /// At the last handshake it was a replica or had no slots, or it has lost them since.
    had_no_slots: AtomicBool,
    missing: Incident,
    unavailable: Incident,
    /// Whether the breaker is open.
    meter: Meter,
}

impl Node {
    pub(crate) fn new(
        server: Server,
        access: impl Into<Access>,
        options: Arc<ConnectionOptions>,
    ) -> Arc<Self> {
        let Access {
            pool,
            client,
            credentials,
        } = access.into();
        let meter = match server.role {
            // Of one sentinel nobody needs to know.
            Role::Sentinel => Meter::none(),
            _ => Meter::of_server(&BREAKER, &server.name),
        };
        Arc::new(Self {
            meter,
            server,
            pool,
            client,
            credentials,
            options,
            breaker: Breaker::default(),
            shared: SharedConnection::default(),
            connecting: tokio::sync::Mutex::default(),
            apart: SharedConnection::default(),
            connecting_apart: tokio::sync::Mutex::default(),
            given_up: AtomicU64::default(),
            tracking: Tracking::default(),
            known_run: Mutex::default(),
            expected_id: Mutex::default(),
            is_another: AtomicBool::default(),
            trust: Trust::default(),
            clearing: Turn::default(),
            had_no_slots: AtomicBool::default(),
            missing: Incident::default(),
            unavailable: Incident::default(),
        })
    }

    /// Whether the server is asked. If it is not, a probe looks after it.
    pub(super) fn is_available(self: &Arc<Self>) -> bool {
        if self.breaker.is_open() {
            self.probe();
            return false;
        }
        true
    }

    /// The reply to one command, or the list of the replies to several.
    pub(super) async fn ask(
        self: &Arc<Self>,
        commands: Commands<'_>,
        resend: Resend,
    ) -> Result<Value, Failure> {
        self.may_ask()?;
        let start = Instant::now();
        let outcome = if is_stopped_behind(start) {
            let work = self.attempt(start, commands, resend).boxed();
            self.bounded(self.options.deadline, work).await
        } else {
            self.attempt(start, commands, resend).await
        };
        self.observe(outcome)
            .inspect_err(|failure| self.report(failure))
    }

    /// The same, where a part of the time that there is has passed already.
    pub(super) async fn ask_within(
        self: &Arc<Self>,
        time: Duration,
        commands: Commands<'_>,
        resend: Resend,
    ) -> Result<Value, Failure> {
        self.ask_quietly(time, commands, resend)
            .await
            .inspect_err(|failure| self.report(failure))
    }

    /// The same, where the log is told of a failure by whoever asks.
    pub(super) async fn ask_quietly(
        self: &Arc<Self>,
        time: Duration,
        commands: Commands<'_>,
        resend: Resend,
    ) -> Result<Value, Failure> {
        self.may_ask()?;
        if time.is_zero() {
            // Others have taken all of it.
            return Err(Failure::Timeout(self.options.deadline));
        }
        let work = self.attempt(Instant::now(), commands, resend).boxed();
        let outcome = self.bounded(time, work).await;
        self.observe(outcome)
    }

    fn may_ask(self: &Arc<Self>) -> Result<(), Failure> {
        if !self.is_available() {
            return Err(Failure::Unavailable);
        }
        // Tokio's timers and sockets panic without a runtime.
        if with_timers().is_none() {
            return Err(Failure::NoRuntime);
        }
        Ok(())
    }

    fn observe(self: &Arc<Self>, outcome: Result<Value, Failure>) -> Result<Value, Failure> {
        if self.breaker.observe(&outcome) {
            self.measure();
        }
        if outcome.is_err() {
            self.probe();
        }
        outcome
    }

    /// Tells a recorder whether the server is asked.
    fn measure(&self) {
        self.meter.set(u64::from(self.breaker.is_open()));
    }

    /// Tells the log why the server is not asked any more, if that is so. Of one sentinel nobody needs to know, and
    /// that a cluster is down is not said of each node.
    pub(super) fn report(&self, failure: &Failure) {
        let is_silent = self.server.role == Role::Sentinel
            || !self.breaker.is_open()
            || failure.reply() == Some(ReplyError::ClusterDown);
        if is_silent || !self.unavailable.is_news("") {
            return;
        }
        match self.server.role {
            Role::ClusterNode => log::node_unavailable(&self.server.name, failure),
            _ => log::server_unavailable(&self.server.name, failure),
        }
    }

    /// The most that an operation takes.
    pub(super) fn deadline(&self) -> Duration {
        self.options.deadline
    }

    /// Where it listens.
    pub(super) fn name(&self) -> &str {
        &self.server.name
    }

    /// Tells the connections apart that it has had.
    pub(super) fn generation(&self) -> Generation {
        self.shared.generation()
    }

    /// On the connection that there is, whose own timeout is the deadline. What goes wrong is put right in a
    /// box: the futures of the calls that go well stay small, and have one timer.
    async fn attempt(
        &self,
        start: Instant,
        commands: Commands<'_>,
        resend: Resend,
    ) -> Result<Value, Failure> {
        let Some((generation, connection)) = self.ready(start) else {
            let work = self.connect_and_send(commands, resend).boxed();
            return self.bounded(self.options.deadline, work).await;
        };
        match commands.send(connection, self.server.role).await {
            Ok(reply) => Ok(reply),
            Err(error) => {
                self.put_right(start, generation, error, commands, resend)
                    .await
            }
        }
    }

    /// In what is left of the time, after this became of a connection, or of what was sent over it.
    async fn put_right(
        &self,
        start: Instant,
        generation: Generation,
        error: RedisError,
        commands: Commands<'_>,
        resend: Resend,
    ) -> Result<Value, Failure> {
        if error.is_timeout() {
            // It may be half open: nobody is there any more, and nobody said so.
            self.shared.abandon(generation);
            return Err(Failure::Timeout(self.options.deadline));
        }
        let remaining = self.options.deadline.saturating_sub(start.elapsed());
        let work = self.repair(commands, resend, generation, error).boxed();
        self.bounded(remaining, work).await
    }

    async fn connect_and_send(
        &self,
        commands: Commands<'_>,
        resend: Resend,
    ) -> Result<Value, Failure> {
        let (generation, connection) = self.connect().await?;
        match commands.send(connection, self.server.role).await {
            Ok(reply) => Ok(reply),
            Err(error) => self.repair(commands, resend, generation, error).await,
        }
    }

    /// Teaches the server its scripts if it has forgotten them; or tries once more on a new connection if
    /// the old one broke, where the commands may be sent twice.
    async fn repair(
        &self,
        commands: Commands<'_>,
        resend: Resend,
        generation: Generation,
        error: RedisError,
    ) -> Result<Value, Failure> {
        self.abandon_if_broken(generation, &error);
        let may_resend = resend == Resend::IfBroken && self.options.retry_on_disconnect;
        if ReplyError::of(&error) == Some(ReplyError::NoScript) {
            let (_, connection) = self.connection().await?;
            let all = scripts::load_all();
            let all = Commands::Many(&all);
            all.send(connection, self.server.role).await?;
        } else if !(may_resend && is_broken(&error)) {
            return Err(error.into());
        }
        let (generation, connection) = self.connection().await?;
        let reply = commands.send(connection, self.server.role).await;
        Ok(reply.inspect_err(|error| self.abandon_if_broken(generation, error))?)
    }

    /// A connection of the pool. The shared one has nothing to do with it.
    pub(super) async fn checkout(&self) -> Result<Connection, Failure> {
        if with_timers().is_none() {
            return Err(Failure::NoRuntime);
        }
        let time = self.options.response_timeout;
        match within(time, self.pool.get().boxed()).await {
            Ok(connection) => connection.map_err(Failure::Connect),
            Err(_) => Err(Failure::Timeout(time)),
        }
    }

    /// In a box, since what takes a while is large.
    fn bounded<'n, T: Send + 'n>(
        &'n self,
        time: Duration,
        work: BoxFuture<'n, Result<T, Failure>>,
    ) -> BoxFuture<'n, Result<T, Failure>> {
        let bounded = async move {
            if with_timers().is_none() {
                return Err(Failure::NoRuntime);
            }
            let generation = self.shared.generation();
            within(time, work).await.unwrap_or_else(|_| {
                self.shared.abandon(generation);
                Err(Failure::Timeout(time))
            })
        };
        bounded.boxed()
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node")
            .field("server", &self.server)
            .field("pool", &self.pool.status())
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}
