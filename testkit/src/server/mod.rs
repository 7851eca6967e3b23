//! A Redis server of a test's own.

mod ports;
mod setup;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Child;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tempfile::TempDir;

pub use self::ports::free_port;
pub(crate) use self::ports::{TO_BUS, lasting_port};
pub(crate) use self::setup::Setup;
use self::setup::tls_options;
use crate::process::signal;
use crate::tls::{Authority, Validity};

/// How long a server may take to start, and how long to answer a question of ours.
const TO_START: Duration = Duration::from_secs(10);
const TO_ANSWER: Duration = Duration::from_secs(2);

/// A real `redis-server` on a free port of the loopback interface, with nothing on disk. It ends with
/// this value. The environment variable `REDIS_SERVER` names another program to run in its place.
#[derive(Debug)]
pub struct RedisServer {
    process: Child,
    running: AtomicBool,
    setup: Setup,
    /// Where its socket or its data are, to be removed with it.
    directory: Option<TempDir>,
}

impl RedisServer {
    /// A server with its default settings.
    #[must_use]
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// A server with further command line options, such as `["--maxmemory", "1mb"]`. Commands run here
    /// give the password that `--requirepass` sets.
    #[must_use]
    pub fn start_with(options: &[&str]) -> Self {
        Self::start_somewhere(free_port, |port| Setup::on_port(port, options))
    }

    /// A server with a directory of its own, out of which it loads its data when it starts again: those of its last
    /// `SAVE`, or all, with `["--appendonly", "yes"]`.
    #[must_use]
    pub fn start_on_disk(options: &[&str]) -> Self {
        let directory = tempfile::tempdir().expect("a directory for temporary files");
        let path = directory
            .path()
            .to_str()
            .expect("the path is text")
            .to_owned();
        let options = [&["--dir", &path][..], options].concat();
        let mut server = Self::start_somewhere(lasting_port, |port| Setup::on_port(port, &options));
        server.directory = Some(directory);
        server
    }

    /// A server on a Unix socket, without a port.
    #[must_use]
    pub fn start_unix() -> Self {
        let directory = tempfile::tempdir().expect("a directory for temporary files");
        let socket = directory.path().join("redis.sock");
        let server = Setup::on_socket(&socket, 0, &[]).start();
        let mut server = server.expect("redis-server starts on a socket");
        server.directory = Some(directory);
        server
    }

    /// A server that speaks nothing but TLS on its port, with a certificate for these names. With
    /// `client_certificates`, it turns away clients without one of the same authority. What a test runs
    /// here goes through a Unix socket, where it needs neither.
    #[must_use]
    pub fn start_tls(
        authority: &Authority,
        names: &[&str],
        validity: Validity,
        client_certificates: bool,
    ) -> Self {
        let directory = tempfile::tempdir().expect("a directory for temporary files");
        let socket = directory.path().join("redis.sock");
        let certificate = authority.issue(names, validity);
        let options = tls_options(authority, &certificate, client_certificates);
        let options: Vec<&str> = options.iter().map(String::as_str).collect();
        let setup = |port: u16| {
            let port_options = ["--tls-port", &port.to_string()];
            let options = [&port_options[..], &options].concat();
            Setup::on_socket(&socket, port, &options)
        };
        let mut server = Self::try_somewhere(lasting_port, setup).expect(
            "redis-server starts with TLS: it must be one that was built with it, as Debian's is",
        );
        server.directory = Some(directory);
        server
    }

    /// A server on a given port, such as one that was in use before.
    #[must_use]
    pub fn start_on(port: u16) -> Self {
        let server = Setup::on_port(port, &[]).start();
        server.expect("redis-server starts on its old port")
    }

    pub(crate) fn start_somewhere(port: impl Fn() -> u16, setup: impl Fn(u16) -> Setup) -> Self {
        Self::try_somewhere(port, setup).expect(
            "redis-server starts: run `scripts/test`, which installs it, or install it yourself",
        )
    }

    /// Another process may take a port between our look and the server's start: tries again then.
    fn try_somewhere(port: impl Fn() -> u16, setup: impl Fn(u16) -> Setup) -> Option<Self> {
        (0..5).find_map(|_| setup(port()).start())
    }

