//! A Redis Cluster of a test's own.

mod view;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use redis::{ErrorKind, FromRedisValue, RedisError, RedisResult, ServerErrorKind};
use tempfile::TempDir;

use self::view::Peer;
use crate::RedisServer;
use crate::server::{Setup, TO_BUS, lasting_port, prepared};
use crate::wait::{wait_for, wait_until};

const PRIMARIES: usize = 3;
const NODES: usize = 2 * PRIMARIES;
const SLOTS: usize = 16_384;

/// Redis gives up a failover by hand after five seconds.
const FAILOVER_GIVEN_UP: Duration = Duration::from_secs(6);

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
    _directory: TempDir,
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
            _directory: directory,
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
    pub fn patient(self) -> Self {
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
        let addresses: Vec<String> = self.nodes[..PRIMARIES]
            .iter()
            .map(|node| format!("127.0.0.1:{}", node.port()))
            .collect();
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

    /// Every key that the running primaries hold, in order.
    #[must_use]
    pub fn keys(&self) -> Vec<String> {
        let mut keys: Vec<String> = self
            .primaries()
            .flat_map(|node| node.run::<Vec<String>>(&["KEYS", "*"]))
            .collect();
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

    /// Moves a slot with its keys, and waits until all running nodes know.
    pub fn migrate(&self, slot: u16, to: usize) {
        self.begin_migration(slot, to);
        self.move_keys(slot, to);
        self.finish_migration(slot, to);
    }

    /// From here on, the node that has the slot answers `ASK` for a key that it does not hold.
    pub fn begin_migration(&self, slot: u16, to: usize) {
        let from = self.owner_of(slot);
        let slot = slot.to_string();
        for (node, part, other) in [(to, "IMPORTING", from), (from, "MIGRATING", to)] {
            let command = ["CLUSTER", "SETSLOT", &slot, part, &self.ids[other]];
            let () = self.nodes[node].run(&command);
        }
    }

    /// Moves all keys of a slot whose migration has begun, and says how many there were.
    pub fn move_keys(&self, slot: u16, to: usize) -> usize {
        let from = &self.nodes[self.owner_of(slot)];
        let question = ["CLUSTER", "GETKEYSINSLOT", &slot.to_string(), "1000"];
        let mut moved = 0;
        loop {
            let keys: Vec<String> = from.run(&question);
            if keys.is_empty() {
                return moved;
            }
            for key in &keys {
                self.move_one(from, key, to);
            }
            moved += keys.len();
        }
    }

    /// Moves one key of a slot whose migration has begun.
    pub fn move_key(&self, key: &str, to: usize) {
        self.move_one(&self.nodes[self.owner(key)], key, to);
    }

    fn move_one(&self, from: &RedisServer, key: &str, to: usize) {
        let port = self.nodes[to].port().to_string();
        let command = ["MIGRATE", "127.0.0.1", &port, key, "0", "5000"];
        let () = match from.password() {
            "" => from.run(&command),
            password => from.run(&[&command[..], &["AUTH", password]].concat()),
        };
    }

    /// Gives the slot to the node that its keys were moved to, and waits until all running nodes know.
    pub fn finish_migration(&self, slot: u16, to: usize) {
        let from = self.owner_of(slot);
        let command = [
            "CLUSTER",
            "SETSLOT",
            &slot.to_string(),
            "NODE",
            &self.ids[to],
        ];
        let () = self.nodes[to].run(&command);
        let () = self.nodes[from].run(&command);
        self.primaries().for_each(|node| node.run(&command));
        wait_until("all nodes know of the move", || self.agrees());
    }

    /// Leaves the slot where it was. A key that was moved already stays out of sight at the other node.
    pub fn abort_migration(&self, slot: u16) {
        let command = ["CLUSTER", "SETSLOT", &slot.to_string(), "STABLE"];
        self.primaries().for_each(|node| node.run(&command));
    }

    /// Takes a slot from its node, so that nobody serves it. Without `--cluster-require-full-coverage no`,
    /// nobody serves any other slot either.
    pub fn uncover(&self, slot: u16) {
        let command = ["CLUSTER", "DELSLOTS", &slot.to_string()];
        // A node learns of the slot again from one that has not been told yet: once more then.
        wait_until("no node knows who has the slot", || {
            self.views().is_some_and(|views| {
                let knows = |view: &[Peer]| view.iter().any(|peer| peer.has(slot));
                let knowing = views.iter().filter(|(_, view)| knows(view));
                let told = knowing.map(|(index, _)| self.nodes[*index].try_run::<()>(&command));
                told.collect::<Vec<_>>().is_empty()
            })
        });
    }

    /// Gives a slot that nobody serves to a node, and waits until all running nodes know.
    pub fn cover(&self, slot: u16, by: usize) {
        let () = self.nodes[by].run(&["CLUSTER", "ADDSLOTS", &slot.to_string()]);
        wait_until("all nodes know who has the slot", || {
            self.agrees() && self.owner_of(slot) == by
        });
    }

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
    RedisServer::start_somewhere(lasting_port, |port| Setup::on_port(port, &options))
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
