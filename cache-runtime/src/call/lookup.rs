//! One read: its first look, which is all that most hits take, and what is served of an entry.

use std::task::{Context, Poll};
use std::time::Duration;

use super::behind::{Behind, Task};
use super::entry::{Entry, Revalidation};
use super::load::Load;
use super::next::Next;
use super::observe;
use super::resolve::InUse;
use super::search::Search;
use crate::codec::Body;
use crate::codec::cache_status::{CacheStatus, Detail, Disposition, ForwardReason, Freshness};
use crate::codec::envelope::Envelope;
use crate::codec::outcome::Failure;
use crate::log;
use crate::stats::Served;
use crate::store::{Look, Looked};

pub(super) struct Lookup {
    pub(super) engine: InUse,
    pub(super) observed: observe::Read,
    pub(super) entry: Entry,
    pub(super) options: LookupOptions,
    pub(super) revalidation: Revalidation,
    /// What was found was in memory.
    pub(super) is_copy: bool,
    /// Nothing while the first look is all there is to it.
    pub(super) search: Option<Box<Search>>,
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
    pub(super) behind: Option<Box<Behind>>,
    pub(super) how: Served,
    pub(super) bytes: usize,
}

impl Lookup {
    pub(super) fn new(engine: InUse, entry: Entry, options: LookupOptions) -> Self {
        Self {
            engine,
            observed: observe::Read::default(),
            entry,
            options,
            revalidation: Revalidation::InBackground,
            is_copy: false,
            search: None,
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
            && self.search.is_none()
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

    /// What is to be served of a hit.
    pub(super) fn fresh(&self, json: Body, remaining: Duration) -> Serve {
        Serve {
            bytes: json.bytes().len(),
            json,
            status: self.status(self.hit(), remaining),
            behind: None,
            how: Served::Fresh,
        }
    }

    /// It could not be read as a value of this type: to be looked for again.
    pub(super) fn reject(&mut self, serve: Serve, value: &'static str, error: &serde_json::Error) {
        self.engine.undecodable(self.entry.function, value, error);
        let mut search = self.take_search();
        search.attempts += 1;
        search.fallback = None;
        search.detail = Some(Detail::Decode);
        search.rejected = Some(serve.json.into_bytes());
        self.search = Some(search);
    }

    /// Apart from all else, for those who write both; to be put back.
    pub(super) fn take_search(&mut self) -> Box<Search> {
        let search = self.search.take();
        search.unwrap_or_else(|| Box::new(Search::new(self.options)))
    }

    fn served(&mut self, how: Served, bytes: usize) {
        self.observed
            .served(&self.engine, self.entry.function, how, self.is_copy, bytes);
    }

    /// What may be returned in the place of a failure.
    pub(super) fn take_fallback(&mut self) -> Option<Body> {
        self.search.as_mut()?.fallback.take()
    }

    /// It was, as a value of this type, and has so many bytes of JSON.
    pub(super) fn fell_back(&mut self, value: &'static str, failure: Failure, bytes: usize) {
        self.served(Served::Stale, bytes);
        self.engine.hidden(self.entry.function, value, failure);
    }

    pub(super) fn hit(&self) -> Disposition {
        if self.is_copy {
            Disposition::NearHit
        } else {
            Disposition::Hit
        }
    }

    /// The status of an entry that is kept for so long still.
    pub(super) fn status(&self, disposition: Disposition, remaining: Duration) -> CacheStatus {
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
        let search = self.search.as_deref();
        let (reason, detail) = search.map_or((ForwardReason::Miss, None), |search| {
            (search.reason, search.detail)
        });
        CacheStatus {
            freshness: ttl.map(Freshness::new),
            ..CacheStatus::forwarded(reason, detail)
        }
    }

    /// Whether this is all there is to it, as with most hits: JSON that nobody verifies, and that is fresh for as long as
    /// it is there.
    pub(super) fn is_whole(&self, entry: &Body) -> bool {
        self.entry.tags.is_empty()
            && !self.entry.windows.is_open()
            && self.entry.verify.is_none()
            && !self.options.refreshes
            && Envelope::parse(entry.bytes()).is_none()
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
