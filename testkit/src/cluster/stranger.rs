//! An address that belongs to another cluster by now.

use super::{RedisCluster, meet, start_node_at};
use crate::RedisServer;
use crate::wait::wait_until;

impl RedisCluster {
    /// Makes it a cluster that has seen more changes than one which was just made.
    #[must_use]
    pub fn with_failovers(self) -> Self {
        for _ in 0..3 {
            self.failover(self.owner_of(0));
        }
        self
    }

    /// Ends a node, and starts one of another cluster at its address, which then says where the slots of that one
    /// are.
    #[must_use]
    pub fn give_address_to(&mut self, index: usize, other: &Self) -> RedisServer {
        let port = self.nodes[index].port();
        self.nodes[index].kill();
        let directory = self.directory.path().join(format!("stranger-{index}"));
        let stranger = start_node_at(|| port, &directory, &[]);
        meet(&other.nodes[0], &stranger);
        wait_until("the node knows its cluster", || {
            let info = stranger.try_run::<String>(&["CLUSTER", "INFO"]);
            info.is_ok_and(|info| {
                info.contains("cluster_state:ok") && info.contains("cluster_slots_assigned:16384")
            })
        });
        stranger
    }
}
