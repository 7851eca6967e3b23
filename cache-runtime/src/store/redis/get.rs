//! Reading an entry, and the nonces of its tags.

use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use deadpool_redis::redis::{Cmd, Value, cmd};
use futures_util::FutureExt as _;

use super::RedisStore;
use super::batch::{Batch, decode};
use super::failure::Failure;
use super::node::{Sent, Unsettled};
use super::reply_error::ReplyError;
use crate::codec::Body;
use crate::key::{EntryKey, Tag};
use crate::store::protocol::{Fetch, Fetched};

/// What `PTTL` says of a key without an end.
const NO_END: i64 = -1;

impl RedisStore {
    pub(in crate::store) async fn get(
        &self,
        key: &EntryKey,
        tags: &[Tag],
        fetch: Fetch,
    ) -> Result<Fetched, Failure> {
        let found = if tags.is_empty() {
            self.get_entry(key, fetch).await
        } else {
            self.get_tagged(key, tags, fetch).boxed().await
        };
        self.checked(key, tags, found)
    }

    /// Begins to look for an entry alone, where that takes nothing that is not there.
    pub(in crate::store) fn look(&self, key: &EntryKey) -> Option<Sent> {
        if self.large.bytes(key) > 0 {
            return None;
        }
        self.topology.get_at_once(key.as_str())
    }

    /// What is there.
    ///
    /// # Errors
    ///
    /// If it is no hit, for [`RedisStore::look_on`].
    pub(in crate::store) fn poll_look(
        &self,
        key: &EntryKey,
        sent: &mut Sent,
        context: &mut Context<'_>,
    ) -> Poll<Result<Body, Unsettled>> {
        Poll::Ready(match ready!(sent.poll_reply(context)) {
            Ok(Value::BulkString(text)) if self.is_trusted(key, &[]) => {
                sent.is_well();
                self.large.note(key, text.len());
                Ok(Bytes::from(text).into())
            }
            outcome => Err(sent.unsettled(outcome)),
        })
    }

    /// What comes of it after all.
    pub(in crate::store) async fn look_on(
        &self,
        key: &EntryKey,
        unsettled: Unsettled,
    ) -> Result<Fetched, Failure> {
        let slot = self.topology.slot(key.as_bytes());
        let entry = self.topology.settle(slot, unsettled, &get(key)).await;
        let found = entry.map(|entry| found(entry, NO_END));
        self.checked(key, &[], found)
    }

    /// What was found, unless it is not to be served.
    fn checked(
        &self,
        key: &EntryKey,
        tags: &[Tag],
        found: Result<Fetched, Failure>,
    ) -> Result<Fetched, Failure> {
        if !self.is_trusted(key, tags) {
            return Err(Failure::Outdated);
        }
        if let Ok(Fetched {
            entry: Some(entry), ..
        }) = &found
        {
            self.large.note(key, entry.bytes().len());
        }
        match found {
            // A list or a hash under the key is nothing that we could serve.
            Err(failure) if failure.reply() == Some(ReplyError::WrongType) => Ok(Fetched {
                entry: None,
                tag_nonces: vec![None; tags.len()],
                remaining: Duration::MAX,
                copied: None,
            }),
            found => found,
        }
    }

    async fn get_entry(&self, key: &EntryKey, fetch: Fetch) -> Result<Fetched, Failure> {
        let slot = self.topology.slot(key.as_bytes());
        let get = get(key);
        let bytes = self.large.bytes(key);
        let (entry, ttl): (Option<Bytes>, _) = match fetch {
            Fetch::Value if bytes > 0 => {
                let mut apart = Batch::carrying(bytes);
                apart.add(slot, get);
                let (entry,) = self.topology.many(&apart).await?;
                (entry, NO_END)
            }
            Fetch::Value => (self.topology.one(slot, &get).await?, NO_END),
            Fetch::ValueAndTtl => {
                let mut both = Batch::carrying(bytes);
                both.add(slot, get);
                both.add(slot, pttl(key));
                self.topology.many(&both).await?
            }
        };
        Ok(found(entry, ttl))
    }

    /// What lies in one slot is read at one moment; all of it in one round trip.
    async fn get_tagged(
        &self,
        key: &EntryKey,
        tags: &[Tag],
        fetch: Fetch,
    ) -> Result<Fetched, Failure> {
        let tags = tags.iter().map(|tag| self.keyspace.tag(tag));
        let keys: Vec<String> = [key.as_str().to_owned()].into_iter().chain(tags).collect();
        let mut all = Batch::carrying(self.large.bytes(key));
        let slots = self.topology.by_slot(&keys);
        for (slot, places) in &slots {
            let mut get = cmd(if places.len() == 1 { "GET" } else { "MGET" });
            get.arg(places.iter().map(|&place| &keys[place]).collect::<Vec<_>>());
            all.add(*slot, get);
        }
        if fetch == Fetch::ValueAndTtl {
            all.add(self.topology.slot(key.as_bytes()), pttl(key));
        }
        let mut replies: Vec<Value> = self.topology.many(&all).await?;
        let ttl = match fetch {
            Fetch::Value => None,
            Fetch::ValueAndTtl => replies.pop(),
        };
        let mut values: Vec<Option<Bytes>> = vec![None; keys.len()];
        for (places, reply) in slots.values().zip(replies) {
            if let [place] = places.as_slice() {
                values[*place] = decode(reply)?;
            } else {
                for (place, value) in places.iter().zip(decode::<Vec<Option<Bytes>>>(reply)?) {
                    values[*place] = value;
                }
            }
        }
        let tag_nonces = values.split_off(1);
        Ok(Fetched {
            entry: values.pop().flatten().map(Body::from),
            tag_nonces,
            remaining: remaining(ttl.map_or(Ok(NO_END), decode)?),
            copied: None,
        })
    }
}

/// The rest of a TTL; -2 says that it has ended since.
pub(super) fn remaining(ttl: i64) -> Duration {
    match ttl {
        NO_END => Duration::MAX,
        ttl => Duration::from_millis(u64::try_from(ttl).unwrap_or_default()),
    }
}

/// An entry without tags, and what `PTTL` says.
fn found(entry: Option<Bytes>, ttl: i64) -> Fetched {
    Fetched {
        entry: entry.map(Body::from),
        tag_nonces: Vec::new(),
        remaining: remaining(ttl),
        copied: None,
    }
}

fn get(key: &EntryKey) -> Cmd {
    let mut get = Cmd::with_capacity(2, "GET".len() + key.as_bytes().len());
    get.arg("GET").arg(key.as_str());
    get
}

fn pttl(key: &EntryKey) -> Cmd {
    let mut pttl = cmd("PTTL");
    pttl.arg(key.as_str());
    pttl
}
