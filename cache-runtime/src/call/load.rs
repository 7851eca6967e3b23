//! A load: the right to fill one entry, which its lease in the store stands for.

use std::convert::Infallible;
use std::future::pending;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::select;
use tokio::time::{Instant, sleep};

use super::background::in_background;
use super::entry::Entry;
use super::observe;
use super::reentrancy::Operation;
use super::request_context;
use super::running::Beside;
use super::turns;
use crate::cache::Engine;
use crate::codec::LoadResult;
use crate::codec::envelope;
use crate::error::{CacheError, ErrorKind};
use crate::key::EntryKey;
use crate::stats::Function;
use crate::store::{
    BeginFill, Grant, Holder, LEASE_TTL, LoadState, Seen, nonces_in, replaceable_token, token,
};
use crate::util::limit::Permit;
use crate::util::runtime::with_timers;
use crate::util::single_flight::{Loaded, Nothing};

/// How long a load keeps its lease at most: one that hangs must not keep all others from the entry.
pub(super) const MAX_LOAD: Duration = Duration::from_secs(30);

/// So often a tag may get another nonce while a load begins. After that somebody may replace the load in vain.
const MAX_CORRECTIONS: usize = 3;

/// Dropped before its end, by a failure, a panic or a caller that went away, it gives its lease back, and
/// one of those who wait takes over.
#[must_use]
pub(super) struct Load {
    engine: Arc<Engine>,
    entry: Entry,
    nonce: String,
    grant: Grant,
    /// The lease may be ours.
    is_held: bool,
    /// Why there will be no entry, once that is known.
    nothing: Option<Nothing>,
    /// One of so many that may run at once.
    pub(super) permit: Option<Permit>,
    /// Since when the function runs.
    run_since: Option<Instant>,
    /// What is to be stored.
    json: Option<Bytes>,
    /// Others may take its lease: what is loaded is only compared, unless it turns out to differ.
    is_replaceable: bool,
}

pub(super) enum Begin {
    Filled,
    Busy(Holder),
    /// The entry is fresh for so long, but for the fence that stands.
    Fresh(Duration),
    /// Nothing is stored now, since a fence is about to end.
    Closed,
    Load(Box<Load>),
}

impl Load {
    /// Asks for the lease, and once more where the token tells others of nonces that the load does not have: a tag got
    /// another one meanwhile. They would take the load for one that can't fill.
    pub(super) async fn begin(
        engine: &Arc<Engine>,
        entry: &Entry,
        seen: Seen<'_>,
    ) -> Result<Begin, CacheError> {
        let mut begun = Self::ask(engine, entry, token(seen.tag_nonces), seen).await?;
        for _ in 0..MAX_CORRECTIONS {
            let mut load = match begun {
                Begin::Load(load) if !load.tells_its_nonces() => load,
                begun => return Ok(begun),
            };
            let nonces = load.grant.tag_nonces.iter();
            let nonces: Vec<Option<Bytes>> =
                nonces.map(|nonce| Some(nonce.clone().into())).collect();
            let seen = Seen {
                tag_nonces: &nonces,
                doomed: Some(&load.nonce),
                ..seen
            };
            let token = token(seen.tag_nonces);
            begun = Box::pin(Self::ask(engine, entry, token, seen)).await?;
            // Its lease was swapped, or had gone.
            load.is_held = false;
        }
        Ok(begun)
    }

    /// The same for a load that nobody waits for, which there is only where there is room for it.
    pub(super) async fn begin_in_background(
        engine: &Arc<Engine>,
        entry: &Entry,
        seen: Seen<'_>,
    ) -> Result<Begin, CacheError> {
        let Ok(permit) = turns::try_enter(engine, entry) else {
            return Ok(Begin::Closed);
        };
        let mut begun = Self::begin(engine, entry, seen).await?;
        if let Begin::Load(load) = &mut begun {
            load.permit = permit;
        }
        Ok(begun)
    }

