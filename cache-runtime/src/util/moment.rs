//! Points in time that count the time in which the machine sleeps as well.

use std::time::{Duration, Instant, SystemTime};

/// A point in time, on two clocks. The one goes on evenly, and may stand still while the machine sleeps; the other counts
/// that, and may be set.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    even: Instant,
    wall: SystemTime,
}

impl Moment {
    pub(crate) fn now() -> Self {
        Self {
            even: Instant::now(),
            wall: SystemTime::now(),
        }
    }

    /// So much earlier; itself where the clocks do not go back so far.
    pub(crate) fn earlier_by(self, time: Duration) -> Self {
        Self {
            even: self.even.checked_sub(time).unwrap_or(self.even),
            wall: self.wall.checked_sub(time).unwrap_or(self.wall),
        }
    }

    /// By both clocks. Where somebody has set one of them, two moments may be neither before nor behind each other; and of
    /// two that a clock does not tell apart, nobody knows which was the first.
    pub(crate) fn is_after(self, other: Self) -> bool {
        self.even > other.even && self.wall >= other.wall
    }

    /// How much time has passed from this to that, by the clock that has counted more; nothing where somebody has set
    /// one of them back.
    pub(crate) fn until(self, that: Self) -> Option<Duration> {
        let by_wall = that.wall.duration_since(self.wall).ok()?;
        Some(that.even.saturating_duration_since(self.even).max(by_wall))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_that_only_one_clock_has_counted_has_passed() {
        let (second, now) = (Duration::from_secs(1), Moment::now());
        let before = now.earlier_by(2 * second);
        let asleep = Moment {
            even: now.even,
            wall: before.wall,
        };
        assert_eq!(asleep.until(now), Some(2 * second));
        assert!(!asleep.is_after(now.earlier_by(second)));
        let set_back = Moment {
            even: before.even,
            wall: now.wall + second,
        };
        assert_eq!(set_back.until(now), None);
        assert!(!set_back.is_after(now.earlier_by(second)));
        let just_now = now.earlier_by(second / 2);
        assert_eq!(just_now.until(now), Some(second / 2));
        assert!(just_now.is_after(now.earlier_by(second)));
    }
}
