//! A load: the right to fill one entry, which its lease in the store stands for.

use std::convert::Infallible;
use std::future::{pending, poll_fn};
use std::pin::{Pin, pin};
use std::time::Duration;

use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::time::sleep;

use crate::cache::Cache;
use crate::codec::LoadResult;
use crate::codec::cache_status::Freshness;
use crate::codec::envelope;
use crate::error::CacheError;
use crate::flight::Loaded;
use crate::nested::{self, About};
use crate::nonce::new_nonce;
use crate::store::{Begun, Grant, LEASE_LIFE};

/// What is to be read or stored: all that the flows know of an answer.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) tags: Vec<String>,
    /// How long it is fresh.
    pub(crate) life: Duration,
    /// How long it may be used after that.
    pub(crate) windows: Windows,
}

/// What may be done with a value past its expiration (RFC 5861).
#[derive(Clone, Copy, Debug, Default)]
pub struct Windows {
    /// For so long it is served, and refreshed in the background.
    pub revalidate: Duration,
    /// For so long it is served where the function fails.
    pub error: Duration,
}

/// How old a value is.
pub(crate) enum Age {
    Fresh,
    /// It may be served while it is refreshed.
    Stale,
    /// It may be served if the function fails.
    Spare,
    Ended,
}

impl Entry {
    /// How long it is kept.
    pub(crate) fn kept(&self) -> Duration {
        self.life.saturating_add(self.windows.longest())
    }

    /// Of a value that has so long to live.
    pub(crate) fn freshness(&self, left: Duration) -> Freshness {
        let window = self.windows.longest();
        Freshness {
            ttl: self.life,
            // What someone else stored may live longer.
            remaining: left.saturating_sub(window).min(self.life),
            overdue: window.saturating_sub(left),
        }
    }

    /// The age of a value that has so long to live. Where it can't be refreshed in the background, it is
    /// never stale.
    pub(crate) fn age(&self, left: Duration, revalidates: bool) -> Age {
        let past = self.windows.longest().saturating_sub(left);
        if past.is_zero() {
            Age::Fresh
        } else if left.is_zero() {
            Age::Ended
        } else if revalidates && past <= self.windows.revalidate {
            Age::Stale
        } else if past <= self.windows.error {
            Age::Spare
        } else {
            Age::Ended
        }
    }
}

impl Windows {
    fn longest(&self) -> Duration {
        self.revalidate.max(self.error)
    }

    pub(crate) fn is_open(&self) -> bool {
        !self.longest().is_zero()
    }
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
        if entry.life.is_zero() {
            return Err(CacheError::Expiration);
        }
        let mut load = Self {
            cache: cache.clone(),
            entry: entry.clone(),
            nonce: new_nonce(),
            grant: Grant::default(),
            held: true,
        };
        // Before anyone can see the nonce in the store.
        cache.flights().depart(&load.nonce);
        let (key, tags, life) = (&entry.key, &entry.tags, entry.kept());
        cache.note_life(life);
        let begun = cache
            .store()
            .begin_fill(key, tags, &load.nonce, seen, life)
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

    /// Of the tags, in their order.
    pub(crate) fn nonces(&self) -> &[String] {
        &self.grant.nonces
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

    /// Ends the load with what the function made, and says whether that was stored.
    pub(crate) async fn finish(self, made: LoadResult) -> bool {
        match made {
            LoadResult::Store(json) => return self.fill(json).await,
            LoadResult::Skip => {}
            LoadResult::Failed => self.cache.flights().share(&self.nonce, Loaded::Failed),
            LoadResult::Unencodable(error) => self
                .cache
                .failed("write an answer as JSON", &CacheError::Json(error)),
        }
        false
    }

    /// Stores the answer and hands it to those who wait for it.
    async fn fill(mut self, json: Bytes) -> bool {
        let Entry { key, tags, .. } = &self.entry;
        // Jitter, so that what was stored together does not expire together.
        let jitter = self.cache.jitter(self.entry.life);
        let life = self.entry.kept().saturating_sub(jitter);
        let life = life.max(Duration::from_millis(1));
        // Else who waits has to look again: an invalidated tag does not void the lease, and under a fence the
        // answer may have been loaded before a commit of which only the fence's end tells.
        if tags.is_empty() && self.grant.cap == 0 {
            let loaded = Loaded::Json(json.clone());
            self.cache.flights().share(&self.nonce, loaded);
        }
        let value = if tags.is_empty() {
            json
        } else {
            envelope::seal(tags, &self.grant.nonces, &json)
        };
        let stored = self
            .cache
            .store()
            .fill(key, &self.nonce, value, life, self.grant.cap)
            .await;
        let counters = self.cache.counters();
        let is_stored = match stored {
            Ok(is_stored) => is_stored,
            Err(error) => {
                self.cache.failed("store an answer", &error);
                return false;
            }
        };
        if is_stored {
            counters.fills.count();
        } else {
            counters.fills_refused.count();
        }
        self.held = false;
        is_stored
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
