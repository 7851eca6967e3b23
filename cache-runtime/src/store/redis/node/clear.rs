//! Clearing the namespace at a server whose data may be out of date. One process does it; the others bypass the server
//! until it is done, and take over if that process dies.

use std::sync::{Arc, Weak};
use std::time::Duration;

use deadpool_redis::Connection;
use deadpool_redis::redis::{Value, cmd, from_redis_value, pipe};
use futures_util::future::FutureExt as _;
use tokio::time::sleep;

use super::Node;
use super::handshake::{self, RunId};
use super::open::Shared;
use super::role::Role;
use super::trust::Check;
use crate::key::Pattern;
use crate::log;
use crate::nonce::new_nonce;
use crate::store::hash_slot::Slot;
use crate::store::keyspace::Keyspace;
use crate::store::redis::failure::Failure;
use crate::store::redis::{PAGE, milliseconds};
use crate::util::clock::within;
use crate::util::runtime::with_timers;
use crate::util::turn::Taken;

/// How long a process that clears a server keeps the others from it, unless it goes on.
const TURN_TTL: Duration = Duration::from_secs(5);

/// Between two looks at a server that is being cleared, and between two attempts.
const PAUSE: Duration = Duration::from_millis(250);

/// Where a server keeps what its processes tell each other of its data.
#[derive(Clone, Copy)]
pub(super) enum Place {
    /// Every key may lie there.
    Anywhere,
    /// A node of a cluster, by one of its slots.
    Slot(Slot),
    /// A node without slots, or a replica.
    Nowhere,
}

impl Place {
    /// Of a node of a cluster, its own line in `CLUSTER NODES` says which slots it has.
    pub(super) async fn at(role: Role, connection: &mut Shared) -> Result<Self, Failure> {
        if role != Role::ClusterNode {
            return Ok(Self::Anywhere);
        }
        let Some(nodes) = cluster_nodes(connection).await? else {
            // It does not say. If the slot is not its own, nobody takes turns with others, and nobody hears of it.
            return Ok(Self::Slot(0));
        };
        let slots = own_line(&nodes).skip(8);
        let first = slots.filter_map(|range| range.split('-').next()?.parse().ok());
        Ok(first.map(Self::Slot).next().unwrap_or(Self::Nowhere))
    }

    fn slot(self) -> Option<Slot> {
        match self {
            Self::Slot(slot) => Some(slot),
            _ => None,
        }
    }

    /// Whether the entries were found to be of this run, or have been cleared in it.
    pub(super) async fn is_trusted(
        self,
        keyspace: &Keyspace,
        run: &RunId,
        connection: &mut Shared,
    ) -> Result<bool, Failure> {
        let mut get = cmd("GET");
        get.arg(keyspace.trusted_run(self.slot()));
        // A reply that is no text, or an error, does not vouch for anything.
        let known = connection.one(&get).await?;
        Ok(from_redis_value::<String>(known).is_ok_and(|known| known == run.0))
    }

    /// Tells the other processes.
    pub(super) async fn vouch(
        self,
        keyspace: &Keyspace,
        run: &RunId,
        connection: &mut Shared,
    ) -> Result<(), Failure> {
        let mut set = cmd("SET");
        set.arg(keyspace.trusted_run(self.slot())).arg(&run.0);
        // A server that refuses it is looked at again by each process.
        connection.one(&set).await?;
        Ok(())
    }
}

/// What `CLUSTER NODES` says; nothing where the node does not tell.
pub(super) async fn cluster_nodes(connection: &mut Shared) -> Result<Option<String>, Failure> {
    let mut question = cmd("CLUSTER");
    question.arg("NODES");
    let nodes = connection.one(&question).await?;
    Ok(from_redis_value(nodes).ok())
}

/// The words of the node's own line: its id, its address, its flags, and slots from the ninth on.
pub(super) fn own_line(nodes: &str) -> impl Iterator<Item = &str> {
    let mut lines = nodes.lines().map(|line| line.split(' '));
    let is_own = |line: &std::str::Split<'_, char>| {
        let flags = line.clone().nth(2);
        flags.is_some_and(|flags| flags.split(',').any(|flag| flag == "myself"))
    };
    lines.find(is_own).into_iter().flatten()
}

impl Node {
    /// Whether what it holds can be served. If not, a task sees to it.
    pub(in crate::store::redis) fn is_trusted(self: &Arc<Self>, longest_ttl: Duration) -> bool {
        if !self.trust.is_withheld() {
            return true;
        }
        match self.trust.check(longest_ttl) {
            Check::Serve => true,
            Check::Expired(lasted) => {
                log::outdated_expired(&self.server.name, lasted);
                true
            }
            Check::Clear => {
                self.see_to_clearing();
                false
            }
            Check::Wait { is_news } => {
                if is_news {
                    log::outdated_without_namespace(&self.server.name);
                }
                false
            }
        }
    }

