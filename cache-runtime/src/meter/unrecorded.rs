//! Meters that nobody reads.

use std::time::Duration;

use super::{ALL, Kind, Labels, Metric};

#[derive(Debug, Default)]
pub(crate) struct Meter;

impl Meter {
    pub(crate) fn none() -> Self {
        Self
    }

    pub(crate) fn new(_: &Metric, _: Labels<'_>, _: Option<(&'static str, &'static str)>) -> Self {
        Self
    }

    pub(crate) fn of_server(_: &Metric, _: &str) -> Self {
        Self
    }

    #[allow(clippy::unused_self, reason = "it is called as if it were recorded")]
    pub(crate) fn add(&self, _: u64) {}

    #[allow(clippy::unused_self, reason = "it is called as if it were recorded")]
    pub(crate) fn set(&self, _: u64) {}

    #[allow(clippy::unused_self, reason = "it is called as if it were recorded")]
    pub(crate) fn record(&self, _: Duration) {}
}

pub(crate) fn describe() {}
