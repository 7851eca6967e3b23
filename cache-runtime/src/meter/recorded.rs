//! Meters that tell a recorder.
//!
//! A recorder is asked each time, and not once for a handle: so it may be installed at any time.

use std::time::Duration;

use metrics::{Key, Label, Level, Metadata, SharedString, Unit, with_recorder};

use super::{ALL, Kind, Labels, Metric};

const METADATA: Metadata<'static> = Metadata::new("cache_runtime", Level::INFO, None);

/// One metric with its labels; nothing by default.
#[derive(Debug, Default)]
pub(crate) struct Meter(Option<Key>);

impl Meter {
    /// Which nobody is told of.
    pub(crate) fn none() -> Self {
        Self(None)
    }

    /// Of these labels, and one more if there is one.
    pub(crate) fn new(
        metric: &Metric,
        labels: Labels<'_>,
        more: Option<(&'static str, &'static str)>,
    ) -> Self {
        let text = |text| SharedString::from_shared(Clone::clone(text));
        let mut all = vec![
            Label::new("cache", text(labels.cache)),
            Label::new("name", text(labels.cache)),
            Label::new("cache_manager", text(labels.cache_manager)),
        ];
        all.extend(more.map(|(name, value)| Label::from_static_parts(name, value)));
        Self(Some(Key::from_parts(metric.name, all)))
    }

    /// Of one server.
    pub(crate) fn of_server(metric: &Metric, server: &str) -> Self {
        let label = Label::new("server", server.to_owned());
        Self(Some(Key::from_parts(metric.name, vec![label])))
    }

    pub(crate) fn add(&self, more: u64) {
        if let Some(key) = &self.0 {
            with_recorder(|recorder| recorder.register_counter(key, &METADATA).increment(more));
        }
    }

    #[allow(
        clippy::cast_precision_loss,
        reason = "it is right up to nine quadrillions"
    )]
    pub(crate) fn set(&self, value: u64) {
        if let Some(key) = &self.0 {
            with_recorder(|recorder| recorder.register_gauge(key, &METADATA).set(value as f64));
        }
    }

    pub(crate) fn record(&self, time: Duration) {
        if let Some(key) = &self.0 {
            let seconds = time.as_secs_f64();
            with_recorder(|recorder| recorder.register_histogram(key, &METADATA).record(seconds));
        }
    }
}

/// Tells the recorder what there is.
pub(crate) fn describe() {
    with_recorder(|recorder| {
        for metric in ALL {
            let (name, help) = (metric.name.into(), metric.help.into());
            match metric.kind {
                Kind::Counter => recorder.describe_counter(name, Some(Unit::Count), help),
                Kind::Gauge => recorder.describe_gauge(name, Some(Unit::Count), help),
                Kind::Histogram => recorder.describe_histogram(name, Some(Unit::Seconds), help),
            }
        }
    });
}