    fn see_to_clearing(self: &Arc<Self>) {
        if let Some(runtime) = with_timers()
            && let Some(turn) = self.clearing.take()
        {
            runtime.spawn(keep_clearing(Arc::downgrade(self), turn));
        }
    }

    /// Says whether the server needs no further attempt.
    async fn clear(&self) -> Result<bool, Failure> {
        let mut connection = Shared::of_library(Connection::take(self.checkout().await?));
        connection.set_response_timeout(self.options.response_timeout);
        let (connection, keyspace) = (&mut connection, &self.options.keyspace);
        let Some(run) = handshake::current_run(connection, &self.options).await? else {
            // It does not tell any more.
            self.serve();
            return Ok(true);
        };
        let place = Place::at(self.server.role, connection).await?;
        if matches!(place, Place::Nowhere) {
            self.serve();
            return Ok(true);
        }
        match self.trust.uncleared_run() {
            // A handshake has found out meanwhile.
            None => return Ok(true),
            Some(known) if known != run => {
                self.look_again().await?;
                return Ok(!self.trust.is_withheld());
            }
            Some(_) => {}
        }
        if place.is_trusted(keyspace, &run, connection).await? {
            self.is_cleared(&run, None);
            return Ok(!self.trust.is_withheld());
        }
        let turn = keyspace.clearing(place.slot());
        let mut take = cmd("SET");
        take.arg(&turn).arg(new_nonce()).arg("NX").arg("PX");
        take.arg(milliseconds(TURN_TTL));
        // An error says that no key can lie there: then there is nothing to wait for.
        if connection.one(&take).await? == Value::Nil {
            return Ok(false);
        }
        let leases = Pattern::starting_with(&keyspace.leases());
        self.remove_all(connection, &leases, &turn, |_| true)
            .await?;
        let Some(everything) = keyspace.everything() else {
            return Ok(true);
        };
        let removed = self
            .remove_all(connection, &everything, &turn, |key| {
                keyspace.is_cleared(key)
            })
            .await?;
        place.vouch(keyspace, &run, connection).await?;
        let mut end = cmd("UNLINK");
        end.arg(&turn);
        connection.one(&end).await?;
        self.is_cleared(&run, Some(removed));
        Ok(!self.trust.is_withheld())
    }

    /// Another run has begun than the one that was looked at, and whoever only reads sends nothing that would show it.
    async fn look_again(&self) -> Result<(), Failure> {
        *self.known_run.lock() = None;
        self.abandon_connections();
        self.bounded(self.time_to_connect(), self.connection().boxed())
            .await
            .map(drop)
    }

    pub(super) fn serve(&self) {
        if let Some(lasted) = self.trust.serve() {
            log::cleared(&self.server.name, 0, lasted);
        }
    }

    fn is_cleared(&self, run: &RunId, removed: Option<u64>) {
        if let Some(lasted) = self.trust.serve_run(run) {
            log::cleared(&self.server.name, removed.unwrap_or_default(), lasted);
        }
    }

    /// Leases go before entries: a load could swap its lease for an entry behind the cursor.
    async fn remove_all(
        &self,
        connection: &mut Shared,
        pattern: &Pattern,
        turn: &str,
        is_meant: impl Fn(&[u8]) -> bool,
    ) -> Result<u64, Failure> {
        let (mut position, mut page, mut removed) = (0_u64, Vec::<Vec<u8>>::new(), 0);
        let mut is_over = false;
        while !is_over || !page.is_empty() {
            let mut commands = pipe();
            commands
                .cmd("PEXPIRE")
                .arg(turn)
                .arg(milliseconds(TURN_TTL));
            // Each by itself: on a cluster a command names the keys of one slot only.
            for key in &page {
                commands.cmd("UNLINK").arg(key);
            }
            if !is_over {
                commands
                    .cmd("SCAN")
                    .arg(position)
                    .arg("MATCH")
                    .arg(&pattern.scan);
                commands.arg("COUNT").arg(PAGE);
            }
            let mut replies = handshake::send(connection, &commands).await?;
            page.clear();
            if !is_over {
                let found = replies.pop().unwrap_or(Value::Nil).extract_error()?;
                let found: (u64, Vec<Vec<u8>>) = from_redis_value(found)?;
                (position, page) = found;
                page.retain(|key| is_meant(key));
                is_over = position == 0;
            }
            for reply in replies.into_iter().skip(1) {
                // A key that has left for another node is none of this one's any more.
                removed += from_redis_value::<u64>(reply).unwrap_or_default();
            }
        }
        Ok(removed)
    }
}

/// Clears the server, or waits until another process has, until nobody needs it any more.
async fn keep_clearing(node: Weak<Node>, turn: Taken) {
    while turn.is_ours() {
        let Some(strong) = node.upgrade() else { return };
        // While the server is gone, it is not asked here either.
        if !strong.breaker.is_open()
            && let Ok(Ok(true)) = within(Duration::MAX, strong.clear().boxed()).await
        {
            return;
        }
        if !strong.trust.is_withheld() {
            return;
        }
        drop(strong);
        sleep(PAUSE).await;
    }
}
