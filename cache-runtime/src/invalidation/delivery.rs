//! The outbox: a task that delivers queued invalidations.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::{Either, join, select};
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::time::{sleep, timeout};

use super::pending::{Delivery, Pending};
use crate::stats::Counters;
use crate::store::{Fence, Removal, Store};
use crate::util::backoff::Backoff;

/// Between two attempts to deliver.
const BACKOFF: Backoff = Backoff::between(Duration::from_millis(50), Duration::from_secs(1));

/// How often a task that delivers shows that its runtime still drives it.
const BEAT: Duration = Duration::from_millis(500);

/// When another task takes over: its runtime is gone, or stands still.
const STRANDED: Duration = Duration::from_secs(3);

pub(super) struct Outbox {
    pub(super) pending: Arc<Pending>,
    store: Arc<Store>,
    counters: Arc<Counters>,
    turn: Mutex<Turn>,
}

/// Which task delivers.
#[derive(Default)]
struct Turn {
    number: u64,
    /// When it was last seen at work; nothing if there is none.
    seen: Option<Instant>,
}

impl Outbox {
    pub(super) fn new(
        pending: Arc<Pending>,
        store: Arc<Store>,
        counters: Arc<Counters>,
    ) -> Arc<Self> {
        Arc::new(Self {
            pending,
            store,
            counters,
            turn: Mutex::default(),
        })
    }

    /// Sees to it that a task delivers what is queued, if anything is.
    pub(super) fn deliver(self: &Arc<Self>) {
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        if self.pending.count() == 0 {
            return;
        }
        let Some(number) = self.take_turn() else {
            return;
        };
        let outbox = self.clone();
        let over = Over(self.clone(), number);
        runtime.spawn(async move {
            let work = Box::pin(join(outbox.deliver_targets(), outbox.deliver_patterns()));
            let beats = Box::pin(outbox.beat(number));
            if let Either::Left(_) = select(work, beats).await {
                drop(over);
                // What was queued in between found this task still at work.
                outbox.deliver();
            }
        });
    }

    /// The number of a new task, unless another one is at work.
    fn take_turn(&self) -> Option<u64> {
        let mut turn = self.turn.lock();
        if turn.seen.is_some_and(|seen| seen.elapsed() < STRANDED) {
            return None;
        }
        turn.number += 1;
        turn.seen = Some(Instant::now());
        Some(turn.number)
    }

    /// Shows that this task is still driven, until it isn't its turn any more.
    async fn beat(&self, number: u64) {
        loop {
            {
                let mut turn = self.turn.lock();
                if turn.number != number {
                    return;
                }
                turn.seen = Some(Instant::now());
            }
            sleep(BEAT).await;
        }
    }

    async fn deliver_targets(&self) {
        let mut backoff = BACKOFF;
        while self.pending.count() > 0 {
            match self.pending.next_targets() {
                Some(delivery) => self.attempt(delivery, &mut backoff).await,
                None => self.wait().await,
            }
        }
    }

    /// In the meantime keys and tags go on being delivered: a scan may take long.
    async fn deliver_patterns(&self) {
        let mut backoff = BACKOFF;
        while self.pending.count() > 0 {
            match self.pending.next_patterns() {
                Some(delivery) => self.attempt(delivery, &mut backoff).await,
                None => self.wait().await,
            }
        }
    }

    async fn attempt(&self, delivery: Delivery, backoff: &mut Backoff) {
        let Delivery { seq, targets } = delivery;
        let Removal { left, failure, .. } = self.store.invalidate(&targets, Fence::None).await;
        self.pending.acknowledge(seq, &targets, &left);
        let Some(error) = failure else {
            *backoff = BACKOFF;
            return;
        };
        self.counters.failed("deliver", &error);
        self.pending.report();
        sleep(backoff.pause()).await;
    }

    /// Until there may be something to be delivered.
    async fn wait(&self) {
        let longest = Duration::from_secs(1);
        let now = tokio::time::Instant::now();
        let due = self.pending.next_due();
        let pause = due.map_or(longest, |due| due.saturating_duration_since(now));
        // What is due already waits for something else.
        let pause = pause.clamp(Duration::from_millis(50), longest);
        let _ = timeout(pause, self.pending.changed()).await;
    }
}

/// Dropped, with its runtime too, it makes room for the next task.
struct Over(Arc<Outbox>, u64);

impl Drop for Over {
    fn drop(&mut self) {
        let mut turn = self.0.turn.lock();
        if turn.number == self.1 {
            turn.seen = None;
        }
    }
}
