//! A latch for the log: a state of affairs is reported when it begins, when it changes and when it ends, however
//! often it is met in between.

use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// One state of affairs that the log tells of.
#[derive(Debug, Default)]
pub(crate) struct Incident(Mutex<Option<Report>>);

#[derive(Debug)]
struct Report {
    detail: String,
    since: Instant,
    reported: Instant,
}

impl Incident {
    /// Takes note that it is so, and says whether that is news: it has just begun, or its detail is another one.
    pub(crate) fn is_news(&self, detail: &str) -> bool {
        self.is_news_again_after(None, detail)
    }

    /// The same, and once more each time that it is still so after this long.
    pub(crate) fn is_news_again_after(&self, reminder: Option<Duration>, detail: &str) -> bool {
        let mut report = self.0.lock();
        let now = Instant::now();
        if let Some(report) = &mut *report {
            let is_due = reminder.is_some_and(|after| now - report.reported >= after);
            if report.detail == detail && !is_due {
                return false;
            }
            detail.clone_into(&mut report.detail);
            report.reported = now;
        } else {
            *report = Some(Report {
                detail: detail.to_owned(),
                since: now,
                reported: now,
            });
        }
        true
    }

    /// Takes note that it is no longer so, and says how long it was; nothing where it was not.
    pub(crate) fn end(&self) -> Option<Duration> {
        let report = self.0.lock().take()?;
        Some(report.since.elapsed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beginning_a_change_and_an_end_are_told_once_each() {
        let incident = Incident::default();
        assert!(incident.end().is_none(), "it has not begun");
        let news = ["a", "a", "b", "b", "a"].map(|detail| incident.is_news(detail));
        assert_eq!(news, [true, false, true, false, true]);
        assert!(incident.end().is_some());
        assert!(incident.end().is_none(), "it is over");
        assert!(incident.is_news("a"), "it begins anew");
    }

    #[test]
    fn what_lasts_is_told_again_when_its_reminder_is_due() {
        let incident = Incident::default();
        assert!(incident.is_news_again_after(Some(Duration::MAX), "a"));
        assert!(!incident.is_news_again_after(Some(Duration::MAX), "a"));
        assert!(incident.is_news_again_after(Some(Duration::ZERO), "a"));
    }
}
