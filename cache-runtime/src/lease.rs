//! A load: the right to fill one entry, which its lease in the store stands for.

use std::convert::Infallible;
use std::future::{pending, poll_fn};
use std::pin::{Pin, pin};
use std::time::Duration;

use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::time::sleep;

use crate::cache::Cache;
use crate::envelope;
use crate::error::CacheError;
use crate::nested::{self, About};
use crate::store::{Begun, Grant, LEASE_LIFE, new_nonce};

/// What is to be read or stored: all that the flows know of an answer.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) tags: Vec<String>,
    pub(crate) life: Duration,
}

/// Dropped before its end, by a failure, a panic or a caller that went away, it gives its lease back, and
/// one of those who wait takes over.
#[must_use]
pub(crate) struct Load {
    cache: Cache,
    entry: Entry,
    nonce: String,
    grant: Grant,
    /// The lease may be ours.
    held: bool,
}

pub(crate) enum Begin {
    Filled,
    Busy(String),
    Load(Load),
}

impl Load {
    /// Asks for the lease. `seen` is the entry that the reader found and can't use.
    pub(crate) async fn begin(
        cache: &Cache,
        entry: &Entry,
        seen: &[u8],
    ) -> Result<Begin, CacheError> {
        let mut load = Self {
            cache: cache.clone(),
            entry: entry.clone(),
            nonce: new_nonce(),
            grant: Grant::default(),
            held: true,
        };
        // Before anyone can see the nonce in the store.
        cache.flights().depart(&load.nonce);
        let Entry { key, tags, life } = entry;
        let begun = cache
            .store()
            .begin_fill(key, tags, &load.nonce, seen, *life)
            .await?;
        load.held = matches!(begun, Begun::Granted(_));
        Ok(match begun {
            Begun::Filled => Begin::Filled,
            Begun::Busy(holder) => Begin::Busy(holder),
            Begun::Granted(grant) => {
                load.grant = grant;
                Begin::Load(load)
            }
        })
    }

    /// Runs the handler and renews the lease meanwhile, in the same task: a handler need not be `Send`.
    pub(crate) async fn run<F: Future>(&self, handler: Pin<Box<F>>) -> F::Output {
        let about = About::Loading(self.entry.key.clone());
        let mut handler = pin!(nested::within(about, handler));
        let mut renewal = pin!(self.renew());
        poll_fn(|context| {
            let answer = handler.as_mut().poll(context);
            if answer.is_pending() {
                let _ = renewal.as_mut().poll(context);
            }
            answer
        })
        .await
    }

    async fn renew(&self) -> Infallible {
        if Handle::try_current().is_err() {
            // Without timers the lease has the life that it has.
            return pending().await;
        }
        loop {
            sleep(LEASE_LIFE / 3).await;
            // Whether it was renewed shows when the entry is filled.
            let _ = self.cache.store().renew(&self.entry.key, &self.nonce).await;
        }
    }

    /// Stores the answer and hands it to those who wait for it.
    pub(crate) async fn fill(mut self, json: Bytes) {
        let Entry { key, tags, life } = &self.entry;
        // Else who waits has to look again: an invalidated tag does not void the lease, and under a fence the
        // answer may have been loaded before a commit of which only the fence's end tells.
        if tags.is_empty() && self.grant.cap == 0 {
            self.cache.flights().share(&self.nonce, json.clone());
        }
        let value = if tags.is_empty() {
            json
        } else {
            envelope::seal(tags, &self.grant.nonces, &json)
        };
        let stored = self
            .cache
            .store()
            .fill(key, &self.nonce, value, *life, self.grant.cap)
            .await;
        let counters = self.cache.counters();
        match stored {
            Ok(true) => counters.fills.count(),
            Ok(false) => counters.fills_refused.count(),
            Err(error) => return self.cache.failed("store an answer", &error),
        }
        self.held = false;
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        if self.held {
            let (cache, key, nonce) = (
                self.cache.clone(),
                std::mem::take(&mut self.entry.key),
                self.nonce.clone(),
            );
            // If it fails, the lease ends by itself.
            Cache::in_background(async move { drop(cache.store().release(&key, &nonce).await) });
        }
        // Behind the release, so that who wakes up now finds the lease free.
        self.cache.flights().land(&self.nonce);
    }
}
