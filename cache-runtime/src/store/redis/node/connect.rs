//! Having a connection: the shared one, checked where that is due, or a new one behind its handshake.

use std::time::Instant;

use deadpool_redis::Connection;
use deadpool_redis::redis::aio::MultiplexedConnection;
use deadpool_redis::redis::{RedisError, cmd};
use tokio::time::timeout;

use super::Node;
use super::connection::Generation;
use super::handshake::{self, Handshake};
use crate::log;
use crate::store::redis::failure::Failure;
use crate::store::redis::reply_error::is_broken;

impl Node {
    /// A clone of the shared connection, which is made or checked first where that is due.
    pub(super) async fn connection(&self) -> Result<(Generation, MultiplexedConnection), Failure> {
        match self.ready(Instant::now()) {
            Some(ready) => Ok(ready),
            None => self.connect().await,
        }
    }

    pub(super) async fn connect(&self) -> Result<(Generation, MultiplexedConnection), Failure> {
        // Whoever is at it may be on a runtime that stands still.
        let _one_at_a_time = timeout(self.options.deadline, self.connecting.lock()).await;
        if let Some(ready) = self.ready(Instant::now()) {
            return Ok(ready);
        }
        if let (generation, Some(mut idle)) = self.shared.current() {
            match cmd("PING").query_async::<()>(&mut idle).await {
                Ok(()) => self.shared.set_checked(generation),
                Err(error) => self.abandon_if_broken(generation, &error),
            }
        }
        if let Some(ready) = self.ready(Instant::now()) {
            return Ok(ready);
        }
        let connection = self.pool.get().await;
        let connection =
            connection.map_err(|error| handshake::connect_failure(&self.server, error))?;
        let mut connection = Connection::take(connection);
        connection.set_response_timeout(self.options.deadline);
        self.handshake(&mut connection).await?;
        let generation = self.shared.replace(connection.clone());
        Ok((generation, connection))
    }

    async fn handshake(&self, connection: &mut MultiplexedConnection) -> Result<(), Failure> {
        let known = self.known_run.lock().clone();
        let handshake = Handshake {
            server: &self.server,
            probe_key: &self.options.probe_key,
        };
        let Some(news) = handshake.perform(connection, known).await? else {
            return Ok(());
        };
        *self.known_run.lock() = news.run_id;
        if !news.missing.is_empty() {
            if self.missing.is_news(&news.missing) {
                log::capabilities_missing(&self.server.name, &news.missing);
            }
        } else if self.missing.end().is_some() {
            log::capabilities_complete(&self.server.name);
        }
        Ok(())
    }

    /// The shared connection, unless a health check is due.
    pub(super) fn ready(&self, now: Instant) -> Option<(Generation, MultiplexedConnection)> {
        let interval = self.options.health_check_interval;
        self.shared.checked_within(interval, now)
    }

    pub(super) fn abandon_if_broken(&self, generation: Generation, error: &RedisError) {
        if is_broken(error) {
            self.shared.abandon(generation);
        }
    }
}
