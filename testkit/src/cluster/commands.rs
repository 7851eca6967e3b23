//! Commands that go to the node that has their key.

use redis::{ErrorKind, FromRedisValue, RedisError, RedisResult, ServerErrorKind};

use super::RedisCluster;
use crate::RedisServer;
use crate::server::prepared;
use crate::wait::wait_for;

impl RedisCluster {
    /// Runs one command at the node that has the key, goes where it is sent, and tries again where a node
    /// is gone or the cluster is not up to it yet.
    pub fn run<T: FromRedisValue>(&self, key: &str, command: &[&str]) -> T {
        let mut at = self.owner(key);
        let mut is_asking = false;
        wait_for("the cluster takes the command", || {
            let error = match ask(&self.nodes[at], is_asking, command) {
                Ok(answer) => return Some(answer),
                Err(error) => error,
            };
            is_asking = kind(&error) == Some(ServerErrorKind::Ask);
            at = match error.redirect_node() {
                Some((address, _)) => self.index_at(address),
                None if may_pass(&error) => self.owner(key),
                None => panic!("{command:?}: {error}"),
            };
            None
        })
    }

    fn index_at(&self, address: &str) -> usize {
        let port = address
            .rsplit(':')
            .next()
            .and_then(|port| port.parse().ok());
        let index = self.nodes.iter().position(|node| Some(node.port()) == port);
        index.expect("the address of one of the nodes")
    }
}

/// Runs a command at a node, also if it only imports the slot when it is asked to.
fn ask<T: FromRedisValue>(node: &RedisServer, asking: bool, command: &[&str]) -> RedisResult<T> {
    let mut connection = node.connection()?;
    if asking {
        let () = redis::cmd("ASKING").query(&mut connection)?;
    }
    prepared(command).query(&mut connection)
}

fn kind(error: &RedisError) -> Option<ServerErrorKind> {
    match error.kind() {
        ErrorKind::Server(kind) => Some(kind),
        _ => None,
    }
}

/// Whether it is an error of the moment: of a node that is gone, or a cluster that is changing.
fn may_pass(error: &RedisError) -> bool {
    use ServerErrorKind::{BusyLoading, ClusterDown, MasterDown, TryAgain};
    let passing = [BusyLoading, ClusterDown, MasterDown, TryAgain];
    error.is_io_error() || kind(error).is_some_and(|kind| passing.contains(&kind))
}
