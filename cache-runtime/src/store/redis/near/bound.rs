//! How long the copies that other processes have in memory may be served after they became wrong: so long does whoever
//! removes something wait before it returns.

use std::time::{Duration, Instant};

use deadpool_redis::redis::Value;
use parking_lot::Mutex;

use super::announcement::ANNOUNCED;
use crate::store::protocol::LONGEST_NEAR;
use crate::store::redis::batch::decode;
use crate::util::moment::Moment;

/// After so long, whoever removes something asks again. A copy is taken no earlier than twice as long after it was
/// announced, so what is removed within this time was asked for early enough.
const KNOWN: Duration = Duration::from_secs(1);

/// The longest time for which any process serves a copy that has become wrong.
#[derive(Debug, Default)]
pub(in crate::store::redis) struct StalenessBound(Mutex<Told>);

#[derive(Debug, Default)]
struct Told {
    asked: Option<Moment>,
    longest: Duration,
    /// When a server last said so, or this process did.
    seen: Option<Instant>,
}

impl StalenessBound {
    /// As far as it is known; nothing where no process has copies.
    pub(in crate::store::redis) fn get(&self) -> Duration {
        let told = self.0.lock();
        let is_good = told.seen.is_some_and(|seen| seen.elapsed() < ANNOUNCED);
        if is_good {
            told.longest
        } else {
            Duration::ZERO
        }
    }

    /// Whether a server is to be asked.
    pub(in crate::store::redis) fn is_due(&self) -> bool {
        let asked = self.0.lock().asked;
        asked.is_none_or(may_have_grown_since)
    }

    /// A server that was asked then has replied with what processes have announced.
    pub(in crate::store::redis) fn note_reply(&self, asked: Moment, reply: Value) {
        let members = match reply {
            // Nobody has replied.
            Value::Nil => return,
            reply => decode::<Vec<String>>(reply),
        };
        let Ok(members) = members else { return };
        let longest = members
            .iter()
            .filter_map(|member| member.parse().ok())
            .max();
        let mut told = self.0.lock();
        if told.asked.is_none_or(|before| !before.is_after(asked)) {
            told.asked = Some(asked);
        }
        drop(told);
        if let Some(longest) = longest {
            // Anything else is none of ours.
            self.note(Duration::from_millis(longest).min(LONGEST_NEAR));
        }
    }

    /// A process serves copies that have become wrong for so long.
    pub(in crate::store::redis) fn note(&self, bound: Duration) {
        let mut told = self.0.lock();
        let is_good = told.seen.is_some_and(|seen| seen.elapsed() < ANNOUNCED);
        if !is_good || bound >= told.longest {
            told.longest = bound;
            told.seen = Some(Instant::now());
        }
    }
}

/// Whether so much time has passed that somebody may have begun to take copies soon after that.
pub(in crate::store::redis) fn may_have_grown_since(moment: Moment) -> bool {
    let passed = moment.until(Moment::now());
    passed.is_none_or(|passed| passed >= KNOWN)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(members: &[&str]) -> Value {
        let members = members
            .iter()
            .map(|member| Value::BulkString((*member).into()));
        Value::Array(members.collect())
    }

    #[test]
    fn it_is_the_longest_that_anyone_has_announced() {
        let bound = StalenessBound::default();
        assert!(bound.is_due());
        assert_eq!(bound.get(), Duration::ZERO);
        bound.note_reply(Moment::now(), reply(&["10", "250", "no number"]));
        assert!(!bound.is_due());
        assert_eq!(bound.get(), Duration::from_millis(250));
        bound.note(Duration::from_millis(20));
        bound.note_reply(Moment::now(), reply(&[]));
        assert_eq!(bound.get(), Duration::from_millis(250), "it is still about");
    }

    #[test]
    fn what_was_announced_long_ago_is_forgotten() {
        let bound = StalenessBound::default();
        bound.note(Duration::from_millis(250));
        bound.0.lock().seen = Instant::now().checked_sub(ANNOUNCED);
        assert_eq!(bound.get(), Duration::ZERO);
        bound.note(Duration::from_millis(20));
        assert_eq!(bound.get(), Duration::from_millis(20));
    }
}
