//! A Redis Cluster of a test's own.

mod commands;
mod failover;
mod migration;
mod shared;
mod stranger;
mod view;

use std::collections::BTreeMap;
use std::path::Path;

use redis::RedisResult;
use tempfile::TempDir;

pub use self::shared::Exclusive;
use self::view::Peer;
use crate::RedisServer;
use crate::server::{Setup, TO_BUS, lasting_port};
use crate::wait::{wait_for, wait_until};

const PRIMARIES: usize = 3;
const NODES: usize = 2 * PRIMARIES;
const SLOTS: usize = 16_384;

/// Three primaries with a replica each, on free ports of the loopback interface. It ends with this value,
/// and leaves nothing on disk.
///
/// Nodes 0 to 2 are the primaries that it starts with, of a third of the slots each, and nodes 3 to 5 their
/// replicas in the same order. A node that a test killed or stopped is not asked anything. Whatever waits
/// here polls, and panics after half a minute.
#[derive(Debug)]
pub struct RedisCluster {
    nodes: Vec<RedisServer>,
    ids: Vec<String>,
    // Dropped last: the nodes write here to their end.
    directory: TempDir,
}

impl RedisCluster {
    /// A cluster with its default settings, where a node counts as gone after one second.
    #[must_use]
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// A cluster with further command line options for every node, such as
    /// `["--requirepass", "secret", "--masterauth", "secret"]`. Commands run here give that password.
    #[must_use]
    pub fn start_with(options: &[&str]) -> Self {
        let directory = tempfile::tempdir().expect("a directory for temporary files");
        let nodes: Vec<_> = (0..NODES)
            .map(|index| start_node(&directory.path().join(index.to_string()), options))
            .collect();
        let ids = nodes.iter().map(|node| node.run(&["CLUSTER", "MYID"]));
        let cluster = Self {
            ids: ids.collect(),
            nodes,
            directory,
        };
        cluster.form();
        cluster.settle();
        cluster
    }

    fn form(&self) {
        for (index, node) in self.nodes.iter().enumerate() {
            let epoch = (index + 1).to_string();
            let () = node.run(&["CLUSTER", "SET-CONFIG-EPOCH", &epoch]);
        }
        for (index, primary) in self.nodes[..PRIMARIES].iter().enumerate() {
            let share = index * SLOTS / PRIMARIES..(index + 1) * SLOTS / PRIMARIES;
            let slots: Vec<String> = share.map(|slot| slot.to_string()).collect();
            let slots = slots.iter().map(String::as_str);
            let command: Vec<_> = ["CLUSTER", "ADDSLOTS"].into_iter().chain(slots).collect();
            let () = primary.run(&command);
        }
        // Everyone meets everyone: gossip takes longer.
        for (index, node) in self.nodes.iter().enumerate() {
            self.nodes[index + 1..].iter().for_each(|to| meet(node, to));
        }
        for (replica, primary) in self.nodes[PRIMARIES..].iter().zip(&self.ids) {
            wait_until("a replica knows its primary", || {
                let answer = replica.try_run::<()>(&["CLUSTER", "REPLICATE", primary]);
                answer.is_ok()
            });
        }
    }

    /// From now on no node takes a busy one for dead: no replica takes over by itself, and the cluster does not
    /// go down.
    #[must_use]
    pub fn without_failure_detection(self) -> Self {
        for node in &self.nodes {
            let () = node.run(&["CONFIG", "SET", "cluster-node-timeout", "60000"]);
        }
        self
    }

    /// Makes a primary without slots out of a replica.
    pub fn set_free(&self, replica: usize) {
        let node = self.node(replica);
        let () = node.run(&["CLUSTER", "RESET", "SOFT"]);
        meet(self.node(0), node);
        let id: String = node.run(&["CLUSTER", "MYID"]);
        wait_until("everyone knows of the node without slots", || {
            let info: String = node.run(&["CLUSTER", "INFO"]);
            let is_ready = info.contains("cluster_state:ok");
            is_ready
                && self.nodes.iter().all(|other| {
                    let nodes: String = other.run(&["CLUSTER", "NODES"]);
                    nodes.lines().any(|line| {
                        line.starts_with(&id)
                            && line.contains("master")
                            && !line.contains("handshake")
                    })
                })
        });
    }

    /// Waits until all running nodes agree on who has which slots, take commands, and replicate.
    pub fn settle(&self) {
        wait_until("the cluster is whole", || {
            self.agrees() && self.takes_commands() && self.replicates()
        });
    }

    /// The addresses of the nodes 0 to 2, with commas between them.
    #[must_use]
    pub fn nodes(&self) -> String {
        let primaries = self.nodes[..PRIMARIES].iter();
        let addresses: Vec<String> = primaries.map(RedisServer::address).collect();
        addresses.join(",")
    }

    /// One node, to ask it or to send it a signal.
    #[must_use]
    pub fn node(&self, index: usize) -> &RedisServer {
        &self.nodes[index]
    }

    /// One node, to kill it or to start it again: it then joins the cluster again, with no keys of its own.
    pub fn node_mut(&mut self, index: usize) -> &mut RedisServer {
        &mut self.nodes[index]
    }

    /// The other node of a primary and its replica.
    #[must_use]
    pub fn partner(index: usize) -> usize {
        (index + PRIMARIES) % NODES
    }

    /// The slot of a key.
    #[must_use]
    pub fn slot(&self, key: &str) -> u16 {
        wait_for("a node tells a key's slot", || {
            let answer = |node: &RedisServer| node.try_run(&["CLUSTER", "KEYSLOT", key]).ok();
            self.running().find_map(|(_, node)| answer(node))
        })
    }

