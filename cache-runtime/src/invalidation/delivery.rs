//! The outbox: a task that delivers queued invalidations.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::sleep;

use super::pending::{Delivery, Pending};
use crate::error::CacheError;
use crate::stats::Counters;
use crate::store::{Fence, Store};
use crate::util::backoff::Backoff;
use crate::util::runtime::with_timers;

/// Between two attempts to deliver.
const BACKOFF: Backoff = Backoff::between(Duration::from_millis(50), Duration::from_secs(1));

pub(super) struct Outbox {
    pub(super) pending: Pending,
    store: Arc<Store>,
    counters: Arc<Counters>,
    /// Held by the one task that delivers.
    delivering: Arc<Mutex<()>>,
}

impl Outbox {
    pub(super) fn new(store: Arc<Store>, counters: Arc<Counters>) -> Arc<Self> {
        Arc::new(Self {
            pending: Pending::default(),
            store,
            counters,
            delivering: Arc::default(),
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
        if let Ok(turn) = self.delivering.clone().try_lock_owned() {
            let outbox = self.clone();
            runtime.spawn(async move {
                outbox.deliver_all().await;
                drop(turn);
                // What was queued in between found this task still at work.
                outbox.deliver();
            });
        }
    }

    async fn deliver_all(&self) {
        let mut backoff = BACKOFF;
        while self.pending.count() > 0 {
            let Some(delivery) = self.pending.next() else {
                sleep(backoff.pause()).await;
                continue;
            };
            match self.attempt(&delivery).await {
                Ok(()) => {
                    let Delivery {
                        seq,
                        targets,
                        patterns,
                    } = &delivery;
                    self.pending.acknowledge(*seq, targets, patterns);
                    backoff = BACKOFF;
                }
                Err(error) => {
                    self.counters.failed("deliver", &error);
                    self.pending.report();
                    sleep(backoff.pause()).await;
                }
            }
        }
    }

    async fn attempt(&self, delivery: &Delivery) -> Result<(), CacheError> {
        let (targets, patterns) = (&delivery.targets, &delivery.patterns);
        self.store.invalidate(targets, Fence::None).await?;
        if patterns.is_empty() {
            return Ok(());
        }
        for pattern in patterns {
            self.store.delete_matching(pattern).await?;
        }
        // Again, for the reason that a write has.
        self.store.invalidate(targets, Fence::None).await.map(drop)
    }
}
