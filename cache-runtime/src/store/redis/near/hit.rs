//! A hit from memory: whether the copy that there is may be served.

use std::convert::identity;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use deadpool_redis::redis::{Cmd, cmd};
use futures_util::future::{FutureExt as _, join_all};

use super::a_hair_less;
use super::copies::{Copy, Source};
use crate::codec::Body;
use crate::key::{EntryKey, Tag};
use crate::store::protocol::{Fetched, Near};
use crate::store::redis::RedisStore;
use crate::store::redis::node::Confirmation;
use crate::util::moment::Moment;

/// A copy that may be served once its server has told of all that had changed.
pub(super) struct Waiting {
    copy: Arc<Copy>,
    told: Confirmation,
}

impl RedisStore {
    /// A copy, without a box for what there may be to wait for. Nothing, also where it takes more than that.
    ///
    /// `waiting` is what this call is waiting for; nothing at first.
    pub(super) fn poll_copy(
        &self,
        key: &EntryKey,
        tags: &[Tag],
        near: Near,
        waiting: &mut Option<Waiting>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Body>> {
        let json = |copy: &Arc<Copy>| {
            self.still_good(copy, key, tags, near)?;
            Some(copy.json.for_hit())
        };
        if waiting.is_none() {
            // Most often that is all, and takes no lock but that of the place where the copy is.
            let look = |copy: &Arc<Copy>| {
                let json = self.is_good(copy, tags, near).then(|| copy.json.for_hit());
                json.ok_or_else(|| copy.clone())
            };
            let copy = match self.near.copies.look(key, look) {
                Some(Err(copy)) => copy,
                found => return Poll::Ready(found.and_then(Result::ok)),
            };
            match self.told_of(&copy, key, tags, near) {
                None => return Poll::Ready(None),
                Some(None) => return Poll::Ready(json(&copy)),
                Some(Some(floor)) => *waiting = self.begin_to_wait(copy, key, floor),
            }
        }
        let Some(Waiting { copy, told }) = waiting else {
            return Poll::Ready(None);
        };
        let [only] = copy.sources.as_slice() else {
            return Poll::Ready(None);
        };
        let is_known = ready!(only.tracked.poll_confirmed(floor(near), told, context));
        Poll::Ready(is_known.then(|| json(copy)).flatten())
    }

    /// Nothing where several servers would have to tell.
    fn begin_to_wait(&self, copy: Arc<Copy>, key: &EntryKey, floor: Moment) -> Option<Waiting> {
        let [only] = copy.sources.as_slice() else {
            return None;
        };
        let ask = || self.harmless(key, &copy.tags, only.place);
        let told = only.tracked.confirm_once(floor, ask)?;
        self.near.counters.waits.count();
        Some(Waiting { copy, told })
    }

    pub(super) async fn find_copy(
        &self,
        key: &EntryKey,
        tags: &[Tag],
        near: Near,
    ) -> Option<Fetched> {
        let copy = self.near.copies.get(key)?;
        if let Some(floor) = self.told_of(&copy, key, tags, near)? {
            self.near.counters.waits.count();
            if !self.confirm(&copy, key, floor).await {
                return None;
            }
        }
        let remaining = self.still_good(&copy, key, tags, near)?;
        Some(Fetched {
            entry: Some(copy.entry.clone()),
            tag_nonces: copy.tag_nonces.clone(),
            remaining,
            copied: Some(copy.json.for_hit()),
        })
    }

    /// Whether there is nothing against a copy, and nothing to be done about it.
    fn is_good(&self, copy: &Copy, tags: &[Tag], near: Near) -> bool {
        let soon = near.begun.earlier_by(near.bound / 2);
        let is_known = |source: &Source| source.tracked.is_known_up_to(soon);
        copy.sources.iter().all(|source| self.is_current(source))
            && copy.tags == tags
            && copy.sources.iter().all(is_known)
            // Not before: what has been learned meanwhile may be about it.
            && copy.unchanged.still()
            && copy.remaining(near.begun).is_some()
    }

    /// Another server may have the slot by now, or another connection tell of it.
    fn is_current(&self, source: &Source) -> bool {
        self.topology.is_tracked_by(source.slot, &source.tracked)
    }

    /// Up to when all has to be known that had changed; nothing where it is. Nothing at all where nobody tells of it any more
    /// who did when it was taken.
    #[expect(clippy::option_option, reason = "each is what it says")]
    fn told_of(
        &self,
        copy: &Arc<Copy>,
        key: &EntryKey,
        tags: &[Tag],
        near: Near,
    ) -> Option<Option<Moment>> {
        if !copy.sources.iter().all(|source| self.is_current(source)) {
            let why = &self.near.counters.disconnected;
            self.near.give_up(key, copy, why);
            return None;
        }
        if copy.tags != tags {
            return None;
        }
        let floor = floor(near);
        let is_behind = behind(copy, floor).next().is_some();
        Some(is_behind.then_some(floor))
    }

    /// How long a copy lives still of which all is known, if that is nothing against it.
    fn still_good(
        &self,
        copy: &Arc<Copy>,
        key: &EntryKey,
        tags: &[Tag],
        near: Near,
    ) -> Option<Duration> {
        let counters = &self.near.counters;
        // Not before: what has been learned meanwhile may be about it.
        if !copy.unchanged.still() {
            self.near.give_up(key, copy, &counters.changed);
            return None;
        }
        let Some(remaining) = copy.remaining(near.begun) else {
            self.near.give_up(key, copy, &counters.expired);
            return None;
        };
        if !a_hair_less(near.bound).is_zero() {
            for source in behind(copy, near.begun.earlier_by(near.bound / 2)) {
                let ask = || self.harmless(key, tags, source.place);
                source.tracked.confirm_soon(ask);
            }
        }
        Some(remaining)
    }

    /// Waits until each server has told of all that had changed by then; false where one does not.
    async fn confirm(&self, copy: &Copy, key: &EntryKey, moment: Moment) -> bool {
        let confirm = |source: &Source| {
            let tracked = source.tracked.clone();
            let place = source.place;
            async move {
                let ask = || self.harmless(key, &copy.tags, place);
                tracked.confirm(moment, ask).await
            }
        };
        if let [only] = copy.sources.as_slice() {
            return confirm(only).await;
        }
        let confirmed = join_all(behind(copy, moment).map(confirm)).boxed();
        confirmed.await.into_iter().all(identity)
    }

    /// A command that changes nothing, and that only the server replies to which has the entry, or the tag at this place
    /// behind it.
    fn harmless(&self, key: &EntryKey, tags: &[Tag], place: usize) -> Cmd {
        if !self.topology.has_slots() {
            return cmd("PING");
        }
        let mut kind = cmd("TYPE");
        match place.checked_sub(1) {
            None => kind.arg(key.as_str()),
            Some(place) => kind.arg(self.keyspace.tag(&tags[place])),
        };
        kind
    }
}

/// Up to when all has to be known that had changed.
fn floor(near: Near) -> Moment {
    near.begun.earlier_by(a_hair_less(near.bound))
}

/// Those that may not yet have told of all that had changed by then.
fn behind(copy: &Copy, moment: Moment) -> impl Iterator<Item = &Source> {
    let sources = copy.sources.iter();
    sources.filter(move |source| !source.tracked.is_known_up_to(moment))
}
