//! Spans, and what is recorded in them.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::DefaultGuard;
use tracing::{Level, Metadata, Subscriber};

/// Records what `cache-runtime` tells of single calls in this thread, spans and events alike, until it is dropped.
#[derive(Debug)]
pub struct Steps {
    state: Arc<State>,
    _guard: DefaultGuard,
}

/// A span that was closed, or an event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// Such as `cache.get`.
    pub name: String,
    /// As text, those of an event's span not among them.
    pub fields: BTreeMap<&'static str, String>,
}

impl Step {
    /// The value of a field; empty where it has none.
    #[must_use]
    pub fn field(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", String::as_str)
    }
}

#[derive(Debug, Default)]
struct State {
    last: AtomicU64,
    open: Mutex<BTreeMap<u64, (Step, u64)>>,
    entered: Mutex<Vec<u64>>,
    spans: Mutex<Vec<Step>>,
    /// With the names of the spans that they were told in.
    events: Mutex<Vec<(Step, String)>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Steps {
    /// From now on, at this level and above.
    #[must_use]
    pub fn start(level: Level) -> Self {
        let state = Arc::<State>::default();
        let recorder = Recorder(state.clone(), level);
        Self {
            state,
            _guard: tracing::subscriber::set_default(recorder),
        }
    }

    /// All spans that were closed since the last question.
    #[must_use]
    pub fn spans(&self) -> Vec<Step> {
        std::mem::take(&mut *lock(&self.state.spans))
    }

    /// All events of single calls since the last question, each with the name of the span that it was told in.
    #[must_use]
    pub fn events(&self) -> Vec<(Step, String)> {
        std::mem::take(&mut *lock(&self.state.events))
    }
}

struct Recorder(Arc<State>, Level);

impl Subscriber for Recorder {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "cache_runtime" && *metadata.level() <= self.1
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.1.into())
    }

    fn event(&self, event: &tracing::Event<'_>) {
        let name = event.metadata().name();
        if !name.starts_with("cache.") {
            return;
        }
        let mut step = Step {
            name: name.to_owned(),
            ..Step::default()
        };
        event.record(&mut step);
        let inside = lock(&self.0.entered).last().copied();
        let open = lock(&self.0.open);
        let inside = inside.and_then(|id| open.get(&id));
        let inside = inside.map(|(span, _)| span.name.clone());
        lock(&self.0.events).push((step, inside.unwrap_or_default()));
    }

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        let id = self.0.last.fetch_add(1, Ordering::Relaxed) + 1;
        let mut step = Step {
            name: attributes.metadata().name().to_owned(),
            ..Step::default()
        };
        attributes.record(&mut step);
        lock(&self.0.open).insert(id, (step, 1));
        Id::from_u64(id)
    }

    fn record(&self, id: &Id, values: &Record<'_>) {
        if let Some((step, _)) = lock(&self.0.open).get_mut(&id.into_u64()) {
            values.record(step);
        }
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, id: &Id) {
        lock(&self.0.entered).push(id.into_u64());
    }

    fn exit(&self, _: &Id) {
        lock(&self.0.entered).pop();
    }

    fn clone_span(&self, id: &Id) -> Id {
        if let Some((_, handles)) = lock(&self.0.open).get_mut(&id.into_u64()) {
            *handles += 1;
        }
        id.clone()
    }

    fn try_close(&self, id: Id) -> bool {
        let mut open = lock(&self.0.open);
        let Some((_, handles)) = open.get_mut(&id.into_u64()) else {
            return false;
        };
        *handles -= 1;
        if *handles > 0 {
            return false;
        }
        if let Some((step, _)) = open.remove(&id.into_u64()) {
            lock(&self.0.spans).push(step);
        }
        true
    }
}

impl Visit for Step {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.record_str(field, &format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.fields.insert(field.name(), value.to_owned());
    }
}
