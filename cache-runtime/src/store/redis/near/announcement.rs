//! That this process has copies in memory, and for how long it serves them after they have become wrong: told to all who
//! remove what such a copy is of, before the first is taken.

use std::sync::Arc;
use std::time::Duration;

use deadpool_redis::redis::{Cmd, cmd};
use parking_lot::RwLock;

use super::bound::StalenessBound;
use super::whole_milliseconds;
use crate::store::redis::milliseconds;
use crate::store::redis::node::{Tracked, Unchanged};
use crate::store::redis::scripts::Script;
use crate::store::redis::topology::Topology;
use crate::util::moment::Moment;
use crate::util::runtime::with_timers;
use crate::util::turn::Turn;

/// How long an announcement stands, unless it is renewed.
pub(super) const ANNOUNCED: Duration = Duration::from_secs(60);

/// When it is renewed, if anybody reads.
const RENEWED: Duration = Duration::from_secs(20);

/// From an announcement to the first copy. Whoever removes something has asked more lately than that.
pub(super) const SETTLING: Duration = Duration::from_secs(2);

/// What this process has announced.
#[derive(Default)]
pub(super) struct Announcement {
    /// What this process itself waits for.
    pub(super) bound: StalenessBound,
    bounds: RwLock<Vec<Announced>>,
    announcing: Turn,
}

#[derive(Debug)]
struct Announced {
    /// In milliseconds.
    bound: u64,
    since: Moment,
    renewed: Moment,
    /// As far as anybody knows, the server has it still.
    kept: Arc<Unchanged>,
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
        let bound = whole_milliseconds(bound);
        let bounds = self.bounds.read();
        let announced = bounds.iter().find(|announced| announced.bound == bound);
        announced.map_or((false, true), |announced| {
            let [stands, settled] = [announced.renewed, announced.since].map(|at| at.until(now));
            let is_kept = announced.kept.still();
            let is_settled = is_kept
                && stands.is_some_and(|time| time < ANNOUNCED.saturating_sub(SETTLING))
                && settled.is_some_and(|time| time > SETTLING);
            let is_due = !is_kept || stands.is_none_or(|time| time > RENEWED);
            (is_settled, is_due)
        })
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
        let bound = whole_milliseconds(bound);
        runtime.spawn(async move {
            let _turn = turn;
            let (asked, kept) = (Moment::now(), announcement.kept(bound, &tracked));
            let places = [place];
            let mut register = Script::register.on(&places);
            register.arg(milliseconds(ANNOUNCED)).arg(bound);
            let batch = topology.batch([(&places[..], register)]);
            match topology.many::<(u64,)>(&batch).await {
                Ok(_) => announcement.note(bound, asked, kept),
                // Whoever reads next tries again.
                Err(_) => tokio::time::sleep(SETTLING).await,
            }
        });
    }

    /// Whether the server keeps what is announced, until it tells otherwise: it may be emptied, or be another one when the
    /// connection is over.
    fn kept(&self, bound: u64, tracked: &Tracked) -> Arc<Unchanged> {
        let bounds = self.bounds.read();
        let before = bounds.iter().find(|announced| announced.bound == bound);
        match before {
            Some(announced) if announced.kept.still() => announced.kept.clone(),
            _ => {
                let kept = Arc::default();
                tracked.watch_all(&kept);
                kept
            }
        }
    }

    /// It has been announced, not before it was asked for.
    fn note(&self, bound: u64, asked: Moment, kept: Arc<Unchanged>) {
        let (mut bounds, now) = (self.bounds.write(), Moment::now());
        let before = bounds.iter().position(|announced| announced.bound == bound);
        let before = before.map(|place| bounds.swap_remove(place));
        let since = before.filter(|before| {
            let passed = before.renewed.until(now);
            Arc::ptr_eq(&before.kept, &kept) && passed.is_some_and(|time| time <= ANNOUNCED)
        });
        bounds.push(Announced {
            bound,
            since: since.map_or(now, |before| before.since),
            renewed: asked,
            kept,
        });
    }
}
