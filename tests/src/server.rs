//! A Redis server of a test's own.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A real `redis-server` on a free port of the loopback interface, with nothing on disk. It ends with
/// this value.
#[derive(Debug)]
pub struct RedisServer {
    process: Child,
    port: u16,
    options: Vec<String>,
}

impl RedisServer {
    /// A server with its default settings.
    #[must_use]
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// A server with further command line options, such as `["--maxmemory", "1mb"]`.
    #[must_use]
    pub fn start_with(options: &[&str]) -> Self {
        // Another process may take the port between our look and the server's start: try again then.
        for _ in 0..5 {
            if let Some(server) = Self::try_start(free_port(), options) {
                return server;
            }
        }
        panic!(
            "redis-server does not start: run `scripts/test`, which installs it, or install it yourself"
        );
    }

    /// A server on a given port, such as one that was in use before.
    #[must_use]
    pub fn start_on(port: u16) -> Self {
        Self::try_start(port, &[]).expect("redis-server starts on its old port")
    }

    fn try_start(port: u16, options: &[&str]) -> Option<Self> {
        let process = Command::new("redis-server")
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1"])
            .args(["--save", "", "--appendonly", "no"])
            .args(options)
            .current_dir(std::env::temp_dir())
            .stdout(Stdio::null())
            .spawn()
            .ok()?;
        let mut server = Self {
            process,
            port,
            options: options.iter().map(ToString::to_string).collect(),
        };
        let patience = Instant::now() + Duration::from_secs(10);
        while Instant::now() < patience {
            if server.process.try_wait().ok()?.is_some() {
                return None;
            }
            let answers = server.client().get_connection().is_ok();
            if answers {
                return Some(server);
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        None
    }

    /// The port it listens on.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its address for `REDIS_CACHE_URL`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/0", self.port)
    }

    fn client(&self) -> redis::Client {
        redis::Client::open(self.url()).expect("a URL of our own making parses")
    }

    /// Runs one command, seen from a connection of the test's own.
    pub fn run<T: redis::FromRedisValue>(&self, command: &[&str]) -> T {
        self.run_as("", command)
    }

    /// The same where a password is asked for.
    pub fn run_as<T: redis::FromRedisValue>(&self, password: &str, command: &[&str]) -> T {
        let url = format!("redis://:{password}@127.0.0.1:{}/0", self.port);
        let client = redis::Client::open(if password.is_empty() { self.url() } else { url });
        let mut connection = client
            .and_then(|client| client.get_connection())
            .expect("the server accepts connections");
        let (name, arguments) = command.split_first().expect("a command has a name");
        redis::cmd(name)
            .arg(arguments)
            .query(&mut connection)
            .expect("the command succeeds")
    }

    /// Ends it with no chance to say goodbye, as a crash does.
    pub fn kill(&mut self) {
        let _ = self.process.kill();
        self.process.wait().expect("a child can be waited for");
    }

    /// Starts it again on its port, with the options that it had.
    pub fn restart(&mut self) {
        self.kill();
        let options: Vec<&str> = self.options.iter().map(String::as_str).collect();
        *self = Self::try_start(self.port, &options).expect("redis-server starts on its old port");
    }

    /// Sends a signal by its name, such as `STOP`.
    pub fn signal(&self, signal: &str) {
        let arguments = [format!("-{signal}"), self.process.id().to_string()];
        let kill = Command::new("kill").args(arguments).status();
        assert!(kill.expect("`kill` is there").success());
    }

    /// Every key that the server holds, in order.
    #[must_use]
    pub fn keys(&self) -> Vec<String> {
        let mut keys: Vec<String> = self.run(&["KEYS", "*"]);
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
                    "info" | "config|resetstat" | "client|setinfo" | "hello"
                )
            })
            .collect()
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

/// A port that nothing listens on at the moment.
#[must_use]
pub fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    listener
        .local_addr()
        .expect("a bound socket has an address")
        .port()
}
