//! Having a connection: the shared one, checked where that is due, or a new one behind its handshake.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use deadpool_redis::redis::{RedisError, Value, cmd};
use tokio::time::timeout;

use super::Node;
use super::clear::{Place, cluster_nodes, own_line};
use super::connection::{Generation, SharedConnection};
use super::handshake::{Handshake, News};
use super::open::Shared;
use super::trust::Origin;
use crate::log;
use crate::store::redis::failure::Failure;
use crate::store::redis::reply_error::is_broken;
use crate::util::clock::for_timer;

impl Node {
    /// A clone of the shared connection, which is made or checked first where that is due.
    pub(super) async fn connection(&self) -> Result<(Generation, Shared), Failure> {
        match self.ready(Instant::now()) {
            Some(ready) => Ok(ready),
            None => self.connect().await,
        }
    }

    pub(super) async fn connect(&self) -> Result<(Generation, Shared), Failure> {
        // It may be the first time, or a new recorder.
        self.measure();
        // Whoever is at it may be on a runtime that stands still.
        let _one_at_a_time = timeout(self.options.deadline, self.connecting.lock()).await;
        if let Some(ready) = self.ready(Instant::now()) {
            return Ok(ready);
        }
        if let (generation, Some(mut idle)) = self.shared.current() {
            match idle.one(&cmd("PING")).await.and_then(Value::extract_error) {
                Ok(_) => self.shared.set_checked(generation),
                Err(error) => self.abandon_if_broken(generation, &error),
            }
        }
        if let Some(ready) = self.ready(Instant::now()) {
            return Ok(ready);
        }
        self.make_anew(&self.shared, self.options.deadline).await
    }

    /// A new connection in the place of this one, whose replies may take so long.
    pub(super) async fn make_anew(
        &self,
        shared: &SharedConnection,
        time: Duration,
    ) -> Result<(Generation, Shared), Failure> {
        loop {
            let given_up = self.given_up();
            let mut connection = self.open().await?;
            connection.set_response_timeout(for_timer(time));
            self.handshake(&mut connection).await?;
            let is_to_be_had = || self.given_up() == given_up;
            if let Some(generation) = shared.replace(connection.clone(), is_to_be_had) {
                return Ok((generation, connection));
            }
        }
    }

    pub(super) async fn handshake(&self, connection: &mut Shared) -> Result<(), Failure> {
        let known = self.known_run.lock().clone();
        let handshake = Handshake {
            server: &self.server,
            options: &self.options,
        };
        let Some(news) = handshake.perform(connection, known).await? else {
            return Ok(());
        };
        self.check_id(connection).await?;
        let is_settled = self.look_at_data(connection, &news).await?;
        *self.known_run.lock() = news.run_id.filter(|_| is_settled);
        if !news.missing.is_empty() {
            if self.missing.is_news(&news.missing) {
                log::capabilities_missing(&self.server.name, &news.missing);
            }
        } else if self.missing.end().is_some() {
            log::capabilities_complete(&self.server.name);
        }
        Ok(())
    }

    /// Another node of a cluster than the one that was here may belong to another cluster.
    async fn check_id(&self, connection: &mut Shared) -> Result<(), Failure> {
        let Some(expected) = self.expected_id.lock().clone() else {
            return Ok(());
        };
        let nodes = cluster_nodes(connection).await?.unwrap_or_default();
        let is_another = own_line(&nodes).next().is_some_and(|id| id != expected);
        self.is_another.store(is_another, Ordering::Relaxed);
        if is_another {
            let reason = format!(
                "{} is another node than before, which the nodes of this cluster do not name",
                self.server.name
            );
            return Err(Failure::config("REDIS_CACHE_CLUSTER_NODES", reason));
        }
        Ok(())
    }

    /// The id that the nodes of its cluster know it by.
    pub(in crate::store::redis) fn expect_id(&self, id: Option<String>) {
        *self.expected_id.lock() = id;
    }

    /// Whether it was another at the last handshake.
    pub(in crate::store::redis) fn is_another(&self) -> bool {
        self.is_another.load(Ordering::Relaxed)
    }

    /// Finds out whether what the server holds can be served, before anybody has a connection to it. Says whether that
    /// holds for the whole run.
    async fn look_at_data(&self, connection: &mut Shared, news: &News) -> Result<bool, Failure> {
        self.had_no_slots.store(news.is_replica, Ordering::Relaxed);
        if news.is_replica {
            return Ok(false);
        }
        let (Some(run), true) = (&news.run_id, self.options.clear_after_restart) else {
            self.serve();
            return Ok(true);
        };
        let keyspace = &self.options.keyspace;
        let uptime = match news.origin {
            Origin::ThisRun => {
                self.serve();
                return Ok(true);
            }
            Origin::Nothing => {
                let place = Place::at(self.server.role, connection).await?;
                place.vouch(keyspace, run, connection).await?;
                self.serve();
                return Ok(true);
            }
            Origin::Unknown(uptime) => uptime,
        };
        let place = Place::at(self.server.role, connection).await?;
        if matches!(place, Place::Nowhere) {
            self.had_no_slots.store(true, Ordering::Relaxed);
            return Ok(false);
        }
        if place.is_trusted(keyspace, run, connection).await? {
            self.serve();
        } else if keyspace.everything().is_some() {
            if self.trust.withhold_until_cleared(run.clone()) {
                log::clearing(&self.server.name);
            }
        } else {
            self.trust.withhold_until_expired(uptime);
        }
        Ok(true)
    }

    /// It has slots now: if it had none, what it holds is looked at again.
    pub(in crate::store::redis) fn is_promoted(&self) {
        if self.had_no_slots.swap(false, Ordering::Relaxed) {
            self.abandon_connections();
        }
    }

    /// What the server holds is looked at before anything is asked over any of them.
    pub(super) fn abandon_connections(&self) {
        self.given_up.fetch_add(1, Ordering::AcqRel);
        for connection in [&self.shared, &self.apart] {
            connection.abandon(connection.generation());
        }
        self.tracking.abandon();
    }

    /// How often all of its connections were given up: one that was begun before is not to be had.
    pub(super) fn given_up(&self) -> u64 {
        self.given_up.load(Ordering::Acquire)
    }

    /// Its slots are others' now: if it gets some again, what it holds is looked at again.
    pub(in crate::store::redis) fn is_demoted(&self) {
        self.had_no_slots.store(true, Ordering::Relaxed);
    }

    /// The shared connection, unless a health check is due.
    pub(super) fn ready(&self, now: Instant) -> Option<(Generation, Shared)> {
        let interval = self.options.health_check_interval;
        self.shared.checked_within(interval, now)
    }

    pub(super) fn abandon_if_broken(&self, generation: Generation, error: &RedisError) {
        if is_broken(error) {
            self.shared.abandon(generation);
        }
    }
}
