//! So many at a time. More wait, in the order in which they come, and only so many.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::Hash;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

/// What is at work at a time, and what waits for it, by what it is about.
#[derive(Debug)]
pub(crate) struct Limit<T> {
    permits: Arc<Semaphore>,
    longest_queue: usize,
    queue: Mutex<HashMap<T, watch::Sender<()>>>,
}

/// The right to be at work, until it is dropped.
#[must_use]
pub(crate) struct Permit {
    _permit: OwnedSemaphorePermit,
}

/// A place in the queue, until it is dropped.
#[must_use]
pub(crate) struct Place<T: Eq + Hash> {
    limit: Arc<Limit<T>>,
    of: T,
}

/// Why there is no place in the queue.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NoPlace {
    /// There are as many already as may wait.
    Full,
    /// Somebody waits already for the same.
    Taken,
}

impl<T: Eq + Hash + Clone> Limit<T> {
    /// So many at a time, one at least, and so many that wait.
    pub(crate) fn new(permits: usize, longest_queue: usize) -> Self {
        let permits = permits.clamp(1, Semaphore::MAX_PERMITS);
        Self {
            permits: Arc::new(Semaphore::new(permits)),
            longest_queue,
            queue: Mutex::default(),
        }
    }

    /// Nothing where there are as many as there may be, or others wait.
    pub(crate) fn try_enter(&self) -> Option<Permit> {
        let permit = self.permits.clone().try_acquire_owned().ok()?;
        Some(Permit { _permit: permit })
    }

    /// Whether nobody else can be at work, or wait.
    pub(crate) fn is_full(&self) -> bool {
        self.permits.available_permits() == 0 && self.queue.lock().len() >= self.longest_queue
    }

    /// A place in the queue.
    pub(crate) fn queue(self: &Arc<Self>, of: &T) -> Result<Place<T>, NoPlace> {
        let mut queue = self.queue.lock();
        let is_full = queue.len() >= self.longest_queue;
        match queue.entry(of.clone()) {
            Entry::Occupied(_) => return Err(NoPlace::Taken),
            Entry::Vacant(_) if is_full => return Err(NoPlace::Full),
            Entry::Vacant(place) => place.insert(watch::channel(()).0),
        };
        Ok(Place {
            limit: self.clone(),
            of: of.clone(),
        })
    }

    /// Waits until nobody waits any more for the same; nothing where nobody does.
    pub(crate) fn wait_for(&self, of: &T) -> Option<impl Future<Output = ()> + use<T>> {
        let mut place = self.queue.lock().get(of)?.subscribe();
        Some(async move {
            // Nothing is ever sent: it ends with the place.
            let _ = place.changed().await;
        })
    }
}

impl<T: Eq + Hash> Place<T> {
    /// Waits for its turn. The place is kept meanwhile, and after that.
    pub(crate) async fn turn(&self) -> Option<Permit> {
        let permit = self.limit.permits.clone().acquire_owned().await.ok()?;
        Some(Permit { _permit: permit })
    }
}

impl<T: Eq + Hash> Drop for Place<T> {
    fn drop(&mut self) {
        self.limit.queue.lock().remove(&self.of);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    fn limit(permits: usize, longest_queue: usize) -> Arc<Limit<&'static str>> {
        Arc::new(Limit::new(permits, longest_queue))
    }

    #[test]
    fn as_many_enter_as_may_and_each_leaves_room_for_another() {
        let limit = limit(2, 1);
        let [first, second] = [(); 2].map(|()| limit.try_enter());
        assert!(first.is_some() && second.is_some() && limit.try_enter().is_none());
        drop(first);
        assert!(limit.try_enter().is_some());
    }

    #[test]
    fn a_limit_of_none_lets_one_in() {
        assert!(limit(0, 0).try_enter().is_some());
    }

    #[test]
    fn what_waits_comes_in_its_order_and_before_what_comes_later() {
        let limit = limit(1, 2);
        let running = limit.try_enter();
        let [first, second] = ["first", "second"].map(|of| limit.queue(&of).expect("a place"));
        let (mut first_turn, mut second_turn) = (Box::pin(first.turn()), Box::pin(second.turn()));
        assert!((&mut first_turn).now_or_never().is_none());
        assert!((&mut second_turn).now_or_never().is_none());
        drop(running);
        assert!(limit.try_enter().is_none());
        assert!((&mut second_turn).now_or_never().is_none());
        let permit = (&mut first_turn).now_or_never().flatten();
        assert!(permit.is_some());
        drop(permit);
        assert!(second_turn.now_or_never().flatten().is_some());
    }

    #[test]
    fn whoever_leaves_the_queue_takes_no_permit_along() {
        let limit = limit(1, 2);
        let running = limit.try_enter();
        let place = limit.queue(&"gone").expect("a place");
        let mut turn = Box::pin(place.turn());
        assert!((&mut turn).now_or_never().is_none());
        drop(running);
        drop(turn);
        assert!(limit.try_enter().is_some());
    }

    #[test]
    fn only_so_many_wait_and_one_for_the_same() {
        let limit = limit(1, 2);
        assert!(!limit.is_full());
        let _running = limit.try_enter();
        let one = limit.queue(&"one").ok();
        assert_eq!(limit.queue(&"one").err(), Some(NoPlace::Taken));
        assert!(!limit.is_full());
        let _other = limit.queue(&"other").ok();
        assert!(limit.is_full());
        assert_eq!(limit.queue(&"third").err(), Some(NoPlace::Full));
        drop(one);
        assert!(limit.queue(&"third").is_ok());
    }

    #[test]
    fn whoever_wants_the_same_waits_until_the_place_is_left() {
        let limit = limit(1, 1);
        assert!(limit.wait_for(&"key").is_none());
        let place = limit.queue(&"key").ok();
        let mut same = Box::pin(limit.wait_for(&"key").expect("somebody waits"));
        assert!((&mut same).now_or_never().is_none());
        drop(place);
        assert!(same.now_or_never().is_some());
    }
}