    /// The same for a load that keeps nobody waiting: each other one may take its lease.
    pub(super) async fn begin_replaceable(
        engine: &Arc<Engine>,
        entry: &Entry,
        seen: Seen<'_>,
    ) -> Result<Begin, CacheError> {
        let Ok(permit) = turns::try_enter(engine, entry) else {
            return Ok(Begin::Closed);
        };
        let token = replaceable_token(seen.tag_nonces);
        let mut begun = Self::ask(engine, entry, token, seen).await?;
        if let Begin::Load(load) = &mut begun {
            load.permit = permit;
            load.is_replaceable = true;
        }
        Ok(begun)
    }

    fn tells_its_nonces(&self) -> bool {
        let own = self.grant.tag_nonces.iter().map(String::as_str);
        nonces_in(&self.nonce).eq(own)
    }

    async fn ask(
        engine: &Arc<Engine>,
        entry: &Entry,
        token: String,
        seen: Seen<'_>,
    ) -> Result<Begin, CacheError> {
        if entry.ttl.is_zero() {
            return Err(ErrorKind::ZeroTtl.into());
        }
        let mut load = Self {
            engine: engine.clone(),
            entry: entry.clone(),
            nonce: token,
            grant: Grant::default(),
            is_held: true,
            nothing: None,
            permit: None,
            run_since: None,
            json: None,
            is_replaceable: false,
        };
        // Before anyone can see the nonce in the store.
        engine.single_flight.begin(&load.nonce);
        let (key, tags, ttl) = (&entry.key, &entry.tags, entry.kept());
        let store = &engine.store;
        let begun = store.begin_fill(key, tags, &load.nonce, seen, ttl).await?;
        load.is_held = matches!(begun, BeginFill::Granted(_));
        Ok(match begun {
            BeginFill::Filled => Begin::Filled,
            BeginFill::Busy(holder) => Begin::Busy(holder),
            BeginFill::Fresh(remaining) => Begin::Fresh(remaining),
            BeginFill::Closed => Begin::Closed,
            // Dropped, the load gives its lease back.
            BeginFill::Granted(grant) if grant.is_closed => Begin::Closed,
            BeginFill::Granted(grant) => {
                load.grant = grant;
                Begin::Load(Box::new(load))
            }
        })
    }

