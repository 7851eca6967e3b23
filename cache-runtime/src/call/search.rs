//! What a read goes through whose first look was not all there is to it: until it has an entry that can be used, or the right
//! to fill it.

use std::time::Duration;

use bytes::Bytes;

use super::behind::Behind;
use super::entry::{Age, Entry, Revalidation};
use super::found::Found;
use super::load::{Begin, Load};
use super::lookup::{Lookup, LookupOptions, Serve};
use super::turns::{Before, Begun, Turn};
use super::verify;
use super::wait::{Wait, Waited};
use crate::codec::Body;
use crate::codec::cache_status::{CacheStatus, Detail, Disposition, ForwardReason, Freshness};
use crate::codec::envelope::{self, Envelope};
use crate::error::{CacheError, ErrorKind};
use crate::stats::{Bypass, Served};
use crate::store::{Fetch, Fetched, Holder, Looked, Seen};
use crate::util::single_flight::Nothing;

/// How often an entry may change under our eyes before we give up on it.
const MAX_ATTEMPTS: u32 = 8;

/// What such a read knows. Others have none, so that they are small.
pub(super) struct Search {
    /// It does not decode, or is not wanted.
    pub(super) rejected: Option<Bytes>,
    /// It is past its expiration, but good enough if the function fails.
    pub(super) fallback: Option<Body>,
    pub(super) reason: ForwardReason,
    pub(super) detail: Option<Detail>,
    pub(super) attempts: u32,
    wait: Wait,
    /// The load of another call that seems to be unable to fill.
    suspect: Option<Holder>,
    turn: Turn,
}

impl Search {
    pub(super) fn new(options: LookupOptions) -> Self {
        Self {
            rejected: None,
            fallback: None,
            reason: if options.refreshes {
                ForwardReason::Request
            } else {
                ForwardReason::Miss
            },
            detail: None,
            attempts: 0,
            wait: Wait::new(),
            suspect: None,
            turn: Turn::default(),
        }
    }
}

impl Lookup {
    /// `looked` is what came of [`Lookup::look`], if that was done.
    pub(super) async fn decide(&mut self, looked: Option<Box<Looked>>) -> Option<Serve> {
        let mut search = self.take_search();
        let found = match self.observed.begin(&self.engine, &self.entry) {
            None => self.find(&mut search, looked).await,
            Some(span) => Box::pin(span.around(self.find(&mut search, looked))).await,
        };
        let serve = self.serve(&mut search, found);
        self.search = Some(search);
        serve
    }

