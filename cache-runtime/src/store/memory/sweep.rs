//! Patterns: a look at everything, page by page, between which others get their turn. What matches is not stored meanwhile,
//! since it may be loaded from what is still to be removed.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use tokio::runtime::Handle;

use super::MemoryStore;
use super::entries::Position;
use super::stored::Stored;
use crate::key::{Pattern, PatternSet};

/// Over when it is dropped.
pub(super) struct Sweep<'s> {
    store: &'s MemoryStore,
    patterns: Arc<PatternSet>,
}

impl<'s> Sweep<'s> {
    /// Voids the loads under way of what these match.
    pub(super) fn begin(store: &'s MemoryStore, patterns: &[Pattern]) -> Self {
        let patterns: PatternSet = patterns.iter().cloned().collect();
        let patterns = Arc::new(patterns);
        store.work.lock().begin_sweep(&patterns);
        Self { store, patterns }
    }

    /// Removes the entries that match, and says how many there were.
    pub(super) async fn run(&self) -> u64 {
        let (store, mut position, mut removed) = (self.store, Position::default(), 0);
        loop {
            let is_hit = |stored: &Stored| self.is_hit(stored);
            let (page, is_last) = store.entries.next_page(&mut position, is_hit);
            let now = store.now();
            let alive = page.iter().filter(|stored| store.remove(&stored.name, now));
            removed += alive.count() as u64;
            // What is removed does not wait with us.
            drop(page);
            if is_last {
                return removed;
            }
            // Without a runtime there is nobody to wait for, and perhaps nobody who would go on.
            if Handle::try_current().is_ok() {
                give_way().await;
            }
        }
    }

    fn is_hit(&self, stored: &Stored) -> bool {
        let name = stored.name.as_bytes();
        self.store.keyspace.is_entry(name) && self.patterns.matches(name)
    }
}

/// Lets others have their turn. tokio's own would wait for the runtime, which does not come back to a task that blocks on
/// this one.
async fn give_way() {
    let mut is_over = false;
    poll_fn(|context| {
        if is_over {
            return Poll::Ready(());
        }
        is_over = true;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

impl Drop for Sweep<'_> {
    fn drop(&mut self) {
        self.store.work.lock().end_sweep(&self.patterns);
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::sync::Weak;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::task::{Context, Wake};
    use std::time::Duration;

    use bytes::Bytes;
    use futures_util::FutureExt as _;
    use tokio::runtime::Builder;

    use super::*;
    use crate::key::EntryKey;
    use crate::store::keyspace::Keyspace;

    const MINUTE: Duration = Duration::from_secs(60);

    fn key(number: usize) -> EntryKey {
        EntryKey::new("", format!("row:{number}"))
    }

    #[test]
    fn whoever_blocks_on_it_inside_of_a_task_is_woken() {
        struct Woken(AtomicBool);

        impl Wake for Woken {
            fn wake(self: Arc<Self>) {
                self.0.store(true, Ordering::Relaxed);
            }
        }

        let store = MemoryStore::new(Keyspace::new(""), 1 << 30);
        for number in 0..10_000 {
            store.set(&key(number), Bytes::from_static(b"1"), MINUTE);
        }
        let sweep = Sweep::begin(&store, &[Pattern::glob("row:*")]);
        let runtime = Builder::new_current_thread().build();
        runtime.expect("a runtime").block_on(async {
            let woken = Arc::new(Woken(AtomicBool::new(true)));
            let waker = woken.clone().into();
            let mut context = Context::from_waker(&waker);
            let mut run = pin!(sweep.run());
            let mut removed = Poll::Pending;
            while removed.is_pending() {
                assert!(woken.0.swap(false, Ordering::Relaxed));
                removed = run.as_mut().poll(&mut context);
            }
            assert_eq!(removed, Poll::Ready(10_000));
        });
    }

    #[test]
    fn what_matches_is_being_written_until_all_of_it_is_removed() {
        let store = MemoryStore::new(Keyspace::new(""), 1 << 20);
        let other = EntryKey::new("", "other");
        let sweep = Sweep::begin(&store, &[Pattern::glob("row:*")]);
        assert!(store.is_being_written(&key(1), &[]));
        assert!(!store.is_being_written(&other, &[]));
        drop(sweep);
        assert!(!store.is_being_written(&key(1), &[]));
    }

    #[test]
    fn what_is_removed_is_given_back_before_others_get_their_turn() {
        const COUNT: usize = 10_000;
        let store = MemoryStore::new(Keyspace::new(""), 1 << 30);
        for number in 0..COUNT {
            store.set(&key(number), Bytes::from_static(b"1"), MINUTE);
        }
        let kept = |number| store.alive(key(number).as_str());
        let weak = (0..COUNT).filter_map(kept).map(|one| Arc::downgrade(&one));
        let weak: Vec<Weak<Stored>> = weak.collect();
        let sweep = Sweep::begin(&store, &[Pattern::glob("row:*")]);
        let runtime = Builder::new_current_thread().build();
        runtime.expect("a runtime").block_on(async {
            let mut run = pin!(sweep.run());
            assert!((&mut run).now_or_never().is_none(), "it takes its time");
            let left = weak.iter().filter(|one| one.strong_count() > 0).count();
            assert!(left < COUNT, "{left}");
            assert_eq!(left as u64, store.len());
        });
    }
}
