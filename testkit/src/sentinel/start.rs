//! The settings of the servers and of the sentinels, and how they start.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{COUNT, FAILOVER_TIMEOUT, NAME, in_step};
use crate::RedisServer;
use crate::server::{Setup, lasting_port};
use crate::wait::wait_until;

/// A sentinel loses its connection to a server that it gives another part, and makes a new one after up to
/// a second: with less than that, it would take the server for gone, and fail over again.
const DOWN_AFTER: Duration = Duration::from_millis(1500);

/// A master and its replicas, in step.
pub(super) fn start_servers(directory: &Path, password: &str) -> Vec<RedisServer> {
    let mut servers: Vec<RedisServer> = Vec::new();
    for index in 0..COUNT {
        let directory = subdirectory(directory, &format!("server{index}"));
        let master = servers.first().map(RedisServer::port);
        servers.push(start_server(&directory, master, password));
    }
    // A sentinel asks the master for its replicas when it starts, and then only every ten seconds.
    wait_until("the replicas are in step", || {
        in_step(&servers[0]) == Some(COUNT - 1)
    });
    servers
}

/// Sentinels have a server write down whose replica it is: it needs a file for that.
fn start_server(directory: &Path, master: Option<u16>, password: &str) -> RedisServer {
    let file = directory.join("redis.conf");
    let part = master.map_or(String::new(), |port| {
        format!("replicaof 127.0.0.1 {port}\n")
    });
    fs::write(&file, part).expect("a file of our own");
    let (file, directory) = (text(&file), text(directory));
    let passwords = ["--requirepass", password, "--masterauth", password];
    let passwords = &passwords[..if password.is_empty() { 0 } else { 4 }];
    let options = ["--dir", directory, "--repl-diskless-sync-delay", "0"];
    let options = [&options[..], passwords].concat();
    RedisServer::start_somewhere(lasting_port, |port| {
        Setup::on_port(port, &options).with_file(file)
    })
}

/// Sentinels that watch this master.
pub(super) fn start_sentinels(
    directory: &Path,
    master: &RedisServer,
    password: &str,
) -> Vec<RedisServer> {
    let start = |index| {
        let directory = subdirectory(directory, &format!("sentinel{index}"));
        start_sentinel(&directory, master, password)
    };
    (0..COUNT).map(start).collect()
}

fn start_sentinel(directory: &Path, master: &RedisServer, password: &str) -> RedisServer {
    let file = directory.join("sentinel.conf");
    RedisServer::start_somewhere(lasting_port, |port| {
        let settings = settings(directory, port, master, password);
        fs::write(&file, settings).expect("a file of our own");
        Setup::with_arguments(port, password, &[text(&file), "--sentinel"])
    })
}

fn settings(directory: &Path, port: u16, master: &RedisServer, password: &str) -> String {
    let down_after = DOWN_AFTER.as_millis();
    let failover_timeout = FAILOVER_TIMEOUT.as_millis();
    let mut lines = vec![
        format!("port {port}"),
        "bind 127.0.0.1".to_owned(),
        format!("dir {}", text(directory)),
        format!("sentinel monitor {NAME} 127.0.0.1 {} 2", master.port()),
        format!("sentinel down-after-milliseconds {NAME} {down_after}"),
        format!("sentinel failover-timeout {NAME} {failover_timeout}"),
        format!("sentinel parallel-syncs {NAME} 1"),
    ];
    if !master.password().is_empty() {
        lines.push(format!("sentinel auth-pass {NAME} {}", master.password()));
    }
    if !password.is_empty() {
        // The sentinels use it towards each other, too.
        lines.push(format!("requirepass {password}"));
    }
    lines.join("\n") + "\n"
}

fn subdirectory(directory: &Path, name: &str) -> PathBuf {
    let path = directory.join(name);
    fs::create_dir(&path).expect("a directory for the server");
    path
}

fn text(path: &Path) -> &str {
    path.to_str().expect("the path is text")
}
