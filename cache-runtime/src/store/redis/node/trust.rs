//! Whether what a server holds can be served. A server that has loaded its data from a disk has back what was
//! invalidated after they were written; a replica that becomes master may have missed an invalidation.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::handshake::RunId;
use super::info::field;
/// What a handshake says of the age of a server's data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// All of it was written in this run.
    ThisRun,
    /// There is nothing now; what the next handshake finds was written in this run.
    Nothing,
    /// Some of it may be older than the run, which began so long ago.
    Unknown(Duration),
}

impl Origin {
    /// By what `INFO` says of the server, of its persistence and of its databases.
    pub(super) fn of(server: &str, persistence: &str, databases: &str, is_any_run: bool) -> Self {
        let is_logged = field(persistence, "aof_enabled") == Some("1");
        // Redis 6 does not tell how many keys it has loaded.
        let has_loaded = match field(persistence, "rdb_last_load_keys_loaded") {
            Some("0") => is_logged,
            _ => true,
        };
        if !has_loaded && !is_any_run {
            return Self::ThisRun;
        }
        if !databases.lines().any(|line| line.starts_with("db")) {
            return Self::Nothing;
        }
        let uptime = field(server, "uptime_in_seconds").and_then(|seconds| seconds.parse().ok());
        Self::Unknown(Duration::from_secs(uptime.unwrap_or_default()))
    }
}

/// Whether a server is still loading its data, which it then does not serve.
pub(super) fn is_loading(persistence: &str) -> bool {
    field(persistence, "loading") == Some("1")
}

/// Whether the entries of a server are served, and if not, why.
#[derive(Debug, Default)]
pub(super) struct Trust {
    state: Mutex<State>,
    /// So that a read takes no lock where all is well.
    is_withheld: AtomicBool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Served,
    /// Until the namespace has been cleared in this run of the server.
    Uncleared { run: RunId, since: Instant },
    /// Until all has expired that was there when this run began.
    Unexpired {
        since: Instant,
        uptime: Duration,
        is_told: bool,
    },
}

/// What is to be done about a server's data.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Check {
    Serve,
    /// They are served from now on: what may have been out of date has expired.
    Expired(Duration),
    /// The namespace has to be cleared first.
    Clear,
    /// Time has to pass, which is news at first.
    Wait {
        is_news: bool,
    },
}

impl Trust {
    pub(super) fn is_withheld(&self) -> bool {
        self.is_withheld.load(Ordering::Acquire)
    }

    pub(super) fn check(&self, longest_ttl: Duration) -> Check {
        let mut state = self.state.lock();
        let (lasted, was_told) = match &mut *state {
            State::Served => return Check::Serve,
            State::Uncleared { .. } => return Check::Clear,
            State::Unexpired {
                since,
                uptime,
                is_told,
            } => {
                let lasted = since.elapsed();
                if uptime.saturating_add(lasted) <= longest_ttl {
                    let is_news = !std::mem::replace(is_told, true);
                    return Check::Wait { is_news };
                }
                (lasted, *is_told)
            }
        };
        self.set(&mut state, State::Served);
        if was_told {
            Check::Expired(lasted)
        } else {
            Check::Serve
        }
    }

    /// Says whether that is news.
    pub(super) fn withhold_until_cleared(&self, run: RunId) -> bool {
        let mut state = self.state.lock();
        let is_news = !matches!(&*state, State::Uncleared { run: known, .. } if *known == run);
        if is_news {
            let since = Instant::now();
            self.set(&mut state, State::Uncleared { run, since });
        }
        is_news
    }

    /// The run began so long ago.
    pub(super) fn withhold_until_expired(&self, uptime: Duration) {
        let unexpired = State::Unexpired {
            since: Instant::now(),
            uptime,
            is_told: false,
        };
        self.set(&mut self.state.lock(), unexpired);
    }

    /// All that is there can be served, as a handshake says. Says how long that took where it had to be cleared.
    pub(super) fn serve(&self) -> Option<Duration> {
        let mut state = self.state.lock();
        let lasted = match &*state {
            State::Uncleared { since, .. } => Some(since.elapsed()),
            _ => None,
        };
        self.set(&mut state, State::Served);
        lasted
    }