    /// Waits until it is this process that answers, and not one that had the port before.
    fn gets_ready(&mut self) -> bool {
        let us = format!("process_id:{}\r", self.process.id());
        let end = Instant::now() + TO_START;
        while Instant::now() < end && matches!(self.process.try_wait(), Ok(None)) {
            let answer = self.try_run::<String>(&["INFO", "server"]);
            if answer.is_ok_and(|answer| answer.contains(&us)) {
                return true;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        false
    }

    /// The port it listens on; 0 if it has only a socket.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.setup.port
    }

    /// Its host and port.
    #[must_use]
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port())
    }

    /// The path of its Unix socket.
    #[must_use]
    pub fn socket(&self) -> &Path {
        let socket = self.setup.socket.as_deref();
        socket.expect("a server that was started with a socket")
    }

    /// The password that it was started with, or nothing.
    #[must_use]
    pub fn password(&self) -> &str {
        &self.setup.password
    }

    /// Its address for `REDIS_CACHE_URL`, without a password.
    #[must_use]
    pub fn url(&self) -> String {
        match (&self.setup.socket, self.setup.port) {
            (Some(_), port @ 1..) => format!("rediss://127.0.0.1:{port}/0"),
            _ => self.own_url(""),
        }
    }

    /// Where the test itself connects to.
    fn own_url(&self, password: &str) -> String {
        let port = self.setup.port;
        match (&self.setup.socket, password) {
            (Some(socket), _) => format!("redis+unix://{}", socket.display()),
            (None, "") => format!("redis://127.0.0.1:{port}/0"),
            (None, _) => format!("redis://:{password}@127.0.0.1:{port}/0"),
        }
    }

    fn client(&self, password: &str) -> redis::Client {
        redis::Client::open(self.own_url(password)).expect("a URL of our own making parses")
    }

    /// Runs one command, seen from a connection of the test's own.
    pub fn run<T: redis::FromRedisValue>(&self, command: &[&str]) -> T {
        self.run_as(self.password(), command)
    }

    /// The same with another password, or none if it is empty.
    pub fn run_as<T: redis::FromRedisValue>(&self, password: &str, command: &[&str]) -> T {
        let mut connection = self
            .client(password)
            .get_connection()
            .expect("the server accepts connections");
        let answer = prepared(command).query(&mut connection);
        answer.expect("the command succeeds")
    }

    /// The same for a server that may be gone, hang or refuse: waits two seconds at most.
    ///
    /// # Errors
    ///
    /// What the server or the connection says.
    pub fn try_run<T: redis::FromRedisValue>(&self, command: &[&str]) -> redis::RedisResult<T> {
        prepared(command).query(&mut self.connection()?)
    }

    /// A connection that waits two seconds at most for each answer.
    pub(crate) fn connection(&self) -> redis::RedisResult<redis::Connection> {
        let client = self.client(self.password());
        let connection = client.get_connection_with_timeout(TO_ANSWER)?;
        connection.set_read_timeout(Some(TO_ANSWER))?;
        Ok(connection)
    }

    /// Whether the test left it running: it neither killed it nor sent it a signal other than `CONT`.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.running.load(Ordering::Relaxed)
    }

    /// Ends it with no chance to say goodbye, as a crash does.
    pub fn kill(&mut self) {
        self.running.store(false, Ordering::Relaxed);
        let _ = self.process.kill();
        self.process.wait().expect("a child can be waited for");
    }

    /// Starts it again on its port, with the options that it had.
    pub fn restart(&mut self) {
        self.kill();
        self.process = self.setup.spawn().expect("redis-server starts again");
        assert!(self.gets_ready(), "redis-server starts on its old port");
        self.running.store(true, Ordering::Relaxed);
    }

    /// Sends a signal by its name, such as `STOP`.
    pub fn signal(&self, name: &str) {
        signal(&self.process, name);
        self.running.store(name == "CONT", Ordering::Relaxed);
    }

    /// Every key that the server holds, in order, but for that of a probe, which is there for a millisecond.
    #[must_use]
    pub fn keys(&self) -> Vec<String> {
        let mut keys: Vec<String> = self.run(&["KEYS", "*"]);
        keys.retain(|key| !key.ends_with("__cache:probe"));
        keys.sort();
        keys
    }

    /// How often each command was called since the last `CONFIG RESETSTAT`, by its name in lower case.
    /// What connecting and counting themselves cost is left out.
    #[must_use]
    pub fn commands(&self) -> BTreeMap<String, u64> {
        let stats: String = self.run(&["INFO", "commandstats"]);
        stats
            .lines()
            .filter_map(|line| line.strip_prefix("cmdstat_")?.split_once(":calls="))
            .map(|(name, rest)| {
                let calls = rest
                    .split(',')
                    .next()
                    .and_then(|n| n.parse().ok())
                    .unwrap_or(0);
                (name.to_owned(), calls)
            })
            .filter(|(name, _)| {
                !matches!(
                    name.as_str(),
                    "info" | "config|resetstat" | "client|setinfo" | "hello" | "auth"
                )
            })
            .collect()
    }

    /// In how many pieces, from all of its clients, they came.
    #[must_use]
    pub fn received(&self) -> u64 {
        let stats: String = self.run(&["INFO", "stats"]);
        let mut lines = stats.lines();
        let count = lines.find_map(|line| line.strip_prefix("total_reads_processed:"));
        count.expect("a count").parse().expect("a number")
    }

    /// Forgets the commands counted so far.
    pub fn reset_commands(&self) {
        let () = self.run(&["CONFIG", "RESETSTAT"]);
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The command whose name and arguments these are.
pub(crate) fn prepared(command: &[&str]) -> redis::Cmd {
    let (name, arguments) = command.split_first().expect("a command has a name");
    let mut prepared = redis::cmd(name);
    prepared.arg(arguments);
    prepared
}
