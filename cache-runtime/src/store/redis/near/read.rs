//! A read that may be served from memory.

use std::convert::identity;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use deadpool_redis::redis::{Cmd, FromRedisValue, Value, cmd, from_redis_value, pipe};
use futures_util::FutureExt as _;
use futures_util::future::join_all;

use super::announcement::announced;
use super::copies::Copy;
use super::{a_hair_less, wait};
use crate::codec::{Body, envelope};
use crate::key::{EntryKey, Tag};
use crate::store::hash_slot::Slot;
use crate::store::protocol::{Fetch, Fetched, Near};
use crate::store::redis::RedisStore;
use crate::store::redis::failure::Failure;
use crate::store::redis::get::remaining;
use crate::store::redis::node::{LARGE, Tracked};
use crate::util::moment::Moment;

/// A name, its fence, and the slot of both.
struct Watch {
    name: String,
    fence: String,
    slot: Slot,
}

/// What a server says of a [`Watch`].
struct Said {
    value: Option<Bytes>,
    /// The longest duration where it has no end.
    lives: Duration,
    is_fenced: bool,
}

impl RedisStore {
    /// The same as [`RedisStore::get`], from memory where that is as good.
    pub(in crate::store) async fn get_near(
        &self,
        key: &EntryKey,
        tags: &[Tag],
        fetch: Fetch,
        near: Near,
    ) -> Result<Fetched, Failure> {
        let announcement = &self.near.announcement;
        let (is_settled, is_due) = announcement.state(near.bound, near.begun);
        if is_due {
            announcement.announce(near.bound, &self.topology, self.near_place());
        }
        if is_settled && self.large.bytes(key) < LARGE {
            if let Some(found) = self.find_copy(key, tags, near).await {
                return Ok(found);
            }
            if let Some(found) = self.take_copy(key, tags).boxed().await {
                return Ok(found);
            }
            let (deadline, passed) = (self.topology.deadline(), near.begun.until(Moment::now()));
            if passed.is_some_and(|passed| passed >= deadline) {
                return Err(Failure::Timeout(deadline));
            }
        }
        self.get(key, tags, fetch).boxed().await
    }

    /// Until nobody serves a copy of what is no longer there.
    pub(in crate::store::redis) async fn wait_for_copies(&self) {
        if self.near.bound().is_due() {
            self.learn_bound().await;
        }
        wait(self.near.bound().get()).await;
    }

    /// Asks how long copies are served after they have become wrong.
    pub(in crate::store::redis) async fn learn_bound(&self) {
        let (asked, place) = (Moment::now(), self.near_place());
        let slot = self.topology.slot(place.as_bytes());
        if let Ok(reply) = self.topology.one(slot, &announced(&place)).await {
            self.near.bound().note_reply(asked, reply);
        }
    }

    /// Where processes say that they have copies.
    pub(in crate::store::redis) fn near_place(&self) -> String {
        self.keyspace.near(self.topology.has_slots())
    }

    fn watches(&self, key: &EntryKey, tags: &[Tag]) -> Vec<Watch> {
        let keyspace = &self.keyspace;
        let watch = |name: String, fence: String| Watch {
            slot: self.topology.slot(name.as_bytes()),
            name,
            fence,
        };
        let entry = watch(key.as_str().to_owned(), keyspace.fence(key));
        let tags = tags
            .iter()
            .map(|tag| watch(keyspace.tag(tag), keyspace.tag_fence(tag)));
        [entry].into_iter().chain(tags).collect()
    }

