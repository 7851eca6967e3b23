//! Replicas that take the place of their primaries.

use std::time::{Duration, Instant};

use super::RedisCluster;
use super::view::Peer;
use crate::wait::{wait_for, wait_until};

/// Redis gives up a failover by hand after five seconds.
const FAILOVER_GIVEN_UP: Duration = Duration::from_secs(6);

impl RedisCluster {
    /// Whether all running nodes, and the node itself, see in it a primary that serves slots.
    #[must_use]
    pub fn promoted(&self, index: usize) -> bool {
        let is_serving = |peer: &Peer| {
            peer.id == self.ids[index] && peer.is_primary() && peer.is_well() && peer.has_slots()
        };
        self.nodes[index].is_running()
            && self.views().is_some_and(|views| {
                let mut views = views.iter();
                views.all(|(_, view)| view.iter().any(is_serving))
            })
    }

    /// Waits until the partner of a node has taken its place and all running nodes take commands again; says
    /// which node that is.
    pub fn wait_for_failover(&self, of: usize) -> usize {
        let by = Self::partner(of);
        wait_until("the replica is promoted", || {
            self.promoted(by) && self.takes_commands()
        });
        by
    }

    /// Puts the partner of a primary in its place by hand, and waits until that is done; says which node
    /// that is. No write is lost if the primary is running: it then becomes the replica.
    pub fn failover(&self, of: usize) -> usize {
        let by = Self::partner(of);
        let command: &[&str] = if self.nodes[of].is_running() {
            &["CLUSTER", "FAILOVER"]
        } else {
            &["CLUSTER", "FAILOVER", "TAKEOVER"]
        };
        let mut asked: Option<Instant> = None;
        wait_for("the replica is promoted by hand", || {
            let is_done = self.promoted(by) && self.agrees() && self.takes_commands();
            if !is_done && asked.is_none_or(|asked| asked.elapsed() > FAILOVER_GIVEN_UP) {
                let answer = self.nodes[by].try_run::<()>(command);
                asked = answer.ok().map(|()| Instant::now());
            }
            is_done.then_some(by)
        })
    }
}
