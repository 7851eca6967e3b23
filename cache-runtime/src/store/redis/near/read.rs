//! A read that may be served from memory.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use deadpool_redis::redis::{FromRedisValue, Value, from_redis_value, pipe};
use futures_util::FutureExt as _;
use futures_util::future::join_all;

use super::announcement::announced;
use super::copies::{Copy, Source};
use super::hit::Waiting;
use super::wait;
use crate::codec::Body;
use crate::codec::envelope::{self, Envelope};
use crate::key::{EntryKey, Tag};
use crate::store::hash_slot::Slot;
use crate::store::protocol::{Fetch, Fetched, Near};
use crate::store::redis::RedisStore;
use crate::store::redis::failure::Failure;
use crate::store::redis::get::remaining;
use crate::store::redis::node::{LARGE, Tracked};
use crate::util::moment::Moment;

/// A look for a copy that is under way.
pub(crate) struct NearLook {
    near: Near,
    waiting: Option<Waiting>,
}

impl NearLook {
    pub(in crate::store) fn new(near: Near) -> Self {
        Self {
            near,
            waiting: None,
        }
    }
}

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
            // Each of these takes no more than a deadline, which the first look may have taken already.
            self.has_time(near)?;
            if let Some(found) = self.find_copy(key, tags, near).await {
                return Ok(found);
            }
            self.has_time(near)?;
            if let Some(found) = self.take_copy(key, tags).boxed().await {
                return Ok(found);
            }
            self.has_time(near)?;
        }
        self.get(key, tags, fetch).boxed().await
    }

    /// # Errors
    ///
    /// If the read has taken all of the time that there is.
    fn has_time(&self, near: Near) -> Result<(), Failure> {
        let (deadline, passed) = (self.topology.deadline(), near.begun.until(Moment::now()));
        if passed.is_some_and(|passed| passed >= deadline) {
            return Err(Failure::Timeout(deadline));
        }
        Ok(())
    }

    /// The JSON alone, where that takes nothing but a copy and perhaps a wait for what its server has to tell.
    pub(in crate::store) fn poll_near(
        &self,
        key: &EntryKey,
        tags: &[Tag],
        look: &mut NearLook,
        context: &mut Context<'_>,
    ) -> Poll<Option<Body>> {
        let NearLook { near, waiting } = look;
        if waiting.is_none() {
            let state = self.near.announcement.state(near.bound, near.begun);
            if state != (true, false) {
                return Poll::Ready(None);
            }
        }
        self.poll_copy(key, tags, *near, waiting, context)
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

    /// Reads what there is, and copies it. Nothing where it has to be read in the usual way.
    async fn take_copy(&self, key: &EntryKey, tags: &[Tag]) -> Option<Fetched> {
        let watches = self.watches(key, tags);
        let over = watches
            .iter()
            .map(|watch| self.topology.tracked(watch.slot));
        let over = over.collect::<Option<Vec<_>>>()?;
        let unchanged = Arc::default();
        let asked = Moment::now();
        // Before anything is read, all of it is watched.
        for (watch, tracked) in watches.iter().zip(&over) {
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
            let json = json_in(entry, tags, &tag_nonces);
            if let Some(json) = json
                && !is_fenced
                && bytes.len() < LARGE
            {
                let copy = Copy {
                    entry: entry.clone(),
                    json,
                    tags: tags.to_vec(),
                    tag_nonces: tag_nonces.clone(),
                    unchanged,
                    sources: Source::all(watches.iter().map(|watch| watch.slot).zip(over)),
                    asked,
                    lives: lives.unwrap_or(entry_lives),
                    entry_lives,
                };
                if self.near.copies.put(key, copy) {
                    self.near.counters.copies.count();
                }
            }
        }
        Some(Fetched {
            entry,
            tag_nonces,
            remaining: entry_lives,
            copied: None,
        })
    }
}

/// Nothing where it is not valid, or has tags that its reader knows nothing of.
fn json_in(entry: &Body, tags: &[Tag], tag_nonces: &[Option<Bytes>]) -> Option<Body> {
    if tags.is_empty() {
        let is_plain = Envelope::parse(entry.bytes()).is_none();
        return is_plain.then(|| entry.clone());
    }
    let json = envelope::value(entry.bytes(), tags, tag_nonces)?;
    Some(entry.with_json(json))
}

/// One after the other, so that each connection is asked for all that it has to tell in one go.
async fn read(watches: &[Watch], over: &[Arc<Tracked>]) -> Option<Vec<Said>> {
    let mut said: Vec<Option<Said>> = watches.iter().map(|_| None).collect();
    let mut asked: Vec<(&Arc<Tracked>, Vec<usize>)> = Vec::new();
    for (place, tracked) in over.iter().enumerate() {
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
