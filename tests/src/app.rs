//! The applications, as processes to start, to call, and to end.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::Value;
use ureq::http::Request;

use crate::RedisServer;

/// What implements the contract.
pub const APPLICATIONS: [&str; 2] = ["posts-axum", "posts-actix"];

/// Much longer than anything here takes: only to fail instead of hanging.
const PATIENCE: Duration = Duration::from_secs(30);

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
pub struct App {
    process: Process,
    /// The one line that it printed on its start.
    pub greeting: String,
    caller: Caller,
    redis: Option<RedisServer>,
}

/// Calls an application. A cheap clone, for a client of its own.
#[derive(Clone, Debug)]
pub struct Caller {
    url: String,
    agent: ureq::Agent,
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
    pub fn start_with(application: &str, environment: &[(&str, &str)]) -> Self {
        // A busy machine must not look like a slow server; but what a test says itself comes later.
        let patient = environment
            .iter()
            .any(|(name, _)| name.starts_with("REDIS_CACHE_"))
            .then_some(("REDIS_CACHE_DEADLINE", "5"));
        let environment: Vec<_> = patient
            .into_iter()
            .chain(environment.iter().copied())
            .collect();
        let mut process = Process::start(application, &[], &environment);
        let greeting = process.first_line();
        let address = greeting
            .split("http://")
            .nth(1)
            .and_then(|rest| rest.split(' ').next());
        let url = format!(
            "http://{}",
            address.unwrap_or_else(|| panic!("no address in `{greeting}`"))
        );
        Self {
            process,
            greeting,
            caller: Caller::of(url, PATIENCE),
            redis: None,
        }
    }

    /// Sends a GET.
    pub fn get(&self, path: &str) -> Answer {
        self.call("GET", path, None)
    }

    /// Sends a request, with a JSON body if there is one.
    pub fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        let answer = self.caller.call(method, path, body);
        answer.unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    /// Sends a request, with a body of any type.
    pub fn send(&self, method: &str, path: &str, body: Option<(&str, &[u8])>) -> Answer {
        let answer = self.caller.send(method, path, body);
        answer.unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    /// Sends a request without a body, with a header.
    pub fn call_with(&self, method: &str, path: &str, header: (&str, &str)) -> Answer {
        let answer = self.caller.send_with(method, path, Some(header), None);
        answer.unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    /// A client that waits no longer than this for an answer.
    #[must_use]
    pub fn caller(&self, patience: Duration) -> Caller {
        Caller::of(self.caller.url.clone(), patience)
    }

    /// Sends a body of so many bytes, and returns the first line of the answer.
    pub fn send_bytes(&self, path: &str, length: usize) -> String {
        let address = self.caller.url.trim_start_matches("http://");
        let mut connection = TcpStream::connect(address).expect("it listens");
        connection
            .set_read_timeout(Some(PATIENCE))
            .expect("a timeout");
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\
             content-type: application/json\r\ncontent-length: {length}\r\n\r\n",
        );
        // It may answer and hang up before it has read everything: only the answer counts.
        let _ = connection.write_all(&[head.as_bytes(), &vec![b' '; length]].concat());
        let mut answer = Vec::new();
        let _ = connection.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer)
            .lines()
            .next()
            .unwrap_or_default()
            .to_owned()
    }

    /// One of the numbers of `/stats`, such as `/cache/hits`.
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
    pub fn redis(&self) -> Option<&RedisServer> {
        self.redis.as_ref()
    }

    /// Asserts that Redis, if that is the store, holds these entries and no others.
    pub fn assert_entries(&self, keys: &[&str]) {
        if let Some(redis) = self.redis() {
            let entries: Vec<_> = redis
                .keys()
                .into_iter()
                .filter(|key| !key.starts_with("__cache:"))
                .collect();
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

impl Caller {
    fn of(url: String, patience: Duration) -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .allow_non_standard_methods(true)
            .timeout_global(Some(patience))
            .build();
        Self {
            url,
            agent: config.into(),
        }
    }

    /// Sends a request, with a JSON body if there is one.
    ///
    /// # Errors
    ///
    /// If there is no answer, or not in time.
    pub fn call(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Answer, ureq::Error> {
        let body = body.map(Value::to_string);
        let body = body
            .as_deref()
            .map(|body| ("application/json", body.as_bytes()));
        self.send(method, path, body)
    }

    fn send(
        &self,
        method: &str,
        path: &str,
        body: Option<(&str, &[u8])>,
    ) -> Result<Answer, ureq::Error> {
        self.send_with(method, path, None, body)
    }

    fn send_with(
        &self,
        method: &str,
        path: &str,
        header: Option<(&str, &str)>,
        body: Option<(&str, &[u8])>,
    ) -> Result<Answer, ureq::Error> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url));
        if let Some((name, value)) = header {
            request = request.header(name, value);
        }
        let mut answer = match body {
            None => self.agent.run(request.body(())?)?,
            Some((content_type, bytes)) => {
                let request = request.header("content-type", content_type);
                self.agent.run(request.body(bytes)?)?
            }
        };
        let text = answer.body_mut().read_to_string()?;
        Ok(Answer {
            status: answer.status().as_u16(),
            headers: answer
                .headers()
                .iter()
                .map(|(name, value)| (name.to_string(), value.to_str().expect("ASCII").to_owned()))
                .collect(),
            body: serde_json::from_str(&text).unwrap_or_default(),
            text,
        })
    }
}

