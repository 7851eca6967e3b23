//! Clients that call something again and again.

use std::any::Any;
use std::fmt;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::wait::wait_until;

/// Between two calls of one client: enough load to meet every state, and a machine that can be used.
const PACE: Duration = Duration::from_millis(2);

/// Clients in threads of their own, which go on until they are stopped. Async calls need
/// [`Handle::block_on`](tokio::runtime::Handle::block_on), and a runtime with more than one thread.
#[derive(Debug)]
pub struct Load {
    shared: Arc<Shared>,
    clients: Vec<JoinHandle<()>>,
}

/// One of the clients, in one of its turns.
#[derive(Clone, Copy, Debug)]
pub struct Client<'a> {
    /// Which of the clients it is, from 0 on.
    pub number: usize,
    /// How many turns it had before.
    pub turn: usize,
    shared: &'a Shared,
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
    calls: AtomicU64,
    wrong: Mutex<Vec<String>>,
    slowest: Mutex<Duration>,
}

impl Load {
    /// So many clients, each of which has one turn after another.
    pub fn start(clients: usize, turn: impl Fn(Client<'_>) + Send + Sync + 'static) -> Self {
        let shared = Arc::new(Shared::default());
        let turn = Arc::new(turn);
        let client = |number| {
            let (shared, turn) = (shared.clone(), turn.clone());
            thread::spawn(move || shared.run(number, &*turn))
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

    /// Ends the load after the turns that are under way.
    ///
    /// # Panics
    ///
    /// If a client has panicked, with what that one said.
    #[must_use]
    pub fn stop(mut self) -> Report {
        self.shared.is_over.store(true, Ordering::SeqCst);
        self.report()
    }

    /// Goes on until a client panics.
    ///
    /// # Panics
    ///
    /// With what that client said.
    pub fn run_until_a_client_panics(mut self) {
        self.report();
    }

    fn report(&mut self) -> Report {
        if let Some(panic) = self.join() {
            resume_unwind(panic);
        }
        let wrong = self.shared.wrong.lock();
        let slowest = self.shared.slowest.lock();
        Report {
            calls: self.calls(),
            wrong: wrong.unwrap_or_else(PoisonError::into_inner).clone(),
            slowest: *slowest.unwrap_or_else(PoisonError::into_inner),
        }
    }

    /// Waits for all clients; what one of them panicked with, if one did.
    fn join(&mut self) -> Option<Box<dyn Any + Send>> {
        let ended: Vec<_> = self.clients.drain(..).map(JoinHandle::join).collect();
        ended.into_iter().find_map(Result::err)
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::SeqCst);
        self.join();
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
            self.0.is_over.store(true, Ordering::SeqCst);
        }
    }
}

impl Shared {
    fn run(&self, number: usize, one_turn: &impl Fn(Client<'_>)) {
        let _guard = EndsWithPanic(self);
        for turn in 0.. {
            if self.is_over.load(Ordering::SeqCst) {
                return;
            }
            one_turn(Client {
                number,
                turn,
                shared: self,
            });
        }
    }
}

impl Client<'_> {
    /// Makes a call, counts it, and pauses for a moment.
    pub fn call<T>(&self, call: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let value = call();
        let took = start.elapsed();
        self.shared.calls.fetch_add(1, Ordering::SeqCst);
        let slowest = self.shared.slowest.lock();
        let mut slowest = slowest.unwrap_or_else(PoisonError::into_inner);
        *slowest = took.max(*slowest);
        drop(slowest);
        thread::sleep(PACE);
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
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;

    #[test]
    fn a_load_goes_on_until_it_is_stopped_and_reports_what_was_wrong() {
        let load = Load::start(3, |client| {
            client.call(|| {});
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

    #[test]
    fn a_client_that_panics_ends_the_load() {
        let load = Load::start(3, |client| assert_ne!((client.number, client.turn), (1, 7)));
        let load = AssertUnwindSafe(load);
        let ended = catch_unwind(|| { load }.0.run_until_a_client_panics());
        assert!(ended.is_err(), "it says that a client has panicked");
    }
}
