//! Clients that call something again and again.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::wait::wait_until;

/// Between two calls of one client: enough load to meet every state, and a machine that can be used.
const PACE: Duration = Duration::from_millis(2);

/// Clients that go on until they are stopped, each in a task of its own.
///
/// A test waits for them by blocking its thread, so their runtime has to have other threads.
#[derive(Debug)]
pub struct Load {
    shared: Arc<Shared>,
    clients: Vec<JoinHandle<()>>,
}

/// One of the clients, in one of its turns.
#[derive(Debug)]
pub struct Client {
    /// Which of the clients it is, from 0 on.
    pub number: usize,
    /// How many turns it had before.
    pub turn: usize,
    shared: Arc<Shared>,
}

/// What became of the calls.
#[derive(Debug)]
pub struct Report {
    /// How many there were.
    pub calls: u64,
    /// What the clients found wrong.
    pub wrong: Vec<String>,
    /// How long the slowest took.
    pub slowest: Duration,
}

#[derive(Debug, Default)]
struct Shared {
    is_over: AtomicBool,
    has_panicked: AtomicBool,
    calls: AtomicU64,
    wrong: Mutex<Vec<String>>,
    slowest: Mutex<Duration>,
}

impl Load {
    /// So many clients, each of which has one turn after another.
    pub fn start<F>(clients: usize, turn: impl Fn(Client) -> F + Clone + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let shared = Arc::new(Shared::default());
        let client = |number| {
            let (shared, turn) = (shared.clone(), turn.clone());
            tokio::spawn(async move { shared.run(number, turn).await })
        };
        Self {
            clients: (0..clients).map(client).collect(),
            shared,
        }
    }

    /// How many calls there were.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.shared.calls.load(Ordering::SeqCst)
    }

    /// Blocks the thread until there were so many more calls.
    #[track_caller]
    pub fn goes_on(&self, calls: u64) {
        let enough = self.calls() + calls;
        wait_until("the clients have called", || {
            let has_ended = self.clients.iter().any(JoinHandle::is_finished);
            assert!(!has_ended, "a client has ended");
            self.calls() >= enough
        });
    }

    /// Ends the load after the turns that are under way, and blocks the thread until then.
    ///
    /// # Panics
    ///
    /// If a client has panicked.
    #[must_use]
    #[track_caller]
    pub fn stop(self) -> Report {
        self.shared.end();
        wait_until("the clients have ended", || {
            self.clients.iter().all(JoinHandle::is_finished)
        });
        self.shared.report()
    }

    /// Waits until a client panics.
    ///
    /// # Panics
    ///
    /// Then.
    pub async fn run_until_a_client_panics(mut self) {
        for client in self.clients.drain(..) {
            let _ = client.await;
        }
        self.shared.report();
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.shared.end();
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            calls,
            wrong,
            slowest,
        } = self;
        write!(
            f,
            "{calls} sent, {} failed, slowest {slowest:.1?}",
            wrong.len()
        )
    }
}

/// Ends the load if the client panics: what one of them saw is enough.
struct EndsWithPanic<'a>(&'a Shared);

impl Drop for EndsWithPanic<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.has_panicked.store(true, Ordering::SeqCst);
            self.0.end();
        }
    }
}

impl Shared {
    async fn run<F: Future<Output = ()>>(self: Arc<Self>, number: usize, go: impl Fn(Client) -> F) {
        let _guard = EndsWithPanic(&self);
        for turn in 0.. {
            if self.is_over.load(Ordering::SeqCst) {
                return;
            }
            let shared = self.clone();
            go(Client {
                number,
                turn,
                shared,
            })
            .await;
        }
    }

    fn end(&self) {
        self.is_over.store(true, Ordering::SeqCst);
    }

    #[track_caller]
    fn report(&self) -> Report {
        let has_panicked = self.has_panicked.load(Ordering::SeqCst);
        assert!(!has_panicked, "a client has panicked, as it says above");
        let wrong = self.wrong.lock();
        let slowest = self.slowest.lock();
        Report {
            calls: self.calls.load(Ordering::SeqCst),
            wrong: wrong.unwrap_or_else(PoisonError::into_inner).clone(),
            slowest: *slowest.unwrap_or_else(PoisonError::into_inner),
        }
    }
}

impl Client {
    /// Waits for a call, counts it, and pauses for a moment.
    pub async fn call<T>(&self, call: impl Future<Output = T>) -> T {
        let start = Instant::now();
        let value = call.await;
        let took = start.elapsed();
        self.shared.calls.fetch_add(1, Ordering::SeqCst);
        {
            let slowest = self.shared.slowest.lock();
            let mut slowest = slowest.unwrap_or_else(PoisonError::into_inner);
            *slowest = took.max(*slowest);
        }
        sleep(PACE).await;
        value
    }

    /// Reports what must not be.
    pub fn found_wrong(&self, what: String) {
        let wrong = self.shared.wrong.lock();
        wrong.unwrap_or_else(PoisonError::into_inner).push(what);
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_load_goes_on_until_it_is_stopped_and_reports_what_was_wrong() {
        let load = Load::start(3, async |client: Client| {
            client.call(async {}).await;
            if (client.number, client.turn) == (1, 7) {
                client.found_wrong("the eighth turn".to_owned());
            }
        });
        load.goes_on(30);
        load.goes_on(30);
        let report = load.stop();
        assert!(report.calls >= 60, "{report}");
        assert_eq!(report.wrong, ["the eighth turn"]);
    }

    #[tokio::test]
    async fn a_client_that_panics_ends_the_load() {
        let load = Load::start(3, async |client: Client| {
            client.call(async {}).await;
            assert_ne!((client.number, client.turn), (1, 7));
        });
        let end = tokio::spawn(load.run_until_a_client_panics());
        let end = timeout(10 * crate::SECOND, end).await;
        assert!(end.expect("it ends").is_err(), "a client has panicked");
    }
}