    /// The run in which the namespace has to be cleared; nothing where that is not what is waited for.
    pub(super) fn uncleared_run(&self) -> Option<RunId> {
        match &*self.state.lock() {
            State::Uncleared { run, .. } => Some(run.clone()),
            _ => None,
        }
    }

    /// The namespace was cleared in this run. Says how long that took, unless another run has begun.
    pub(super) fn serve_run(&self, cleared: &RunId) -> Option<Duration> {
        let mut state = self.state.lock();
        match &*state {
            State::Uncleared { run, since } if run == cleared => {
                let lasted = since.elapsed();
                self.set(&mut state, State::Served);
                Some(lasted)
            }
            _ => None,
        }
    }

    fn set(&self, state: &mut State, new: State) {
        self.is_withheld
            .store(new != State::Served, Ordering::Release);
        *state = new;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UP: &str = "# Server\r\nuptime_in_seconds:7\r\n";
    const KEYS: &str = "# Keyspace\r\ndb3:keys=1,expires=1,avg_ttl=0\r\n";
    const NO_KEYS: &str = "# Keyspace\r\n";

    #[test]
    fn what_was_loaded_from_a_disk_is_of_unknown_origin() {
        let unknown = Origin::Unknown(Duration::from_secs(7));
        for (persistence, origin) in [
            (
                "rdb_last_load_keys_loaded:0\r\naof_enabled:0\r\n",
                Origin::ThisRun,
            ),
            ("rdb_last_load_keys_loaded:2\r\naof_enabled:0\r\n", unknown),
            ("rdb_last_load_keys_loaded:0\r\naof_enabled:1\r\n", unknown),
            // Redis 6.
            ("aof_enabled:0\r\n", unknown),
        ] {
            assert_eq!(
                Origin::of(UP, persistence, KEYS, false),
                origin,
                "{persistence}"
            );
        }
    }

    #[test]
    fn a_server_without_keys_has_nothing_that_is_out_of_date() {
        let loaded = "rdb_last_load_keys_loaded:2\r\naof_enabled:1\r\n";
        assert_eq!(Origin::of(UP, loaded, NO_KEYS, false), Origin::Nothing);
        let clean = "rdb_last_load_keys_loaded:0\r\naof_enabled:0\r\n";
        assert_eq!(Origin::of(UP, clean, NO_KEYS, true), Origin::Nothing);
        let unknown = Origin::Unknown(Duration::from_secs(7));
        assert_eq!(Origin::of(UP, clean, KEYS, true), unknown);
    }

    #[test]
    fn what_can_not_be_cleared_is_served_when_it_has_expired() {
        let trust = Trust::default();
        trust.withhold_until_expired(Duration::from_secs(60));
        assert!(trust.is_withheld());
        let hour = Duration::from_secs(3600);
        assert_eq!(trust.check(hour), Check::Wait { is_news: true });
        assert_eq!(trust.check(hour), Check::Wait { is_news: false });
        let over = trust.check(Duration::from_secs(59));
        assert!(matches!(over, Check::Expired(_)), "{over:?}");
        assert!(!trust.is_withheld());
        // Nobody needs to know where nothing was withheld.
        trust.withhold_until_expired(Duration::from_secs(60));
        assert_eq!(trust.check(Duration::from_secs(59)), Check::Serve);
    }

    #[test]
    fn clearing_one_run_does_not_vouch_for_the_next() {
        let trust = Trust::default();
        let [first, second] = ["first", "second"].map(|id| RunId(id.to_owned()));
        assert!(trust.withhold_until_cleared(first.clone()));
        assert!(!trust.withhold_until_cleared(first.clone()), "no news");
        assert!(trust.withhold_until_cleared(second.clone()));
        assert!(trust.serve_run(&first).is_none());
        assert!(trust.is_withheld());
        assert!(trust.serve_run(&second).is_some());
        assert!(!trust.is_withheld());
    }
}
