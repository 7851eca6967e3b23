//! That this process has copies in memory, and for how long it serves them after they have become wrong: told to all who
//! remove what such a copy is of, before the first is taken.

use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use deadpool_redis::redis::{Cmd, cmd};
use parking_lot::Mutex;

use super::bound::StalenessBound;
use super::whole_milliseconds;
use crate::store::redis::milliseconds;
use crate::store::redis::node::{Tracked, Unchanged};
use crate::store::redis::scripts::Script;
use crate::store::redis::topology::Topology;
use crate::util::moment::{Latest, Moment};
use crate::util::runtime::with_timers;
use crate::util::turn::Turn;

/// How long an announcement stands, unless it is renewed.
pub(super) const ANNOUNCED: Duration = Duration::from_secs(60);

/// When it is renewed, if anybody reads.
const RENEWED: Duration = Duration::from_secs(20);

/// From an announcement to the first copy. Whoever removes something has asked more lately than that.
pub(super) const SETTLING: Duration = Duration::from_secs(2);

/// What this process has announced: one for each time that functions say, in the order in which they first did. None ever
/// goes, and there are no more of them than milliseconds in the longest time.
#[derive(Default)]
pub(super) struct Announcement {
    /// What this process itself waits for.
    pub(super) bound: StalenessBound,
    first: OnceLock<Box<Announced>>,
    announcing: Turn,
}

struct Announced {
    /// In milliseconds.
    bound: u64,
    /// Since when, and when it was renewed.
    stands: Latest<2>,
    /// As far as anybody knows, the server has it still.
    kept: Arc<Unchanged>,
    teller: Mutex<Teller>,
    next: OnceLock<Box<Announced>>,
}

/// Who would tell that the server has an announcement no more.
#[derive(Default)]
struct Teller {
    tracked: Weak<Tracked>,
    /// How often it was to be made anew: a task that began before knows nothing of what there is now.
    generation: u64,
}

/// Asks for all announcements that stand.
pub(in crate::store::redis) fn announced(place: &str) -> Cmd {
    let mut announced = cmd("ZRANGE");
    announced.arg(place).arg(0).arg(-1);
    announced
}

impl Announcement {
    /// Whether copies may be taken and served for so long after they have become wrong; and whether that is to be announced,
    /// or announced anew.
    pub(super) fn state(&self, bound: Duration, now: Moment) -> (bool, bool) {
        if bound.is_zero() {
            // Nobody has to wait for that.
            return (true, false);
        }
        let announced = self.of(bound);
        // In this order: what is not kept has not stood for long by the time it is kept again.
        let is_kept = announced.kept.still();
        let Some([since, renewed]) = announced.stands.get() else {
            return (false, true);
        };
        let stands = renewed.until(now);
        // The one by the clock that has counted more, the other by both: somebody may have set one of them.
        let is_settled = is_kept
            && stands.is_some_and(|time| time < ANNOUNCED.saturating_sub(SETTLING))
            && now.earlier_by(SETTLING).is_after(since);
        let is_due = !is_kept || stands.is_none_or(|time| time > RENEWED);
        (is_settled, is_due)
    }

    /// Announces it in the background, for those who come later.
    pub(super) fn announce(self: &Arc<Self>, bound: Duration, topology: &Topology, place: String) {
        let Some(runtime) = with_timers() else {
            return;
        };
        // Where the server does not tell what changes, there are no copies.
        let Some(tracked) = topology.tracked(topology.slot(place.as_bytes())) else {
            return;
        };
        let Some(turn) = self.announcing.take() else {
            return;
        };
        let (announcement, topology) = (self.clone(), topology.clone());
        self.bound.note(bound);
        runtime.spawn(async move {
            let _turn = turn;
            let announced = announcement.of(bound);
            let generation = announced.keep(&tracked);
            let asked = Moment::now();
            let places = [place];
            let mut register = Script::register.on(&places);
            register.arg(milliseconds(ANNOUNCED)).arg(announced.bound);
            let batch = topology.batch([(&places[..], register)]);
            match topology.many::<(u64,)>(&batch).await {
                Ok(_) => announced.note(asked, generation),
                // Whoever reads next tries again.
                Err(_) => tokio::time::sleep(SETTLING).await,
            }
        });
    }

    /// That of copies which are served for so long after they have become wrong.
    fn of(&self, bound: Duration) -> &Announced {
        let bound = whole_milliseconds(bound);
        let mut place = &self.first;
        loop {
            let announced = place.get_or_init(|| Box::new(Announced::new(bound)));
            if announced.bound == bound {
                return announced;
            }
            place = &announced.next;
        }
    }
}

