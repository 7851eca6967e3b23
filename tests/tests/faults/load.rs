//! Clients that write and read posts and know what they must not see.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use cache_testkit::app::{HttpClient, Response};
use serde_json::{Value, json};

/// Each writes a post of its own, and reads those of all.
const CLIENTS: usize = 6;

/// Between two requests of one client: enough load to meet every state, and a machine that can be used.
const PACE: Duration = Duration::from_millis(2);

/// Also from one load of an application to the next, versions grow.
static VERSIONS: AtomicU64 = AtomicU64::new(1);

#[derive(Default)]
struct Shared {
    over: AtomicBool,
    sent: AtomicU64,
    /// The version of each client's post that a write has returned for.
    committed: [AtomicU64; CLIENTS],
    wrong: Mutex<Vec<String>>,
    slowest: Mutex<Duration>,
}

/// Runs until it is stopped.
pub(crate) struct Load {
    shared: Arc<Shared>,
    clients: Vec<JoinHandle<()>>,
}

/// What became of the requests.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) sent: u64,
    /// Requests that failed, and answers that were not right.
    pub(crate) wrong: Vec<String>,
    slowest: Duration,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            sent,
            wrong,
            slowest,
        } = self;
        write!(
            f,
            "{sent} sent, {} failed, slowest {slowest:.1?}",
            wrong.len()
        )
    }
}

impl Load {
    pub(crate) fn start(caller: &HttpClient) -> Self {
        let shared = Arc::new(Shared::default());
        let client = |number| {
            let (shared, caller) = (shared.clone(), caller.clone());
            thread::spawn(move || shared.run(&caller, number))
        };
        Self {
            clients: (0..CLIENTS).map(client).collect(),
            shared,
        }
    }

    /// How many requests have been answered.
    pub(crate) fn sent(&self) -> u64 {
        self.shared.sent.load(Ordering::Relaxed)
    }

    pub(crate) fn stop(mut self) -> Report {
        self.end();
        let all = &self.shared;
        Report {
            sent: self.sent(),
            wrong: all.wrong.lock().expect("they have ended").clone(),
            slowest: *all.slowest.lock().expect("they have ended"),
        }
    }

    fn end(&mut self) {
        self.shared.over.store(true, Ordering::Relaxed);
        for client in self.clients.drain(..) {
            let _ = client.join();
        }
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.end();
    }
}

impl Shared {
    fn run(&self, caller: &HttpClient, number: usize) {
        while !self.over.load(Ordering::Relaxed) {
            let version = VERSIONS.fetch_add(1, Ordering::Relaxed);
            let title = json!({"title": format!("version {version}")});
            let path = path(number);
            if self.call(caller, "PATCH", &path, Some(&title)).is_some() {
                self.committed[number].store(version, Ordering::SeqCst);
            }
            for other in 0..CLIENTS {
                let post = (number + other) % CLIENTS;
                self.read(caller, &path_of_read(post, other), post);
            }
        }
    }

    /// A read that starts after a write has returned sees that write.
    fn read(&self, caller: &HttpClient, path: &str, post: usize) {
        let least: Vec<u64> = self
            .committed
            .iter()
            .map(|version| version.load(Ordering::SeqCst))
            .collect();
        let Some(answer) = self.call(caller, "GET", path, None) else {
            return;
        };
        let seen: Vec<(usize, u64)> = match answer.body["data"].as_array() {
            Some(posts) => posts
                .iter()
                .map(|post| (number_of(post), version_of(post)))
                .collect(),
            None => vec![(post, version_of(&answer.body))],
        };
        for (post, version) in seen {
            let least = least.get(post).copied().unwrap_or_default();
            if version < least {
                self.note(format!(
                    "{path} shows version {version} of {post}, and {least} was written"
                ));
            }
        }
    }

    fn call(
        &self,
        caller: &HttpClient,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> Option<Response> {
        thread::sleep(PACE);
        let start = Instant::now();
        let answer = caller.call(method, path, body);
        let took = start.elapsed();
        self.sent.fetch_add(1, Ordering::Relaxed);
        let mut slowest = self.slowest.lock().unwrap_or_else(PoisonError::into_inner);
        *slowest = took.max(*slowest);
        match answer {
            Ok(answer) if answer.status == 200 => Some(answer),
            Ok(answer) => {
                self.note(format!(
                    "{method} {path}: {} {}",
                    answer.status, answer.text
                ));
                None
            }
            Err(error) => {
                self.note(format!("{method} {path}: {error}"));
                None
            }
        }
    }

    fn note(&self, what: String) {
        let mut wrong = self.wrong.lock().unwrap_or_else(PoisonError::into_inner);
        wrong.push(what);
    }
}

/// The post of a client. The last ones, since the list shows these first.
fn id(number: usize) -> usize {
    25 - number
}

fn path(number: usize) -> String {
    format!("/johndoe/post/{}", id(number))
}

fn path_of_read(post: usize, turn: usize) -> String {
    if turn == 1 {
        "/johndoe/posts".to_owned()
    } else {
        path(post)
    }
}

/// Which client's post this is; a number that is no client's for any other.
fn number_of(post: &Value) -> usize {
    let id = post["id"].as_u64().and_then(|id| usize::try_from(id).ok());
    id.and_then(|id| 25_usize.checked_sub(id))
        .unwrap_or(usize::MAX)
}

fn version_of(post: &Value) -> u64 {
    let title = post["title"].as_str().unwrap_or_default();
    let version = title.strip_prefix("version ");
    version
        .and_then(|version| version.parse().ok())
        .unwrap_or(0)
}