/// What an application answered. Two answers are equal if they are but for their headers.
#[derive(Debug)]
pub struct Answer {
    /// Such as 404.
    pub status: u16,
    /// By their names in lower case.
    pub headers: BTreeMap<String, String>,
    /// The body as it came.
    pub text: String,
    /// Null where the text is not JSON.
    pub body: Value,
}

impl PartialEq for Answer {
    fn eq(&self, other: &Self) -> bool {
        (self.status, &self.text) == (other.status, &other.text)
    }
}

impl Answer {
    /// Empty where there is none of this name.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }
}

/// What an application leaves behind.
pub struct Ended {
    /// As the system tells it.
    pub status: ExitStatus,
    /// Its standard output.
    pub output: String,
    /// Its standard error.
    pub log: String,
}

/// Runs an application with arguments that make it end by itself.
pub fn run(application: &str, arguments: &[&str], environment: &[(&str, &str)]) -> Ended {
    Process::start(application, arguments, environment).wait()
}

/// A process whose output is read all the time, so that it never waits for us.
struct Process {
    child: Child,
    first_line: String,
    output: Option<BufReader<std::process::ChildStdout>>,
    log: Option<JoinHandle<String>>,
}

impl Process {
    fn start(application: &str, arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let mut child = Command::new(binary(application))
            .args(arguments)
            .env_clear()
            .envs([("PORT", "0"), ("RUST_LOG", "debug")])
            .envs(environment.iter().copied())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the application starts");
        let output = child.stdout.take().map(BufReader::new);
        let log = child
            .stderr
            .take()
            .map(|log| thread::spawn(move || read(log)));
        Self {
            child,
            first_line: String::new(),
            output,
            log,
        }
    }

    fn first_line(&mut self) -> String {
        let output = self.output.as_mut().expect("the output is piped");
        output
            .read_line(&mut self.first_line)
            .expect("the output is text");
        self.first_line.trim_end().to_owned()
    }

    fn terminate(&self) {
        let kill = Command::new("kill")
            .args(["-TERM", &self.child.id().to_string()])
            .status();
        assert!(kill.expect("`kill` is there").success());
    }

    fn wait(mut self) -> Ended {
        let output = self
            .output
            .take()
            .map(|output| thread::spawn(move || read(output)));
        let mut status = None;
        eventually("the application ends", || {
            status = self.child.try_wait().expect("a child can be waited for");
            status.is_some()
        });
        let join =
            |reader: Option<JoinHandle<String>>| reader.map(|reader| reader.join().expect("text"));
        Ended {
            status: status.expect("it has ended"),
            output: std::mem::take(&mut self.first_line) + &join(output).unwrap_or_default(),
            log: join(self.log.take()).unwrap_or_default(),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some(log) = self.log.take().filter(|_| thread::panicking()) {
            // The test harness shows this with the failure.
            println!("{}", log.join().unwrap_or_default());
        }
    }
}

fn read(mut from: impl Read) -> String {
    let mut text = String::new();
    let _ = from.read_to_string(&mut text);
    text
}

/// Waits until something is so.
pub fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < PATIENCE, "not in time: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// Where cargo puts an application. All of them are built on the first call, with the features that the
/// tests are built with, so that next to nothing is built twice.
fn binary(application: &str) -> &'static PathBuf {
    static BINARIES: OnceLock<Option<BTreeMap<String, PathBuf>>> = OnceLock::new();
    &BINARIES
        .get_or_init(build)
        .as_ref()
        .expect("the applications build")[application]
}

fn build() -> Option<BTreeMap<String, PathBuf>> {
    let arguments = ["build", "--workspace", "--all-features", "--bins"];
    let output = Command::new(env!("CARGO"))
        .args(arguments)
        .arg("--message-format=json")
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stderr(Stdio::inherit())
        .output()
        .expect("cargo runs");
    let messages = output.stdout.split(|&byte| byte == b'\n');
    let executables = messages.filter_map(|line| {
        let message: Value = serde_json::from_slice(line).ok()?;
        Some((
            message["target"]["name"].as_str()?.to_owned(),
            message["executable"].as_str()?.into(),
        ))
    });
    output.status.success().then(|| executables.collect())
}

/// A path of these segments, percent-encoded.
pub fn path(segments: &[&str]) -> String {
    let mut path = String::new();
    for segment in segments {
        path.push('/');
        for byte in segment.bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                    path.push(char::from(byte));
                }
                _ => write!(path, "%{byte:02X}").expect("a string takes everything"),
            }
        }
    }
    path
}
