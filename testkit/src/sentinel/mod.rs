//! Redis servers under the watch of sentinels, of a test's own.

mod start;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use redis::FromRedisValue;
use tempfile::TempDir;

use self::start::{start_sentinels, start_servers};
use crate::RedisServer;
use crate::wait::{wait_for, wait_until};

const NAME: &str = "cache";

/// Of the servers, and of the sentinels.
const COUNT: usize = 3;

/// A sentinel gives a failover up after this time, and begins no other one for twice as long.
const FAILOVER_TIMEOUT: Duration = Duration::from_secs(3);

/// A master with two replicas, and three sentinels of which two must agree, on free ports of the loopback
/// interface. It ends with this value, and leaves nothing on disk.
///
/// Server 0 is the master that it starts with. What is not running, because a test killed or stopped it, is
/// not asked anything. Whatever waits here polls, and panics after half a minute.
#[derive(Debug)]
pub struct SentinelSet {
    servers: Vec<RedisServer>,
    sentinels: Vec<RedisServer>,
    // Dropped last: all of them write here to their end.
    _directory: TempDir,
}

impl SentinelSet {
    /// Without passwords.
    #[must_use]
    pub fn start() -> Self {
        Self::start_with_passwords("", "")
    }

    /// With a password for the servers and one for the sentinels; an empty one is none. Commands run here
    /// give them.
    #[must_use]
    pub fn start_with_passwords(server_password: &str, sentinel_password: &str) -> Self {
        let directory = tempfile::tempdir().expect("a directory for temporary files");
        let servers = start_servers(directory.path(), server_password);
        let sentinels = start_sentinels(directory.path(), &servers[0], sentinel_password);
        let set = Self {
            servers,
            sentinels,
            _directory: directory,
        };
        set.settle();
        set
    }

    /// Waits until all running sentinels name the same master and see everyone that is running, and the
    /// other running servers are its replicas and in step. Sentinels leave a server that was a master when
    /// it was last seen alone for ten seconds: [`SentinelSet::demote`] does not.
    pub fn settle(&self) {
        wait_until("the sentinels see that all is well", || {
            let master = self.master();
            let mut sentinels = self.running_sentinels();
            self.follow(master) && sentinels.all(|sentinel| self.is_seen_by(sentinel, master))
        });
    }

    /// Makes a server a replica of the master at once, such as one that was the master and is back.
    pub fn demote(&self, index: usize) {
        let port = self.servers[self.master()].port().to_string();
        let () = self.servers[index].run(&["REPLICAOF", "127.0.0.1", &port]);
    }

    /// The addresses of the sentinels, with commas between them.
    #[must_use]
    pub fn sentinels(&self) -> String {
        let sentinels = self.sentinels.iter();
        let addresses: Vec<String> = sentinels.map(RedisServer::address).collect();
        addresses.join(",")
    }

    /// The name that the sentinels know the master by.
    #[must_use]
    pub fn name(&self) -> &str {
        NAME
    }

    /// One of the three servers, to ask it or to send it a signal.
    #[must_use]
    pub fn server(&self, index: usize) -> &RedisServer {
        &self.servers[index]
    }

    /// One of the three servers, to kill it or to start it again: with no keys of its own, and with the part
    /// that it had last, until the sentinels give it another.
    pub fn server_mut(&mut self, index: usize) -> &mut RedisServer {
        &mut self.servers[index]
    }

    /// One of the three sentinels, to ask it or to send it a signal.
    #[must_use]
    pub fn sentinel(&self, index: usize) -> &RedisServer {
        &self.sentinels[index]
    }

    /// One of the three sentinels, to kill it or to start it again.
    pub fn sentinel_mut(&mut self, index: usize) -> &mut RedisServer {
        &mut self.sentinels[index]
    }

    /// The server that most of the running sentinels name as the master.
    #[must_use]
    pub fn master(&self) -> usize {
        wait_for("most sentinels name the same master", || {
            let named = self.named();
            (0..COUNT).find(|index| {
                let votes = named.iter().filter(|name| **name == Some(*index));
                2 * votes.count() > named.len()
            })
        })
    }