impl Announced {
    fn new(bound: u64) -> Self {
        Self {
            bound,
            stands: Latest::new(),
            kept: Arc::new(Unchanged::ended()),
            teller: Mutex::default(),
            next: OnceLock::new(),
        }
    }

    /// Has itself told when the server has it no more: it may be emptied, or be another one when the connection is over.
    /// Returns the generation of what is announced then.
    fn keep(&self, tracked: &Arc<Tracked>) -> u64 {
        let mut teller = self.teller.lock();
        if !self.kept.still() || teller.tracked.as_ptr() != Arc::as_ptr(tracked) {
            teller.tracked = Arc::downgrade(tracked);
            teller.generation += 1;
            self.stands.set(|_| Some([Moment::LONG_AGO; 2]));
            self.kept.begin_anew();
            tracked.watch_all(&self.kept);
        }
        teller.generation
    }

    /// That of this generation has been announced, not before it was asked for.
    fn note(&self, asked: Moment, generation: u64) {
        let teller = self.teller.lock();
        if teller.generation != generation {
            return;
        }
        let now = Moment::now();
        self.stands.set(|before| {
            let before = before.filter(|[_, renewed]| {
                let passed = renewed.until(now);
                passed.is_some_and(|time| time <= ANNOUNCED)
            });
            Some([before.map_or(now, |[since, _]| since), asked])
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::redis::node::replying;

    const BOUND: Duration = Duration::from_millis(10);

    /// What was announced so long ago is told of from then on.
    fn announced(ago: Duration, lasted: Duration) -> Announcement {
        let announcement = Announcement::default();
        let announced = announcement.of(BOUND);
        announced.kept.begin_anew();
        let since = Moment::now().earlier_by(ago);
        let renewed = Moment::now().earlier_by(lasted);
        announced.stands.set(|_| Some([since, renewed]));
        announcement
    }

    #[test]
    fn copies_are_taken_when_an_announcement_has_stood_for_a_while_and_until_it_is_old() {
        let second = Duration::from_secs(1);
        let none = Announcement::default();
        assert_eq!(none.state(BOUND, Moment::now()), (false, true));
        assert_eq!(none.state(Duration::ZERO, Moment::now()), (true, false));
        for (since, renewed, state) in [
            (second, second, (false, false)),
            (3 * second, second, (true, false)),
            (30 * second, 21 * second, (true, true)),
            (90 * second, 57 * second, (true, true)),
            (90 * second, 59 * second, (false, true)),
        ] {
            let announcement = announced(since, renewed);
            let now = Moment::now();
            assert_eq!(announcement.state(BOUND, now), state, "{since:?}");
            // Another one is no better for it.
            assert_eq!(announcement.state(2 * BOUND, now), (false, true));
            announcement.of(BOUND).kept.end();
            assert_eq!(announcement.state(BOUND, now), (false, true));
        }
    }

    #[test]
    fn what_is_announced_again_in_time_has_stood_all_the_while() {
        let second = Duration::from_secs(1);
        for (renewed, is_settled) in [(59 * second, true), (61 * second, false)] {
            let announcement = announced(90 * second, renewed);
            announcement.of(BOUND).note(Moment::now(), 0);
            let (settled, is_due) = announcement.state(BOUND, Moment::now());
            assert_eq!((settled, is_due), (is_settled, false), "{renewed:?}");
        }
    }

    #[test]
    fn a_clock_that_is_set_forward_settles_nothing() {
        let announcement = announced(Duration::ZERO, Duration::ZERO);
        let now = Moment::now().with_wall_clock_later_by(3 * SETTLING);
        assert_eq!(announcement.state(BOUND, now), (false, false));
    }

    #[tokio::test]
    async fn who_announced_before_the_server_was_emptied_knows_nothing_of_what_is_there_since() {
        let (tracked, _) = replying(&[]).await;
        let announcement = Announcement::default();
        let announced = announcement.of(BOUND);
        let long_ago = Moment::now().earlier_by(3 * SETTLING);
        let before = announced.keep(&tracked);
        assert_eq!(announced.keep(&tracked), before, "it is kept");
        announced.kept.end();
        let since = announced.keep(&tracked);
        announced.note(long_ago, before);
        assert_eq!(announcement.state(BOUND, Moment::now()), (false, true));
        announced.note(Moment::now(), since);
        assert_eq!(announcement.state(BOUND, Moment::now()), (false, false));
        // Another connection tells of it from now on.
        let (other, _) = replying(&[]).await;
        assert_ne!(announced.keep(&other), since);
        assert_eq!(announcement.state(BOUND, Moment::now()), (false, true));
    }
}