    /// What is to be served of what was found; nothing where the function is to run.
    fn serve(&mut self, search: &mut Search, found: Result<Found, CacheError>) -> Option<Serve> {
        let found = found.unwrap_or_else(|error| {
            self.engine.failed("get", &error);
            Found::Nothing(match error.kind() {
                ErrorKind::Unavailable => Bypass::Breaker,
                _ => Bypass::Failure,
            })
        });
        let behind = |what| Some(Box::new(what));
        let (json, status, how, behind) = match found {
            Found::Json(json, remaining) if !search.wait.has_begun() => {
                return Some(self.fresh(json, remaining));
            }
            Found::Drawn {
                json,
                entry,
                remaining,
            } => {
                let status = self.status(self.hit(), remaining);
                (json, status, Served::Fresh, behind(Behind::Verify(entry)))
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
                (json, status, Served::Stale, behind(Behind::Refresh(entry)))
            }
            Found::Load(load) => {
                self.missed(search);
                self.load = Some(load);
                return None;
            }
            Found::Unstored => {
                search.turn.give_up();
                search.detail = Some(Detail::Unstored);
                self.missed(search);
                return None;
            }
            Found::Nothing(why) => {
                search.turn.give_up();
                (search.reason, search.detail) = (ForwardReason::Bypass, Some(why.into()));
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

    /// Whether a fresh value is to be verified. One that somebody has just loaded is not.
    fn is_drawn(&self, search: &Search) -> bool {
        verify::is_drawn(self.entry.verify)
            && self.revalidation == Revalidation::InBackground
            && !search.wait.has_begun()
    }

    fn missed(&mut self, search: &Search) {
        let (reason, detail) = (search.reason, search.detail);
        self.observed
            .missed(&self.engine, self.entry.function, reason, detail);
    }

    async fn find(
        &mut self,
        search: &mut Search,
        mut looked: Option<Box<Looked>>,
    ) -> Result<Found, CacheError> {
        while search.attempts < MAX_ATTEMPTS {
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
                Some(entry) if search.rejected.is_none() && self.is_whole(&entry) => {
                    return Ok(Found::Json(entry, remaining));
                }
                entry => entry,
            };
            // A copy is there on the first attempt only: nothing was rejected before.
            let mut json = copied.or_else(|| self.usable(search, entry.as_ref(), &tag_nonces));
            if json.is_none() && entry.is_some() && search.rejected.is_none() {
                search.detail = Some(Detail::Tag);
            }
            search.fallback = None;
            if std::mem::take(&mut self.options.refreshes) {
                search.rejected = json.take().map(Body::into_bytes);
            }
            let found = json
                .as_ref()
                .filter(|_| self.entry.windows.is_open())
                .cloned();
            match (json, self.entry.age(remaining, self.revalidation)) {
                (Some(json), Age::Fresh) if self.is_drawn(search) => {
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
                    search.reason = ForwardReason::Stale;
                    search.fallback = Some(json);
                }
                _ => {}
            }
            if self.entry.max_loads.is_some() {
                let (engine, entry, wait) = (&self.engine, &self.entry, &mut search.wait);
                let before = search
                    .turn
                    .before(engine, entry, wait, search.fallback.is_some());
                match (Box::pin(before).await, search.fallback.take()) {
                    (Before::Ask, fallback) => search.fallback = fallback,
                    (Before::Fallback, Some(json)) => return Ok(Found::Fallback(json)),
                    (Before::Fallback | Before::LookAgain, _) => continue,
                }
            }
            let entry = entry.unwrap_or_default();
            let begun = self.begin_or_wait(search, &entry, &tag_nonces, found, remaining);
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
        search: &mut Search,
        entry: &Body,
        tag_nonces: &[Option<Bytes>],
        json: Option<Body>,
        remaining: Duration,
    ) -> Result<Option<Found>, CacheError> {
        let texts = tag_nonces
            .iter()
            .map(|nonce| str::from_utf8(nonce.as_deref()?).ok());
        let current = texts.map(Option::unwrap_or_default);
        let doomed = search
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
            search.turn.give_up();
        }
        let holder = match begun {
            Begin::Load(load) => {
                return Ok(
                    match self.valid_after_all(search, entry, remaining, &load) {
                        Some(json) => Some(Found::Json(json, remaining)),
                        None => self.begun(search, load).await,
                    },
                );
            }
            Begin::Filled => {
                search.attempts += 1;
                return Ok(None);
            }
            Begin::Fresh(remaining) => {
                search.attempts += 1;
                return Ok(json.map(|json| Found::Json(json, remaining)));
            }
            Begin::Closed => return Ok(Some(Found::Nothing(Bypass::Fence))),
            Begin::Busy(holder) => holder,
        };
        let (engine, key) = (&self.engine, &self.entry.key);
        if search.fallback.is_none() && engine.unstored.contains(key) {
            return Ok(Some(Found::Unstored));
        }
        if !holder.may_be_current(holder.tag_nonces.iter().map(String::as_str)) {
            // Perhaps it is this call that knows older ones.
            search.attempts += 1;
            search.suspect = Some(holder);
            return Ok(None);
        }
        let waited = search.wait.for_load(engine, key, &holder.token).await?;
        Ok(match waited {
            Waited::Json(json, ttl) => Some(Found::Shared(json.into(), ttl)),
            Waited::Nothing(nothing) => Some(match search.fallback.take() {
                Some(json) if nothing == Nothing::Failed => Found::Fallback(json),
                fallback => {
                    search.fallback = fallback;
                    Found::Unstored
                }
            }),
            Waited::Stored => {
                // Even if it is the same as before.
                search.rejected = None;
                search.fallback = None;
                None
            }
            Waited::LookAgain => {
                search.fallback = None;
                None
            }
            Waited::TooLong => Some(Found::Nothing(Bypass::Patience)),
        })
    }

    /// The lease is ours. Nothing where it should be looked again.
    async fn begun(&mut self, search: &mut Search, load: Box<Load>) -> Option<Found> {
        if self.entry.max_loads.is_none() {
            return Some(Found::Load(load));
        }
        let (engine, entry, wait) = (&self.engine, &self.entry, &mut search.wait);
        let begun = search
            .turn
            .begun(engine, entry, wait, load, search.fallback.is_some());
        match Box::pin(begun).await {
            Begun::Load(load) => Some(Found::Load(load)),
            Begun::LoadBeyond(load) => {
                search.detail = Some(Detail::Shed);
                Some(Found::Load(load))
            }
            Begun::Fallback => search.fallback.take().map(Found::Fallback),
            Begun::LookAgain => {
                search.attempts += 1;
                None
            }
        }
    }

    /// On a cluster a tag may be read a little before the entry, which was stored under the tag's next nonce. To load it
    /// again would be in vain, and a fence that has come up meanwhile would shorten its TTL.
    fn valid_after_all(
        &self,
        search: &Search,
        seen: &Body,
        remaining: Duration,
        load: &Load,
    ) -> Option<Body> {
        let is_wanted = matches!(search.reason, ForwardReason::Miss) && !self.entry.tags.is_empty();
        let age = self.entry.age(remaining, Revalidation::InBackground);
        if !is_wanted || !matches!(age, Age::Fresh) {
            return None;
        }
        let nonces = load.tag_nonces().iter();
        let nonces = nonces.map(|nonce| Some(nonce.clone().into()));
        self.usable(search, Some(seen), &nonces.collect::<Vec<_>>())
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

    /// The JSON of an entry that is valid and was not rejected.
    fn usable(
        &self,
        search: &Search,
        entry: Option<&Body>,
        tag_nonces: &[Option<Bytes>],
    ) -> Option<Body> {
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
        json.filter(|json| search.rejected.as_ref() != Some(json.bytes()))
    }
}
