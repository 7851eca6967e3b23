//! Points in time that count the time in which the machine sleeps as well.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering, fence};
use std::time::{Duration, Instant, SystemTime};

use parking_lot::Mutex;

/// A point in time, on two clocks. The one goes on evenly, and may stand still while the machine sleeps; the other counts
/// that, and may be set. Both are in nanoseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    even: u64,
    wall: u64,
}

/// What a clock shows when it begins, so that it can go back from there by more than a century.
const BEGINNING: u64 = 1 << 62;

impl Moment {
    /// Before anything that a program has seen.
    pub(crate) const LONG_AGO: Self = Self { even: 0, wall: 0 };

    pub(crate) fn now() -> Self {
        static FIRST: OnceLock<Instant> = OnceLock::new();
        let first = *FIRST.get_or_init(Instant::now);
        let passed = Instant::now().saturating_duration_since(first);
        let wall = match SystemTime::now().duration_since(SystemTime::UNIX_EPOCH) {
            Ok(since) => BEGINNING.saturating_add(nanoseconds(since)),
            Err(until) => BEGINNING.saturating_sub(nanoseconds(until.duration())),
        };
        Self {
            even: BEGINNING.saturating_add(nanoseconds(passed)),
            wall,
        }
    }

    pub(crate) fn earlier_by(self, time: Duration) -> Self {
        let time = nanoseconds(time);
        Self {
            even: self.even.saturating_sub(time),
            wall: self.wall.saturating_sub(time),
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
        let by_wall = that.wall.checked_sub(self.wall)?;
        let passed = that.even.saturating_sub(self.even).max(by_wall);
        Some(Duration::from_nanos(passed))
    }

    /// This moment, where somebody has set the clock forward by so much.
    #[cfg(test)]
    pub(crate) fn with_wall_clock_later_by(mut self, time: Duration) -> Self {
        self.wall += nanoseconds(time);
        self
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// Moments that are set now and then, and read by many, who write nothing: what all cores only read, each of them has at
/// hand. A sequence lock, as H.-J. Boehm, "Can seqlocks get along with programming language memory models?" (2012), has it.
#[derive(Debug)]
pub(crate) struct Latest<const N: usize> {
    /// Odd while they are being set; 0 before they have been.
    version: AtomicU64,
    moments: [[AtomicU64; 2]; N],
    setting: Mutex<()>,
}

impl<const N: usize> Latest<N> {
    pub(crate) fn new() -> Self {
        Self {
            version: AtomicU64::new(0),
            moments: std::array::from_fn(|_| Default::default()),
            setting: Mutex::new(()),
        }
    }

    /// Nothing also where they are just being set: then nobody knows, for once.
    pub(crate) fn get(&self) -> Option<[Moment; N]> {
        let version = self.version.load(Ordering::Acquire);
        if version == 0 || version % 2 == 1 {
            return None;
        }
        let moments = self.moments.each_ref().map(|[even, wall]| Moment {
            even: even.load(Ordering::Relaxed),
            wall: wall.load(Ordering::Relaxed),
        });
        fence(Ordering::Acquire);
        (self.version.load(Ordering::Relaxed) == version).then_some(moments)
    }

    /// What there is becomes what this makes of it, unless it makes nothing.
    pub(crate) fn set(&self, make: impl FnOnce(Option<[Moment; N]>) -> Option<[Moment; N]>) {
        let _setting = self.setting.lock();
        let Some(moments) = make(self.get()) else {
            return;
        };
        let version = self.version.load(Ordering::Relaxed);
        self.version.store(version + 1, Ordering::Relaxed);
        fence(Ordering::Release);
        for ([even, wall], moment) in self.moments.iter().zip(moments) {
            even.store(moment.even, Ordering::Relaxed);
            wall.store(moment.wall, Ordering::Relaxed);
        }
        self.version.store(version + 2, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;
    use std::thread;

    use super::*;

    const SECOND: u64 = 1_000_000_000;

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
            wall: now.wall + SECOND,
        };
        assert_eq!(set_back.until(now), None);
        assert!(!set_back.is_after(now.earlier_by(second)));
        let just_now = now.earlier_by(second / 2);
        assert_eq!(just_now.until(now), Some(second / 2));
        assert!(just_now.is_after(now.earlier_by(second)));
    }

    #[test]
    fn the_clocks_go_on_and_back() {
        let (before, now) = (Moment::now(), Moment::now());
        assert!(
            before
                .until(now)
                .is_some_and(|time| time < Duration::from_secs(60))
        );
        let century = Duration::from_secs(100 * 365 * 86_400);
        assert_eq!(now.earlier_by(century).until(now), Some(century));
        assert!(now.earlier_by(century).is_after(Moment::LONG_AGO));
        assert!(!now.earlier_by(Duration::MAX).is_after(Moment::LONG_AGO));
    }

    fn at(time: u64) -> Moment {
        Moment {
            even: time,
            wall: time,
        }
    }

    #[test]
    fn moments_are_set_together_or_not_at_all() {
        let latest = Latest::new();
        assert!(latest.get().is_none());
        latest.set(|before| before);
        assert!(latest.get().is_none());
        let is_over = AtomicBool::new(false);
        let seen = thread::scope(|scope| {
            let reader = scope.spawn(|| {
                let (mut seen, mut last) = (0_u64, 0);
                while !is_over.load(Ordering::Relaxed) || seen == 0 {
                    let Some([one, other]) = latest.get() else {
                        continue;
                    };
                    assert!(one.even == one.wall && other.even == other.wall);
                    assert!(other.even == one.even + 1 && one.even >= last);
                    (seen, last) = (seen + 1, one.even);
                }
                seen
            });
            for _ in 0..1_000_000 {
                latest.set(|before| {
                    let next = before.map_or(1, |[one, _]| one.even + 1);
                    Some([at(next), at(next + 1)])
                });
            }
            is_over.store(true, Ordering::Relaxed);
            reader.join().expect("they were set together")
        });
        assert!(seen > 0 && latest.get().is_some_and(|[one, _]| one.even == 1_000_000));
    }
}