    async fn find_copy(&self, key: &EntryKey, tags: &[Tag], near: Near) -> Option<Fetched> {
        let counters = &self.near.counters;
        let copy = self.near.copies.get(key)?;
        let mut over = copy.over.iter();
        // Another server may have the slot by now, or another connection tell of it.
        let is_told = over.all(|(slot, over)| {
            let now = self.topology.tracked(*slot);
            now.is_some_and(|now| Arc::ptr_eq(&now, over))
        });
        if !is_told {
            self.near.give_up(key, &copy, &counters.disconnected);
            return None;
        }
        if copy.tags != tags {
            return None;
        }
        let bound = a_hair_less(near.bound);
        let floor = near.begun.earlier_by(bound);
        let behind = |moment| {
            let over = copy.over.iter().enumerate();
            let over = over.map(|(place, (_, tracked))| (place, tracked));
            over.filter(move |(_, tracked)| !tracked.is_known_up_to(moment))
        };
        if behind(floor).next().is_some() {
            counters.waits.count();
            let confirmed = behind(floor).map(|(place, tracked)| {
                let ask = self.harmless(key, tags, place);
                async move { tracked.confirm(floor, &ask).await }
            });
            let confirmed = join_all(confirmed).boxed().await;
            if !confirmed.into_iter().all(identity) {
                return None;
            }
        }
        // Not before: what has been learned meanwhile may be about it.
        if !copy.unchanged.still() {
            self.near.give_up(key, &copy, &counters.changed);
            return None;
        }
        let Some(remaining) = copy.remaining(near.begun) else {
            self.near.give_up(key, &copy, &counters.expired);
            return None;
        };
        if !bound.is_zero() {
            let soon = near.begun.earlier_by(bound / 2);
            for (place, tracked) in behind(soon) {
                tracked.confirm_soon(&self.harmless(key, tags, place));
            }
        }
        counters.hits.count();
        Some(Fetched {
            entry: Some(copy.entry.clone()),
            tag_nonces: copy.tag_nonces.clone(),
            remaining,
            is_copy: true,
        })
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

    /// Reads what there is, and copies it. Nothing where it has to be read in the usual way.
    async fn take_copy(&self, key: &EntryKey, tags: &[Tag]) -> Option<Fetched> {
        let watches = self.watches(key, tags);
        let over = watches.iter().map(|watch| {
            let tracked = self.topology.tracked(watch.slot)?;
            Some((watch.slot, tracked))
        });
        let over = over.collect::<Option<Vec<_>>>()?;
        let unchanged = Arc::default();
        let asked = Moment::now();
        // Before anything is read, all of it is watched.
        for (watch, (_, tracked)) in watches.iter().zip(&over) {
            tracked.watch([watch.name.clone(), watch.fence.clone()], &unchanged);
        }
        let said = read(&watches, &over).await?;
        if !self.is_trusted(key, tags) {
            return None;
        }
        let entry_lives = said[0].lives;
        let lives = said.iter().map(|said| said.lives).min();
        let is_fenced = said.iter().any(|said| said.is_fenced);
        let mut values = said.into_iter().map(|said| said.value);
        let entry = values.next().flatten().map(Body::kept);
        let tag_nonces: Vec<Option<Bytes>> = values.collect();
        if let Some(entry) = &entry {
            let bytes = entry.bytes();
            self.large.note(key, bytes.len());
            let is_valid = tags.is_empty() || envelope::value(bytes, tags, &tag_nonces).is_some();
            if is_valid && !is_fenced && bytes.len() < LARGE {
                let copy = Copy {
                    entry: entry.clone(),
                    tags: tags.to_vec(),
                    tag_nonces: tag_nonces.clone(),
                    unchanged,
                    over,
                    asked,
                    lives: lives.unwrap_or(entry_lives),
                    entry_lives,
                };
                let made_room = self.near.copies.put(key, copy);
                self.near.counters.copies.count();
                self.near.counters.made_room.add(made_room);
            }
        }
        Some(Fetched {
            entry,
            tag_nonces,
            remaining: entry_lives,
            is_copy: false,
        })
    }
}

/// One after the other, so that each connection is asked for all that it has to tell in one go.
async fn read(watches: &[Watch], over: &[(Slot, Arc<Tracked>)]) -> Option<Vec<Said>> {
    let mut said: Vec<Option<Said>> = watches.iter().map(|_| None).collect();
    let mut asked: Vec<(&Arc<Tracked>, Vec<usize>)> = Vec::new();
    for (place, (_, tracked)) in over.iter().enumerate() {
        match asked
            .iter_mut()
            .find(|(other, _)| Arc::ptr_eq(other, tracked))
        {
            Some((_, places)) => places.push(place),
            None => asked.push((tracked, vec![place])),
        }
    }
    let asked = asked.into_iter().map(|(tracked, places)| async move {
        let mut commands = pipe();
        for &place in &places {
            let Watch { name, fence, .. } = &watches[place];
            commands.cmd("GET").arg(name);
            commands.cmd("PTTL").arg(name);
            commands.cmd("TYPE").arg(fence);
        }
        let replies = tracked.ask(&commands).await?;
        Some((places, replies))
    });
    for answered in join_all(asked).await {
        let (places, replies) = answered?;
        let mut replies = replies.into_iter();
        for place in places {
            said[place] = Some(Said::next(&mut replies)?);
        }
    }
    said.into_iter().collect()
}

impl Said {
    /// Nothing where one of the replies is an error: what it means is found out in the usual way.
    fn next(replies: &mut impl Iterator<Item = Value>) -> Option<Self> {
        let (value, ttl, fence) = (one(replies)?, one(replies)?, one::<String>(replies)?);
        Some(Self {
            value,
            lives: remaining(ttl),
            is_fenced: fence != "none",
        })
    }
}

fn one<T: FromRedisValue>(replies: &mut impl Iterator<Item = Value>) -> Option<T> {
    let reply = replies.next()?.extract_error().ok()?;
    from_redis_value(reply).ok()
}