    /// Has a sentinel put a replica in the place of the master, whether that is running or not, and waits
    /// until all running sentinels name it; says which server that is.
    pub fn failover(&self) -> usize {
        let before = self.master();
        let command = ["SENTINEL", "FAILOVER", NAME];
        let mut asked: Option<Instant> = None;
        wait_for("a sentinel has failed over", || {
            let named = self.named();
            let is_done = named.iter().flatten().any(|name| *name != before);
            if !is_done && asked.is_none_or(|asked| asked.elapsed() > 2 * FAILOVER_TIMEOUT) {
                // Always the same one: a second one would begin a second failover.
                let answer = self.running_sentinels().next()?.try_run::<()>(&command);
                asked = answer.ok().map(|()| Instant::now());
            }
            is_done.then_some(())
        });
        self.wait_for_master_other_than(before)
    }

    /// Waits until all running sentinels name the same other server, and that server is a master; says which
    /// server that is.
    pub fn wait_for_master_other_than(&self, index: usize) -> usize {
        wait_for("all sentinels name another master", || {
            let named = self.named();
            let master = (*named.first()?)?;
            let is_agreed = named.iter().all(|name| *name == Some(master));
            let is_other = master != index && is_agreed;
            (is_other && in_step(&self.servers[master]).is_some()).then_some(master)
        })
    }

    fn running_sentinels(&self) -> impl Iterator<Item = &RedisServer> {
        let sentinels = self.sentinels.iter();
        sentinels.filter(|sentinel| sentinel.is_running())
    }

    /// Whether the master is one, and all other running servers are its replicas and in step.
    fn follow(&self, master: usize) -> bool {
        let servers = self.servers.iter().enumerate();
        let others = servers.filter(|(index, server)| *index != master && server.is_running());
        in_step(&self.servers[master]) == Some(others.count())
    }

    /// Whether a sentinel sees the running servers in their parts, and the other running sentinels.
    fn is_seen_by(&self, sentinel: &RedisServer, master: usize) -> bool {
        let master_known: Option<Known> = ask(sentinel, "MASTER");
        let others =
            ["REPLICAS", "SENTINELS"].map(|question| ask::<Vec<Known>>(sentinel, question));
        let others = others.into_iter().flatten().flatten();
        let known: Vec<Known> = master_known.into_iter().chain(others).collect();
        let sees = |server: &RedisServer, part: &str| {
            let port = server.port().to_string();
            let is = |known: &Known, what: &str, value: &str| {
                known.get(what).is_some_and(|known| known == value)
            };
            let mut known = known.iter();
            !server.is_running()
                || known.any(|known| is(known, "port", &port) && is(known, "flags", part))
        };
        let part = |index| if index == master { "master" } else { "slave" };
        let mut servers = self.servers.iter().enumerate();
        let mut others = self.sentinels.iter();
        servers.all(|(index, server)| sees(server, part(index)))
            && others.all(|other| other.port() == sentinel.port() || sees(other, "sentinel"))
    }

    /// Which server each running sentinel names as the master.
    fn named(&self) -> Vec<Option<usize>> {
        let name = |sentinel| {
            let (_, port): (String, u16) = ask(sentinel, "GET-MASTER-ADDR-BY-NAME")?;
            self.servers.iter().position(|server| server.port() == port)
        };
        self.running_sentinels().map(name).collect()
    }
}

/// What a sentinel says of a server or of another sentinel.
type Known = BTreeMap<String, String>;

fn ask<T: FromRedisValue>(sentinel: &RedisServer, question: &str) -> Option<T> {
    sentinel.try_run(&["SENTINEL", question, NAME]).ok()
}

/// How many replicas of a server have all that it has, if it is a master.
fn in_step(server: &RedisServer) -> Option<usize> {
    let info: String = server.try_run(&["INFO", "replication"]).ok()?;
    info.contains("role:master")
        .then(|| info.matches("state=online").count())
}