    /// The node that serves a key, as the running nodes see it: until its replica is promoted, this may be
    /// one that is gone.
    #[must_use]
    pub fn owner(&self, key: &str) -> usize {
        self.owner_of(self.slot(key))
    }

    /// The node that serves a slot, as with [`RedisCluster::owner`].
    #[must_use]
    pub fn owner_of(&self, slot: u16) -> usize {
        wait_for("a node tells who has the slot", || {
            let views = self.running().filter_map(|(_, node)| view(node).ok());
            let owners = views.flatten().filter(|peer| peer.has(slot));
            let owner = owners.max_by_key(|peer| peer.epoch)?;
            self.ids.iter().position(|id| *id == owner.id)
        })
    }

    /// The first of these numbers whose key this node serves.
    pub fn number_at(&self, node: usize, key: impl Fn(u64) -> String) -> u64 {
        let mut numbers = 0..;
        let found = numbers.find(|&number| self.owner(&key(number)) == node);
        found.expect("one of many")
    }

    /// The first of these keys that this node serves.
    pub fn key_at(&self, node: usize, key: impl Fn(u64) -> String) -> String {
        key(self.number_at(node, &key))
    }

    /// Every key that the running primaries hold, in order, as with [`RedisServer::keys`].
    #[must_use]
    pub fn keys(&self) -> Vec<String> {
        let mut keys: Vec<String> = self.primaries().flat_map(RedisServer::keys).collect();
        keys.sort();
        keys
    }

    /// How often each command was called at each node, as with [`RedisServer::commands`]. What replicas and
    /// their primaries say to each other counts too; nothing counts at a node that is not running.
    #[must_use]
    pub fn commands(&self) -> Vec<BTreeMap<String, u64>> {
        let count = |node: &RedisServer| node.is_running().then(|| node.commands());
        self.nodes
            .iter()
            .map(|node| count(node).unwrap_or_default())
            .collect()
    }

    /// Forgets the commands counted so far.
    pub fn reset_commands(&self) {
        self.running().for_each(|(_, node)| node.reset_commands());
    }

    fn running(&self) -> impl Iterator<Item = (usize, &RedisServer)> {
        let nodes = self.nodes.iter().enumerate();
        nodes.filter(|(_, node)| node.is_running())
    }

    /// The running nodes that are primaries in their own eyes.
    fn primaries(&self) -> impl Iterator<Item = &RedisServer> {
        let is_primary = |node: &RedisServer| {
            let myself = |peer: &Peer| peer.is_myself() && peer.is_primary();
            wait_for("a node tells its role", || view(node).ok())
                .iter()
                .any(myself)
        };
        let nodes = self.running().map(|(_, node)| node);
        nodes.filter(move |node| is_primary(node))
    }

    /// What every running node says of the cluster, by its index, if all of them answer.
    fn views(&self) -> Option<Vec<(usize, Vec<Peer>)>> {
        self.running()
            .map(|(index, node)| Some((index, view(node).ok()?)))
            .collect()
    }

    /// Whether every running node says of each what that one says of itself.
    fn agrees(&self) -> bool {
        self.views().is_some_and(|views| {
            let selves = views.iter().flat_map(|(_, view)| view);
            let mut selves = selves.filter(|peer| peer.is_myself());
            selves.all(|myself| {
                let known = |peer: &Peer| peer.agrees_with(myself) && peer.is_well();
                let mut views = views.iter();
                views.all(|(_, view)| view.len() == NODES && view.iter().any(known))
            })
        })
    }

    fn takes_commands(&self) -> bool {
        self.running().all(|(_, node)| {
            let answer = node.try_run::<String>(&["CLUSTER", "INFO"]);
            answer.is_ok_and(|info| info.contains("cluster_state:ok"))
        })
    }

    /// Whether every running replica with a running partner has all that its primary has.
    fn replicates(&self) -> bool {
        self.running().all(|(index, node)| {
            let answer = node.try_run::<String>(&["INFO", "replication"]);
            let is_alone = !self.nodes[Self::partner(index)].is_running();
            answer.is_ok_and(|info| {
                let in_step = ["master_link_status:up", "state=online"];
                is_alone || in_step.iter().any(|state| info.contains(state))
            })
        })
    }
}

fn start_node(directory: &Path, options: &[&str]) -> RedisServer {
    start_node_at(lasting_port, directory, options)
}

fn start_node_at(port: impl Fn() -> u16, directory: &Path, options: &[&str]) -> RedisServer {
    std::fs::create_dir(directory).expect("a directory for the node");
    let directory = directory.to_str().expect("the path is text");
    let usual = [
        &["--dir", directory, "--cluster-enabled", "yes"][..],
        &["--cluster-node-timeout", "1000"],
        &["--cluster-replica-validity-factor", "0"],
        &["--cluster-migration-barrier", "100"],
        &["--repl-diskless-sync-delay", "0"],
        options,
    ];
    let options = usual.concat();
    RedisServer::start_somewhere(port, |port| Setup::on_port(port, &options))
}

fn meet(node: &RedisServer, other: &RedisServer) {
    let (port, bus) = (other.port(), other.port() + TO_BUS);
    let (port, bus) = (port.to_string(), bus.to_string());
    let () = node.run(&["CLUSTER", "MEET", "127.0.0.1", &port, &bus]);
}

fn view(node: &RedisServer) -> RedisResult<Vec<Peer>> {
    let answer: String = node.try_run(&["CLUSTER", "NODES"])?;
    Ok(Peer::all(&answer))
}
