//! A task that asks a server until it replies, while its breaker is open.

use std::sync::{Arc, Weak};
use std::time::Duration;

use deadpool_redis::redis::cmd;
use futures_util::future::FutureExt as _;
use tokio::time::sleep;

use super::{Commands, Node, Role};
use crate::log;
use crate::store::redis::failure::Failure;
use crate::store::redis::reply_error::{ReplyError, is_broken};
use crate::util::backoff::Backoff;
use crate::util::runtime::with_timers;
use crate::util::turn::Taken;

/// Between two probes.
const BACKOFF: Backoff = Backoff::between(Duration::from_millis(10), Duration::from_secs(1));

/// Connecting in the background may take so many deadlines.
const DEADLINES_TO_CONNECT: u32 = 10;

impl Node {
    /// Sees to it that a task looks after the server, if the breaker is open.
    pub(super) fn probe(self: &Arc<Self>) {
        let Some(runtime) = with_timers() else {
            return;
        };
        if let Some(turn) = self.breaker.probing() {
            runtime.spawn(probe(Arc::downgrade(self), turn));
        }
    }

    /// The most that connecting takes where no call waits for it.
    pub(super) fn time_to_connect(&self) -> Duration {
        let time = self.options.deadline.saturating_mul(DEADLINES_TO_CONNECT);
        time.min(self.options.connect_timeout)
    }

    /// Connects and writes. A full server counts as well: it can still be read, and invalidated.
    async fn check(&self) -> Result<(), Failure> {
        let connection = self.connection().boxed();
        let (generation, connection) = self.bounded(self.time_to_connect(), connection).await?;
        let mut write = cmd("SET");
        write.arg(&self.options.probe_key).arg("").arg("PX").arg(1);
        let write = Commands::One(&write);
        let reply = async { Ok(write.send(connection, self.server.role).await?) };
        match self.bounded(self.options.deadline, reply.boxed()).await {
            Ok(_) => Ok(()),
            Err(Failure::Redis(error)) => {
                let meaning = ReplyError::of(&error);
                if !is_broken(&error) && !meaning.is_some_and(ReplyError::condemns_server) {
                    return Ok(());
                }
                self.abandon_if_broken(generation, &error);
                Err(error.into())
            }
            Err(other) => Err(other),
        }
    }
}

/// Asks the server until it replies or nobody needs it any more.
async fn probe(node: Weak<Node>, turn: Taken) {
    let mut backoff = BACKOFF;
    while turn.is_ours() {
        sleep(backoff.pause()).await;
        let Some(node) = node.upgrade() else { return };
        if node.check().await.is_err() {
            continue;
        }
        node.breaker.close();
        node.measure();
        if let Some(lasted) = node.unavailable.end() {
            match node.server.role {
                Role::ClusterNode => log::node_available(&node.server.name, lasted),
                _ => log::server_available(&node.server.name, lasted),
            }
        }
        return;
    }
}
