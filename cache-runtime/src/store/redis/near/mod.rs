//! Copies of entries in the memory of this process, which are never served once a write that made them wrong has returned.
//!
//! A copy is taken over a connection on which the server tells what changes ([`Tracked`]). A read that began at some moment
//! takes it if everything is known that had changed a little before: by as much as the function, or the setting, allows.
//! Whoever removes an entry waits for so long before it returns ([`StalenessBound`]); where its fence has stood for so long,
//! it waits for nothing, since fences are watched as well, and nothing is copied under one. While it waits, what it removes
//! stays closed: what is loaded from a copy that is still served is not stored.

mod announcement;
mod bound;
mod copies;
mod hit;
mod read;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use self::announcement::Announcement;
use self::bound::StalenessBound;
use self::copies::{Copies, Copy};
use crate::key::EntryKey;
use crate::stats::{Counter, NearCounters, NearStats};
use crate::util::clock::pause;
use crate::util::runtime::with_timers;

pub(super) use self::bound::may_have_grown_since;
pub(crate) use self::read::NearLook;

pub(super) struct NearCopies {
    copies: Copies,
    announcement: Arc<Announcement>,
    counters: NearCounters,
}

impl NearCopies {
    /// With room for copies of so many bytes.
    pub(super) fn new(bytes: usize) -> Self {
        Self {
            copies: Copies::new(bytes),
            announcement: Arc::default(),
            counters: NearCounters::default(),
        }
    }

    /// For how long copies are served anywhere after they have become wrong.
    pub(super) fn bound(&self) -> &StalenessBound {
        &self.announcement.bound
    }

    /// Gives a copy up, and counts why, unless somebody else has.
    fn give_up(&self, key: &EntryKey, copy: &Arc<Copy>, why: &Counter) {
        if self.copies.remove(key, copy) {
            why.count();
        }
    }

    pub(super) fn stats(&self) -> NearStats {
        NearStats {
            made_room: self.copies.made_room(),
            ..self.counters.snapshot()
        }
    }

    /// How many there are; nothing where there were none in any case.
    pub(super) fn len(&self) -> Option<u64> {
        (self.counters.copies.get() > 0).then(|| self.copies.len())
    }
}

impl fmt::Debug for NearCopies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NearCopies").finish_non_exhaustive()
    }
}

/// So many, or one more: an announcement is never too short.
fn whole_milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).map_or(u64::MAX, |time| time.div_ceil(1000))
}

/// The clocks of two machines need not go equally fast.
fn a_hair_less(time: Duration) -> Duration {
    time.saturating_sub(time / 128)
}

/// At least for so long.
pub(super) async fn wait(time: Duration) {
    if !time.is_zero() && with_timers().is_some() {
        pause(time).await;
    }
}
