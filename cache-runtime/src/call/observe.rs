//! What becomes of the steps of a call: counted, and told to whoever listens.

use super::entry::Entry;
use crate::cache::Engine;
use crate::codec::cache_status::{Detail, ForwardReason};
use crate::key::{EntryKey, Tag};
use crate::log::{self, Step, StepSpan};
use crate::stats::{Bypass, Function, FunctionCounters, Removed, Served};
use crate::store::Targets;

/// One read, until it is known what became of it.
#[derive(Default)]
pub(super) struct Read {
    step: Option<Box<Step>>,
}

impl Read {
    /// It looks for an entry. Returns the span of that, where somebody listens.
    pub(super) fn begin(&mut self, engine: &Engine, entry: &Entry) -> Option<StepSpan> {
        if !log::hears_steps() {
            return None;
        }
        if self.step.is_none() {
            let key = || engine.traced([entry.key.as_str()]);
            self.step = log::get(entry.function.name(), key);
        }
        let step = self.step.as_deref()?;
        Some(StepSpan::of(Some(step)))
    }

    /// It was served so many bytes of JSON; `is_copy` if they were in memory.
    pub(super) fn served(
        &mut self,
        engine: &Engine,
        function: &'static Function,
        how: Served,
        is_copy: bool,
        bytes: usize,
    ) {
        engine.counters_of(function).served(how, is_copy, bytes);
        let reason = match how {
            Served::Fresh if is_copy => "near",
            Served::Fresh => "hit",
            Served::Stale => "stale",
            Served::Collapsed => "collapsed",
        };
        self.end(Some(bytes), reason);
    }

    /// It found nothing that it could use.
    pub(super) fn missed(
        &mut self,
        engine: &Engine,
        function: &'static Function,
        reason: ForwardReason,
        detail: Option<Detail>,
    ) {
        engine.counters_of(function).missed();
        engine.measure();
        self.end(None, detail.map_or(reason.as_str(), Detail::as_str));
    }

    /// It does without the cache.
    pub(super) fn bypassed(&mut self, engine: &Engine, function: &'static Function, why: Bypass) {
        engine.counters_of(function).bypassed(why);
        engine.measure();
        if self.step.is_none() {
            self.step = log::get(function.name(), || None);
        }
        self.end(None, why.as_str());
    }

    fn end(&mut self, bytes: Option<usize>, reason: &str) {
        if let Some(step) = self.step.take() {
            log::got(&step, bytes, reason);
        }
    }
}

/// An entry is stored, and has so many bytes of JSON.
pub(super) struct Fill<'e> {
    engine: &'e Engine,
    counters: &'e FunctionCounters,
    step: Option<Box<Step>>,
    bytes: usize,
}

impl<'e> Fill<'e> {
    pub(super) fn new(engine: &'e Engine, entry: &Entry, bytes: usize) -> Self {
        let key = || engine.traced([entry.key.as_str()]);
        Self {
            engine,
            counters: engine.counters_of(entry.function),
            step: log::put(entry.function.name(), key, bytes),
            bytes,
        }
    }

    pub(super) fn span(&self) -> StepSpan {
        StepSpan::of(self.step.as_deref())
    }

    pub(super) fn stored(self) {
        self.counters.filled(Some(self.bytes));
        self.end(true, "stored");
    }

    /// Something has invalidated it meanwhile.
    pub(super) fn discarded(self) {
        self.counters.filled(None);
        self.end(false, "discarded");
    }

    /// It was not even tried, or nobody knows.
    pub(super) fn failed(self, reason: &str) {
        self.end(false, reason);
    }

    fn end(self, is_stored: bool, reason: &str) {
        self.engine.measure();
        if let Some(step) = self.step {
            log::has_put(&step, self.bytes, is_stored, reason);
        }
    }
}

/// What a write made stale is removed.
pub(super) struct Removal<'e> {
    engine: &'e Engine,
    step: Option<Box<Step>>,
    names: usize,
}

impl<'e> Removal<'e> {
    /// `function` is nothing where it is for several writes.
    pub(super) fn new(
        engine: &'e Engine,
        function: Option<&'static Function>,
        targets: &Targets,
    ) -> Self {
        let names = || {
            let keys = targets.keys.iter().map(EntryKey::as_str);
            let tags = targets.tags.iter().map(Tag::as_str);
            let patterns = targets.patterns.iter().map(|pattern| &*pattern.scan);
            engine.traced(keys.chain(tags).chain(patterns))
        };
        Self {
            engine,
            step: log::remove(function.map(Function::name), names),
            names: targets.len(),
        }
    }

    pub(super) fn span(&self) -> StepSpan {
        StepSpan::of(self.step.as_deref())
    }

    /// `entries` is nothing where it is queued.
    pub(super) fn end(self, entries: Option<u64>) {
        self.engine.measure();
        if let Some(step) = self.step {
            log::removed(&step, self.names, entries);
        }
    }
}

/// A write of this function has removed these, and with them so many entries.
pub(super) fn count_removal(
    engine: &Engine,
    function: &'static Function,
    targets: &Targets,
    entries: u64,
) {
    engine.counters_of(function).removed(Removed {
        keys: targets.keys.len() as u64,
        tags: targets.tags.len() as u64,
        patterns: targets.patterns.len() as u64,
        entries,
    });
}
