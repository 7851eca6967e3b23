//! The outbox: a task that delivers queued invalidations.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, join, select};
use tokio::time::{Instant, sleep, timeout};

use super::pending::{Delivery, Pending};
use crate::stats::Counters;
use crate::store::{Fence, Removal, Store};
use crate::util::backoff::Backoff;
use crate::util::runtime::with_timers;
use crate::util::turn::{Taken, Turn};

/// Between two attempts to deliver.
const BACKOFF: Backoff = Backoff::between(Duration::from_millis(50), Duration::from_secs(1));

/// How often a task that delivers shows that its runtime still drives it.
const BEAT: Duration = Duration::from_millis(500);

pub(super) struct Outbox {
    pub(super) pending: Arc<Pending>,
    store: Arc<Store>,
    counters: Arc<Counters>,
    turn: Turn,
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
            turn: Turn::default(),
        })
    }

    /// Sees to it that a task delivers what is queued, if anything is.
    pub(super) fn deliver(self: &Arc<Self>) {
        let Some(runtime) = with_timers() else {
            return;
        };
        if self.pending.count() == 0 {
            return;
        }
        let Some(turn) = self.turn.take() else {
            return;
        };
        let outbox = self.clone();
        runtime.spawn(async move {
            let is_over = outbox.deliver_all(&turn).await;
            drop(turn);
            if is_over {
                // What was queued in between found this task still at work.
                outbox.deliver();
            }
        });
    }

    /// Until nothing is queued; false if another task has taken over.
    async fn deliver_all(&self, turn: &Taken) -> bool {
        // A scan may take long. In the meantime keys and tags go on being delivered.
        let targets = self.deliver_each(Pending::next_targets);
        let work = pin!(join(targets, self.deliver_each(Pending::next_patterns)));
        let beats = pin!(async {
            while turn.is_ours() {
                sleep(BEAT).await;
            }
        });
        matches!(select(work, beats).await, Either::Left(_))
    }

    async fn deliver_each(&self, next: impl Fn(&Pending) -> Option<Delivery>) {
        let mut backoff = BACKOFF;
        while self.pending.count() > 0 {
            match next(&self.pending) {
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
        let now = Instant::now();
        let due = self.pending.next_due();
        let pause = due.map_or(longest, |due| due.saturating_duration_since(now));
        // What is due already waits for something else.
        let pause = pause.clamp(Duration::from_millis(50), longest);
        let _ = timeout(pause, self.pending.changed()).await;
    }
}
