//! What has happened lately: a set that forgets.

use std::collections::HashSet;
use std::hash::Hash;
use std::mem;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// Remembers each of its members for at least `time` and at most twice as long, and no more than twice `capacity` of
/// them: the oldest make room.
#[derive(Debug)]
pub(crate) struct Recent<T> {
    time: Duration,
    capacity: usize,
    generations: Mutex<Generations<T>>,
}

/// Members are added to the young generation. It grows old as a whole, and the old one is forgotten as a whole: to
/// forget costs no search.
#[derive(Debug)]
struct Generations<T> {
    young: HashSet<T>,
    old: HashSet<T>,
    /// When the young generation began.
    since: Instant,
}

impl<T: Eq + Hash> Recent<T> {
    pub(crate) fn new(time: Duration, capacity: usize) -> Self {
        Self {
            time,
            capacity,
            generations: Mutex::new(Generations {
                young: HashSet::new(),
                old: HashSet::new(),
                since: Instant::now(),
            }),
        }
    }

    pub(crate) fn add(&self, member: T) {
        let mut generations = self.generations.lock();
        generations.forget(self.time);
        if generations.young.len() >= self.capacity {
            generations.old = mem::take(&mut generations.young);
            generations.since = Instant::now();
        }
        generations.young.insert(member);
    }

    /// Adds a member, and says whether it was not there.
    pub(crate) fn is_news(&self, member: T) -> bool {
        let is_news = !self.contains(&member);
        if is_news {
            self.add(member);
        }
        is_news
    }

    pub(crate) fn remove(&self, member: &T) {
        let mut generations = self.generations.lock();
        generations.young.remove(member);
        generations.old.remove(member);
    }

    pub(crate) fn contains(&self, member: &T) -> bool {
        let mut generations = self.generations.lock();
        generations.forget(self.time);
        generations.young.contains(member) || generations.old.contains(member)
    }
}

impl<T> Generations<T> {
    fn forget(&mut self, time: Duration) {
        let age = self.since.elapsed();
        if age >= time * 2 {
            (self.young, self.old) = Default::default();
            self.since = Instant::now();
        } else if age >= time {
            self.old = mem::take(&mut self.young);
            self.since += time;
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn a_member_is_remembered_for_its_time_and_forgotten_after_twice_that() {
        let recent = Recent::new(SECOND, 10);
        recent.add(1);
        advance(SECOND / 2).await;
        recent.add(2);
        assert_eq!([1, 2, 3].map(|n| recent.contains(&n)), [true, true, false]);
        advance(SECOND).await;
        assert!(!recent.is_news(2));
        advance(SECOND).await;
        assert_eq!([1, 2].map(|n| recent.contains(&n)), [false, false]);
        assert!(recent.is_news(3));
        assert!(recent.contains(&3));
        recent.remove(&3);
        assert!(!recent.contains(&3));
        recent.add(4);
        advance(2 * SECOND).await;
        assert!(!recent.contains(&4), "nobody asked in between");
    }

    #[test]
    fn the_oldest_make_room_and_the_newest_is_always_remembered() {
        let recent = Recent::new(SECOND * 3600, 10);
        for n in 0..100 {
            recent.add(n);
            assert!(recent.contains(&n));
        }
        assert!((0..100).filter(|n| recent.contains(n)).count() <= 20);
    }
}
