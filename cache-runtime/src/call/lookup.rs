//! One read, until it has an entry that can be used, or the right to fill it.

use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;

use super::behind::{Behind, Task};
use super::entry::{Age, Entry, Revalidation};
use super::found::Found;
use super::load::{Begin, Load};
use super::next::Next;
use super::observe;
use super::resolve::InUse;
use super::turns::{Before, Begun, Turn};
use super::verify;
use super::wait::{Wait, Waited};
use crate::codec::Body;
use crate::codec::cache_status::{CacheStatus, Detail, Disposition, ForwardReason, Freshness};
use crate::codec::envelope::{self, Envelope};
use crate::codec::outcome::Failure;
use crate::error::{CacheError, ErrorKind};
use crate::log;
use crate::stats::{Bypass, Served};
use crate::store::{Fetch, Fetched, Holder, Look, Looked, Seen};
use crate::util::single_flight::Nothing;

/// How often an entry may change under our eyes before we give up on it.
const MAX_ATTEMPTS: u32 = 8;

pub(super) struct Lookup {
    engine: InUse,
    observed: observe::Read,
    entry: Entry,
    options: LookupOptions,
    /// It does not decode, or is not wanted.
    rejected: Option<Bytes>,
    /// It is past its expiration, but good enough if the function fails.
    fallback: Option<Body>,
    revalidation: Revalidation,
    reason: ForwardReason,
    detail: Option<Detail>,
    attempts: u32,
    /// What was found was in memory.
    is_copy: bool,
    wait: Wait,
    /// The load of another call that seems to be unable to fill.
    suspect: Option<Holder>,
    turn: Turn,
    /// The right to fill the entry.
    pub(super) load: Option<Box<Load>>,
}

/// What the request asks for.
#[derive(Clone, Copy, Default, PartialEq)]
pub(super) struct LookupOptions {
    /// No entry is wanted that is there already.
    pub(super) refreshes: bool,
    /// The client is told how old an entry is.
    pub(super) wants_age: bool,
}

/// What is to be served, if it can be read.
pub(super) struct Serve {
    pub(super) json: Body,
    pub(super) status: CacheStatus,
    /// What is to be done behind it.
    pub(super) behind: Option<Behind>,
    how: Served,
    bytes: usize,
}

impl Lookup {
    pub(super) fn new(engine: InUse, entry: Entry, options: LookupOptions) -> Self {
        Self {
            engine,
            observed: observe::Read::default(),
            entry,
            options,
            rejected: None,
            fallback: None,
            revalidation: Revalidation::InBackground,
            reason: if options.refreshes {
                ForwardReason::Request
            } else {
                ForwardReason::Miss
            },
            detail: None,
            attempts: 0,
            is_copy: false,
            wait: Wait::new(),
            suspect: None,
            turn: Turn::default(),
            load: None,
        }
    }

    /// Nothing can be done in the background.
    pub(super) fn in_foreground(&mut self) {
        self.revalidation = Revalidation::Impossible;
    }

    /// What is to be done behind the call, unless it is being done.
    pub(super) fn task(&self, behind: Behind) -> Option<Task> {
        Task::new(&self.engine, &self.entry, behind)
    }