    pub(super) fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    pub(super) fn function(&self) -> &'static Function {
        self.entry.function
    }

    /// The nonces of the tags, in the tags' order.
    pub(super) fn tag_nonces(&self) -> &[String] {
        &self.grant.tag_nonces
    }

    /// A fence stood when it began.
    pub(super) fn is_fenced(&self) -> bool {
        self.grant.expires_by > 0
    }

    /// It began when the tags had these nonces.
    pub(super) fn began_under(&self, nonces: &[Option<Bytes>]) -> bool {
        let own = self.grant.tag_nonces.iter().map(String::as_bytes);
        own.eq(nonces
            .iter()
            .map(|nonce| nonce.as_deref().unwrap_or_default()))
    }

    /// The function begins to run. The lease is renewed meanwhile.
    pub(super) fn begin_run(&mut self) -> Beside {
        self.run_since = (!self.is_replaceable).then(Instant::now);
        let Entry { key, function, .. } = &self.entry;
        Beside::operation(Operation::Load(key.clone(), function)).with(self.renewal())
    }

    fn renewal(&self) -> impl Future<Output = Infallible> + Send + use<> {
        renew(
            self.engine.clone(),
            self.entry.key.clone(),
            self.nonce.clone(),
        )
    }

    /// Keeps the lease for so long.
    pub(super) async fn keep(&self, time: Duration) {
        select(pin!(sleep(time)), pin!(self.renewal())).await;
    }

    /// Whether nobody else has voided or replaced the lease.
    pub(super) async fn holds_lease(&self) -> Result<bool, CacheError> {
        let (store, key) = (&self.engine.store, &self.entry.key);
        let state = store.load_state(key, &self.nonce).await?;
        Ok(matches!(state, LoadState::UnderWay))
    }

    pub(super) fn has_run(&mut self) {
        if let Some(since) = self.run_since.take() {
            let counters = self.engine.counters_of(self.entry.function);
            counters.loaded(since.elapsed());
        }
        self.permit = None;
    }

    /// Notes what the function returned, and says whether that is to be stored.
    pub(super) fn end(&mut self, result: LoadResult) -> bool {
        match result {
            LoadResult::Store(json) => self.json = Some(json),
            LoadResult::Skip => self.come_to(Nothing::Unstored),
            LoadResult::Failed => self.come_to(Nothing::Failed),
            LoadResult::Unencodable(error) => {
                self.engine.failed("encode", &CacheError::json(error));
                self.come_to(Nothing::Unstored);
            }
        }
        self.json.is_some()
    }

    /// There will be no entry: whoever waits runs the function, and for a while nobody waits. Else they would be
    /// served one after the other, each by a load that comes to nothing.
    fn come_to(&mut self, nothing: Nothing) {
        self.nothing = Some(nothing);
        self.engine.unstored.add(self.entry.key.clone());
        let loaded = Loaded::Nothing(nothing);
        self.engine.single_flight.share(&self.nonce, loaded);
    }

    /// Stores the value and hands it to those who wait for it. Says whether it was stored.
    pub(super) async fn fill(mut self) -> bool {
        let Some(json) = self.json.take() else {
            return false;
        };
        let engine = self.engine.clone();
        let filling = observe::Fill::new(&engine, &self.entry, json.len());
        // What is loaded around a write in a transaction may have seen what is not committed.
        let has_written = request_context::has_written();
        if has_written || engine.is_too_large(&json) {
            filling.failed(if has_written {
                "transaction"
            } else {
                "too_large"
            });
            self.come_to(Nothing::Unstored);
            return false;
        }
        let Entry { key, tags, .. } = &self.entry;
        let fresh = self.entry.ttl_of_value().unwrap_or(self.entry.ttl);
        let ttl = fresh.saturating_sub(self.engine.jitter(fresh));
        let ttl = ttl.saturating_add(self.entry.windows.longest());
        let ttl = ttl.max(Duration::from_millis(1));
        let Grant {
            expires_by,
            tag_nonces,
            ..
        } = &self.grant;
        // Else who waits has to look again: an invalidated tag does not void the lease, and under a fence the
        // value may have been loaded before a commit of which only the fence's end tells.
        if tags.is_empty() && *expires_by == 0 {
            let loaded = Loaded::Json(json.clone(), fresh);
            self.engine.single_flight.share(&self.nonce, loaded);
        }
        let value = if tags.is_empty() {
            json
        } else {
            envelope::seal(tags, tag_nonces, &json)
        };
        let store = &self.engine.store;
        let stored = store.fill(key, &self.nonce, value, ttl, *expires_by);
        let is_stored = match filling.span().around(stored).await {
            Ok(is_stored) => is_stored,
            Err(error) => {
                self.engine.failed("fill", &error);
                filling.failed("failure");
                return false;
            }
        };
        if is_stored {
            self.engine.unstored.remove(key);
            self.engine
                .single_flight
                .share_last(&self.nonce, Loaded::Stored);
            filling.stored();
        } else {
            filling.discarded();
        }
        self.is_held = false;
        is_stored
    }
}

async fn renew(engine: Arc<Engine>, key: EntryKey, nonce: String) -> Infallible {
    if with_timers().is_none() {
        // Without timers the lease has the TTL that it has.
        return pending().await;
    }
    let last = Instant::now() + MAX_LOAD - LEASE_TTL;
    while Instant::now() + LEASE_TTL / 3 <= last {
        sleep(LEASE_TTL / 3).await;
        engine.single_flight.touch(&nonce);
        // Whether it was renewed shows when the entry is filled.
        let _ = engine.store.renew(&key, &nonce).await;
    }
    // The lease lapses, and what is loaded after all is not stored.
    pending().await
}

impl Drop for Load {
    fn drop(&mut self) {
        let single_flight = &self.engine.single_flight;
        if self.is_held {
            let (engine, nothing) = (self.engine.clone(), self.nothing);
            let (key, nonce) = (self.entry.key.clone(), self.nonce.clone());
            // If it fails, the lease ends by itself.
            in_background(async move {
                let store = &engine.store;
                let _ = match nothing {
                    None => store.release(&key, &nonce).await,
                    Some(nothing) => store.release_with_nothing(&key, &nonce, nothing).await,
                };
            });
        } else {
            single_flight.share_last(&self.nonce, Loaded::Ended);
        }
        // Behind the release, so that who wakes up now finds the lease free.
        single_flight.finish(&self.nonce);
    }
}
