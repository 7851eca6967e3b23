//! What the library writes to the log.

pub mod messages;
mod steps;

use std::fmt::{self, Debug};
use std::sync::{Arc, Mutex, PoisonError};

pub use self::steps::{Step, Steps};
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::DefaultGuard;
use tracing::{Level, Metadata, Subscriber};

/// Records the events of this thread, which is all there is of a test on a runtime of one thread, at `INFO`
/// and above, until it is dropped.
#[derive(Debug)]
pub struct Log {
    events: Events,
    _guard: DefaultGuard,
}

type Events = Arc<Mutex<Vec<Event>>>;

/// One event. Displayed, it is the line that `tracing_subscriber::fmt` would write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Such as `WARN`.
    pub level: Level,
    /// The module that it comes from, or what that says.
    pub target: String,
    /// Without its fields.
    pub message: String,
    /// By their names, in their order. Text is without quotes.
    pub fields: Vec<(&'static str, String)>,
}

impl Event {
    /// The value of a field, if there is one of this name.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&str> {
        let mut fields = self.fields.iter();
        let (_, value) = fields.find(|(known, _)| *known == name)?;
        Some(value)
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            level,
            target,
            message,
            fields,
        } = self;
        write!(f, "{level} {target}: {message}")?;
        fields
            .iter()
            .try_for_each(|(name, value)| write!(f, " {name}={value}"))
    }
}

impl Log {
    /// From now on.
    #[must_use]
    pub fn start() -> Self {
        let events = Events::default();
        let recorder = Recorder(events.clone());
        Self {
            events,
            _guard: tracing::subscriber::set_default(recorder),
        }
    }

    /// All events so far.
    #[must_use]
    pub fn events(&self) -> Vec<Event> {
        let events = self.events.lock();
        events.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Every event at `WARN` and above, as a line.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let events = self.events().into_iter();
        let warnings = events.filter(|event| event.level <= Level::WARN);
        warnings.map(|event| event.to_string()).collect()
    }

    /// How many lines contain this.
    #[must_use]
    pub fn count(&self, part: &str) -> usize {
        let lines = self.lines().into_iter();
        lines.filter(|line| line.contains(part)).count()
    }

    /// There is one line, and it contains all of this.
    #[track_caller]
    pub fn says(&self, parts: &[&str]) {
        let lines = self.lines();
        let [line] = lines.as_slice() else {
            panic!("not one line: {lines:#?}");
        };
        for part in parts {
            assert!(line.contains(part), "{part} is not in {line}");
        }
    }
}

struct Recorder(Events);

impl Subscriber for Recorder {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::INFO
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::INFO)
    }

    fn event(&self, event: &tracing::Event<'_>) {
        let mut recorded = Event {
            level: *event.metadata().level(),
            target: event.metadata().target().to_owned(),
            message: String::new(),
            fields: Vec::new(),
        };
        event.record(&mut recorded);
        let events = self.0.lock();
        events
            .unwrap_or_else(PoisonError::into_inner)
            .push(recorded);
    }

    // Spans are not recorded: one id stands for all of them.
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

impl Visit for Event {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.record_str(field, &format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => value.clone_into(&mut self.message),
            name => self.fields.push((name, value.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use tracing::{debug, info, warn};

    use super::*;

    #[test]
    fn an_event_is_recorded_with_its_level_its_message_and_its_fields() {
        let log = Log::start();
        debug!("too little to be told");
        info!(target: "a_target", "told");
        let error = "refused".to_owned();
        warn!(server = "one", calls = 3, %error, cause = ?Some(1), "failed {}", "twice");
        let [first, second] = &log.events()[..] else {
            panic!("{:?}", log.events());
        };
        assert_eq!(
            (first.level, &*first.target, &*first.message),
            (Level::INFO, "a_target", "told")
        );
        assert_eq!(
            (second.level, &*second.message),
            (Level::WARN, "failed twice")
        );
        let fields = ["server", "calls", "error", "cause", "message"];
        assert_eq!(
            fields.map(|name| second.field(name)),
            [
                Some("one"),
                Some("3"),
                Some("refused"),
                Some("Some(1)"),
                None
            ]
        );
        let line = "WARN cache_testkit::log::tests: failed twice server=one calls=3 error=refused cause=Some(1)";
        assert_eq!(log.lines(), [line]);
    }
}