    /// Nothing where the function is to run.
    pub(super) fn next(&mut self) -> Next<'_> {
        match self.look() {
            Some(look) => Next::First(self, look),
            None => Next::rest(self, None),
        }
    }

    /// Begins with what may be all there is to it.
    fn look(&self) -> Option<Look> {
        let entry = &self.entry;
        let may_be_all = !entry.windows.is_open()
            && entry.verify.is_none()
            && self.options == LookupOptions::default()
            && self.attempts == 0
            && !log::hears_steps();
        let store = &self.engine.store;
        let look = || store.look(&entry.key, &entry.tags, entry.near);
        may_be_all.then(look).flatten()
    }

    /// To be asked until there is something.
    pub(super) fn poll_look(&self, look: &mut Look, context: &mut Context<'_>) -> Poll<Looked> {
        let Entry { key, tags, .. } = &self.entry;
        self.engine.store.poll_look(key, tags, look, context)
    }

    /// What is to be served of what came of that.
    ///
    /// # Errors
    ///
    /// Where that is not all there is to it.
    pub(super) fn looked(&mut self, looked: Looked) -> Result<Serve, Looked> {
        match looked {
            Looked::Hit { entry, is_copy } if is_copy || self.is_whole(&entry) => {
                self.is_copy = is_copy;
                // Later it is a newer one that is looked for.
                self.entry.near = None;
                Ok(self.fresh(entry, Duration::MAX))
            }
            looked => Err(looked),
        }
    }

    /// `looked` is what came of [`Lookup::look`], if that was done.
    pub(super) async fn decide(&mut self, looked: Option<Box<Looked>>) -> Option<Serve> {
        let found = match self.observed.begin(&self.engine, &self.entry) {
            None => self.find(looked).await,
            Some(span) => Box::pin(span.around(self.find(looked))).await,
        };
        let found = found.unwrap_or_else(|error| {
            self.engine.failed("get", &error);
            Found::Nothing(match error.kind() {
                ErrorKind::Unavailable => Bypass::Breaker,
                _ => Bypass::Failure,
            })
        });
        let (json, status, how, behind) = match found {
            Found::Json(json, remaining) if !self.wait.has_begun() => {
                return Some(self.fresh(json, remaining));
            }
            Found::Drawn {
                json,
                entry,
                remaining,
            } => {
                let status = self.status(self.hit(), remaining);
                (json, status, Served::Fresh, Some(Behind::Verify(entry)))
            }
            Found::Json(json, remaining) => {
                let status = self.status(Disposition::Collapsed, remaining);
                (json, status, Served::Collapsed, None)
            }
            Found::Shared(json, ttl) => {
                let wants_age = self.options.wants_age;
                let status = CacheStatus {
                    freshness: wants_age.then(|| Freshness::new(ttl)),
                    ..CacheStatus::new(Disposition::Collapsed)
                };
                (json, status, Served::Collapsed, None)
            }
            Found::Fallback(json) => {
                let status = CacheStatus::new(Disposition::StaleIfError);
                (json, status, Served::Stale, None)
            }
            // Whether it is served shows when its refresh has been started.
            Found::Stale {
                json,
                entry,
                remaining,
            } => {
                let status = self.status(self.hit(), remaining);
                (json, status, Served::Stale, Some(Behind::Refresh(entry)))
            }
            Found::Load(load) => {
                self.missed();
                self.load = Some(load);
                return None;
            }
            Found::Unstored => {
                self.turn.give_up();
                self.detail = Some(Detail::Unstored);
                self.missed();
                return None;
            }
            Found::Nothing(why) => {
                self.turn.give_up();
                (self.reason, self.detail) = (ForwardReason::Bypass, Some(why.into()));
                self.observed
                    .bypassed(&self.engine, self.entry.function, why);
                return None;
            }
        };
        Some(Serve {
            bytes: json.bytes().len(),
            json,
            status,
            behind,
            how,
        })
    }

    /// What is to be served of a hit.
    fn fresh(&self, json: Body, remaining: Duration) -> Serve {
        Serve {
            bytes: json.bytes().len(),
            json,
            status: self.status(self.hit(), remaining),
            behind: None,
            how: Served::Fresh,
        }
    }

    /// Whether a fresh value is to be verified. One that somebody has just loaded is not.
    fn is_drawn(&self) -> bool {
        verify::is_drawn(self.entry.verify)
            && self.revalidation == Revalidation::InBackground
            && !self.wait.has_begun()
    }

    fn missed(&mut self) {
        let (reason, detail) = (self.reason, self.detail);
        self.observed
            .missed(&self.engine, self.entry.function, reason, detail);
    }

    /// It could not be read as a value of this type: to be looked for again.
    pub(super) fn reject(&mut self, serve: Serve, value: &'static str, error: &serde_json::Error) {
        self.engine.undecodable(self.entry.function, value, error);
        self.attempts += 1;
        self.fallback = None;
        self.detail = Some(Detail::Decode);
        self.rejected = Some(serve.json.into_bytes());
    }

    fn served(&mut self, how: Served, bytes: usize) {
        self.observed
            .served(&self.engine, self.entry.function, how, self.is_copy, bytes);
    }

    /// What may be returned in the place of a failure.
    pub(super) fn take_fallback(&mut self) -> Option<Body> {
        self.fallback.take()
    }

    /// It was, as a value of this type, and has so many bytes of JSON.
    pub(super) fn fell_back(&mut self, value: &'static str, failure: Failure, bytes: usize) {
        self.served(Served::Stale, bytes);
        self.engine.hidden(self.entry.function, value, failure);
    }

    fn hit(&self) -> Disposition {
        if self.is_copy {
            Disposition::NearHit
        } else {
            Disposition::Hit
        }
    }

    /// The status of an entry that is kept for so long still.
    fn status(&self, disposition: Disposition, remaining: Duration) -> CacheStatus {
        let wants_age = self.options.wants_age;
        CacheStatus {
            disposition,
            freshness: wants_age.then(|| self.entry.freshness(remaining)),
        }
    }

    /// The status of what the function returned.
    pub(super) fn forwarded(&self) -> CacheStatus {
        let ttl = self.entry.ttl_of_value();
        let ttl = ttl.filter(|_| self.options.wants_age);
        CacheStatus {
            freshness: ttl.map(Freshness::new),
            ..CacheStatus::forwarded(self.reason, self.detail)
        }
    }

    async fn find(&mut self, mut looked: Option<Box<Looked>>) -> Result<Found, CacheError> {
        while self.attempts < MAX_ATTEMPTS {
            let fetched = match looked.take() {
                Some(looked) => {
                    let (store, key) = (&self.engine.store, &self.entry.key);
                    Box::pin(store.look_on(key, *looked)).await?
                }
                None => None,
            };
            let Fetched {
                entry,
                tag_nonces,
                remaining,
                copied,
            } = match fetched {
                Some(fetched) => fetched,
                None => self.fetch().await?,
            };
            self.is_copy = copied.is_some();
            let entry = match entry {
                Some(entry) if self.is_whole(&entry) => return Ok(Found::Json(entry, remaining)),
                entry => entry,
            };
            // A copy is there on the first attempt only: nothing was rejected before.
            let mut json = copied.or_else(|| self.usable(entry.as_ref(), &tag_nonces));
            if json.is_none() && entry.is_some() && self.rejected.is_none() {
                self.detail = Some(Detail::Tag);
            }
            self.fallback = None;
            if std::mem::take(&mut self.options.refreshes) {
                self.rejected = json.take().map(Body::into_bytes);
            }
            let found = json
                .as_ref()
                .filter(|_| self.entry.windows.is_open())
                .cloned();
            match (json, self.entry.age(remaining, self.revalidation)) {
                (Some(json), Age::Fresh) if self.is_drawn() => {
                    return Ok(Found::Drawn {
                        json,
                        entry: entry.map(Body::into_bytes).unwrap_or_default(),
                        remaining,
                    });
                }
                (Some(json), Age::Fresh) => return Ok(Found::Json(json, remaining)),
                (Some(json), Age::Stale) => {
                    return Ok(Found::Stale {
                        json,
                        entry: entry.map(Body::into_bytes).unwrap_or_default(),
                        remaining,
                    });
                }
                (Some(json), Age::Fallback) => {
                    self.reason = ForwardReason::Stale;
                    self.fallback = Some(json);
                }
                _ => {}
            }
            if self.entry.max_loads.is_some() {
                let (engine, entry, wait) = (&self.engine, &self.entry, &mut self.wait);
                let before = self
                    .turn
                    .before(engine, entry, wait, self.fallback.is_some());
                match (Box::pin(before).await, self.fallback.take()) {
                    (Before::Ask, fallback) => self.fallback = fallback,
                    (Before::Fallback, Some(json)) => return Ok(Found::Fallback(json)),
                    (Before::Fallback | Before::LookAgain, _) => continue,
                }
            }
            let entry = entry.unwrap_or_default();
            let begun = self.begin_or_wait(&entry, &tag_nonces, found, remaining);
            if let Some(found) = Box::pin(begun).await? {
                return Ok(found);
            }
        }
        Ok(Found::Nothing(Bypass::Contention))
    }

    /// `json` is what was found and looks too old, perhaps only because of a fence. Nothing where it should be looked
    /// again.
    async fn begin_or_wait(
        &mut self,
        entry: &Body,
        tag_nonces: &[Option<Bytes>],
        json: Option<Body>,
        remaining: Duration,
    ) -> Result<Option<Found>, CacheError> {
        let texts = tag_nonces
            .iter()
            .map(|nonce| str::from_utf8(nonce.as_deref()?).ok());
        let current = texts.map(Option::unwrap_or_default);
        let doomed = self
            .suspect
            .take()
            .filter(|load| !load.may_be_current(current));
        let seen = Seen {
            entry: entry.bytes(),
            fresh_above: json.as_ref().map(|_| self.entry.windows.longest()),
            tag_nonces,
            doomed: doomed.as_ref().map(|load| load.token.as_str()),
        };
        let begun = Load::begin(&self.engine, &self.entry, seen).await?;
        if !matches!(begun, Begin::Load(_)) {
            self.turn.give_up();
        }
        let holder = match begun {
            Begin::Load(load) => {
                return Ok(match self.valid_after_all(entry, remaining, &load) {
                    Some(json) => Some(Found::Json(json, remaining)),
                    None => self.begun(load).await,
                });
            }
            Begin::Filled => {
                self.attempts += 1;
                return Ok(None);
            }
            Begin::Fresh(remaining) => {
                self.attempts += 1;
                return Ok(json.map(|json| Found::Json(json, remaining)));
            }
            Begin::Closed => return Ok(Some(Found::Nothing(Bypass::Fence))),
            Begin::Busy(holder) => holder,
        };
        let (engine, key) = (&self.engine, &self.entry.key);
        if self.fallback.is_none() && engine.unstored.contains(key) {
            return Ok(Some(Found::Unstored));
        }
        if !holder.may_be_current(holder.tag_nonces.iter().map(String::as_str)) {
            // Perhaps it is this call that knows older ones.
            self.attempts += 1;
            self.suspect = Some(holder);
            return Ok(None);
        }
        let waited = self.wait.for_load(engine, key, &holder.token).await?;
        Ok(match waited {
            Waited::Json(json, ttl) => Some(Found::Shared(json.into(), ttl)),
            Waited::Nothing(nothing) => Some(match self.fallback.take() {
                Some(json) if nothing == Nothing::Failed => Found::Fallback(json),
                fallback => {
                    self.fallback = fallback;
                    Found::Unstored
                }
            }),
            Waited::Stored => {
                // Even if it is the same as before.
                self.rejected = None;
                self.fallback = None;
                None
            }
            Waited::LookAgain => {
                self.fallback = None;
                None
            }
            Waited::TooLong => Some(Found::Nothing(Bypass::Patience)),
        })
    }

    /// The lease is ours. Nothing where it should be looked again.
    async fn begun(&mut self, load: Box<Load>) -> Option<Found> {
        if self.entry.max_loads.is_none() {
            return Some(Found::Load(load));
        }
        let (engine, entry, wait) = (&self.engine, &self.entry, &mut self.wait);
        let begun = self
            .turn
            .begun(engine, entry, wait, load, self.fallback.is_some());
        match Box::pin(begun).await {
            Begun::Load(load) => Some(Found::Load(load)),
            Begun::LoadBeyond(load) => {
                self.detail = Some(Detail::Shed);
                Some(Found::Load(load))
            }
            Begun::Fallback => self.fallback.take().map(Found::Fallback),
            Begun::LookAgain => {
                self.attempts += 1;
                None
            }
        }
    }

    /// On a cluster a tag may be read a little before the entry, which was stored under the tag's next nonce. To load it
    /// again would be in vain, and a fence that has come up meanwhile would shorten its TTL.
    fn valid_after_all(&self, seen: &Body, remaining: Duration, load: &Load) -> Option<Body> {
        let is_wanted = matches!(self.reason, ForwardReason::Miss) && !self.entry.tags.is_empty();
        let age = self.entry.age(remaining, Revalidation::InBackground);
        if !is_wanted || !matches!(age, Age::Fresh) {
            return None;
        }
        let nonces = load.tag_nonces().iter();
        let nonces = nonces.map(|nonce| Some(nonce.clone().into()));
        self.usable(Some(seen), &nonces.collect::<Vec<_>>())
    }

    async fn fetch(&mut self) -> Result<Fetched, CacheError> {
        // Later it is a newer one that is looked for.
        let near = self.entry.near.take();
        let Entry {
            key, tags, windows, ..
        } = &self.entry;
        let fetch = if windows.is_open() || self.options.wants_age {
            Fetch::ValueAndTtl
        } else {
            Fetch::Value
        };
        let store = &self.engine.store;
        match near {
            Some(near) if !self.options.refreshes => store.get_near(key, tags, fetch, near).await,
            _ => store.get(key, tags, fetch).await,
        }
    }

    /// Whether this is all there is to it, as with most hits: JSON that nobody has rejected or verifies, and that is fresh
    /// for as long as it is there.
    fn is_whole(&self, entry: &Body) -> bool {
        self.entry.tags.is_empty()
            && !self.entry.windows.is_open()
            && self.entry.verify.is_none()
            && !self.options.refreshes
            && self.rejected.is_none()
            && Envelope::parse(entry.bytes()).is_none()
    }

    /// The JSON of an entry that is valid and was not rejected.
    fn usable(&self, entry: Option<&Body>, tag_nonces: &[Option<Bytes>]) -> Option<Body> {
        let (entry, tags) = (entry?, &self.entry.tags);
        let json = if !tags.is_empty() {
            let json = envelope::value(entry.bytes(), tags, tag_nonces);
            json.map(|json| entry.with_json(json))
        } else if Envelope::parse(entry.bytes()).is_none() {
            Some(entry.clone())
        } else {
            // It has tags that this function knows nothing of.
            None
        };
        json.filter(|json| self.rejected.as_ref() != Some(json.bytes()))
    }
}

impl Serve {
    /// It was returned.
    pub(super) fn served(&self, lookup: &mut Lookup) {
        lookup.served(self.how, self.bytes);
    }
}

#[cfg(all(test, feature = "memory"))]
mod tests;
