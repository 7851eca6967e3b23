//! The example applications, as processes to start, to call, and to end.

mod binaries;

use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use self::binaries::binary;
use crate::wait::WAIT_TIMEOUT;
use crate::{Ended, HttpClient, Process, RedisServer, Response};

/// What implements the contract of the blog.
pub const APPLICATIONS: [&str; 2] = ["posts-axum", "posts-actix"];

/// Where an application keeps what it cached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Store {
    /// In its own memory.
    InProcess,
    /// In a server that starts with it.
    Redis,
}

/// Runs a test against each application with each store, every time from the seed data and an empty cache.
pub fn on_every_combination(test: impl Fn(&App)) {
    for application in APPLICATIONS {
        for store in [Store::InProcess, Store::Redis] {
            println!("{application}, {store:?}");
            test(&App::start(application, store));
        }
    }
}

/// A running application.
#[derive(Debug)]
pub struct App {
    process: Process,
    /// The one line that it printed on its start.
    pub first_line: String,
    client: HttpClient,
    redis: Option<RedisServer>,
}

impl App {
    /// On a port of the system's choice.
    #[must_use]
    pub fn start(application: &str, store: Store) -> Self {
        match store {
            Store::InProcess => Self::start_with(application, &[]),
            Store::Redis => {
                let redis = RedisServer::start();
                let app = Self::start_with(application, &[("REDIS_CACHE_URL", &redis.url())]);
                Self {
                    redis: Some(redis),
                    ..app
                }
            }
        }
    }

    /// With these environment variables, and on a port of the system's choice.
    #[must_use]
    pub fn start_with(application: &str, environment: &[(&str, &str)]) -> Self {
        // A busy machine must not look like a slow server. What the test itself sets comes later, and counts.
        let deadline = environment
            .iter()
            .any(|(name, _)| name.starts_with("REDIS_CACHE_"))
            .then_some(("REDIS_CACHE_DEADLINE", "5"));
        let environment: Vec<_> = deadline
            .into_iter()
            .chain(environment.iter().copied())
            .collect();
        let mut process = start(application, &[], &environment);
        let first_line = process.next_line().to_owned();
        let address = first_line
            .split("http://")
            .nth(1)
            .and_then(|rest| rest.split(' ').next());
        let address = address.unwrap_or_else(|| panic!("no address in `{first_line}`"));
        Self {
            client: HttpClient::new(format!("http://{address}"), WAIT_TIMEOUT),
            process,
            first_line,
            redis: None,
        }
    }

    /// Sends a GET.
    pub fn get(&self, path: &str) -> Response {
        self.call("GET", path, None)
    }

    /// Sends a request, with a JSON body if there is one.
    pub fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Response {
        let response = self.client.call(method, path, body);
        response.unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    /// Sends a request, with a body of any type.
    pub fn send(&self, method: &str, path: &str, body: Option<(&str, &[u8])>) -> Response {
        let response = self.client.send(method, path, &[], body);
        response.unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    /// Sends a request without a body, with a header.
    pub fn call_with(&self, method: &str, path: &str, header: (&str, &str)) -> Response {
        let response = self.client.send(method, path, &[header], None);
        response.unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    /// Sends a request with these headers, and with a body if there is one: its type and its bytes.
    pub fn send_with(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<(&str, &[u8])>,
    ) -> Response {
        let response = self.client.send(method, path, headers, body);
        response.unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    /// Its host and port.
    #[must_use]
    pub fn address(&self) -> &str {
        self.client.address()
    }

    /// Sends a body of so many bytes, and returns the first line of the response.
    pub fn send_bytes(&self, path: &str, length: usize) -> String {
        self.client.send_bytes(path, length)
    }

    /// A client that waits no longer than this for a response.
    #[must_use]
    pub fn client(&self, timeout: Duration) -> HttpClient {
        self.client.with_timeout(timeout)
    }

    /// One of the numbers of `/stats`, such as `/cache/hits`.
    #[must_use]
    pub fn count(&self, pointer: &str) -> u64 {
        let stats = self.get("/stats").body;
        let count = stats.pointer(pointer).and_then(Value::as_u64);
        count.unwrap_or_else(|| panic!("no count `{pointer}` in {stats}"))
    }

    /// How often a GET goes to the database to read.
    pub fn reads_of(&self, path: &str) -> u64 {
        let before = self.count("/database_reads");
        self.get(path);
        self.count("/database_reads") - before
    }

    /// The server that it caches in, if that is not itself.
    #[must_use]
    pub fn redis(&self) -> Option<&RedisServer> {
        self.redis.as_ref()
    }

    /// Asserts that Redis, if that is the store, holds these entries and no others.
    pub fn assert_entries(&self, keys: &[&str]) {
        if let Some(redis) = self.redis() {
            let mut entries = redis.keys();
            entries.retain(|key| !key.starts_with("__cache:"));
            let mut keys = keys.to_vec();
            keys.sort_unstable();
            assert_eq!(entries, keys);
        }
    }

    /// Asks it to end, and waits until it has.
    #[must_use]
    pub fn terminate(self) -> Ended {
        self.ask_to_end();
        self.wait()
    }

    /// Sends SIGTERM.
    pub fn ask_to_end(&self) {
        self.process.terminate();
    }

    /// Waits until it has ended.
    #[must_use]
    pub fn wait(self) -> Ended {
        self.process.wait()
    }
}

/// Runs an application with arguments that make it end by itself.
#[must_use]
pub fn run(application: &str, arguments: &[&str], environment: &[(&str, &str)]) -> Ended {
    start(application, arguments, environment).wait()
}

fn start(application: &str, arguments: &[&str], environment: &[(&str, &str)]) -> Process {
    let mut command = Command::new(binary(application));
    let usual = [("PORT", "0"), ("RUST_LOG", "debug")];
    command.args(arguments).env_clear().envs(usual);
    Process::start(command.envs(environment.iter().copied()))
}
