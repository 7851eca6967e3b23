//! Removing what became wrong: at once, or as soon as Redis can be reached again.

use std::mem;
use std::slice;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::sleep;

use crate::cache::Cache;
use crate::error::CacheError;
use crate::key::Pattern;
use crate::outbox::{Debt, Instead};
use crate::store::Targets;
use crate::upkeep::Backoff;

/// Between two attempts to deliver what is owed.
const BACKOFF: Backoff = Backoff::between(Duration::from_millis(50), Duration::from_secs(1));

impl Cache {
    /// Removes what these name, or owes it: where that fails, and where this future is dropped.
    pub(crate) async fn remove(
        &self,
        targets: &Targets,
        member: Option<&str>,
    ) -> Result<u64, CacheError> {
        let owing = Owing(self, targets, &[]);
        let removed = self.store().invalidate(targets, member).await?;
        mem::forget(owing);
        Ok(removed)
    }

    /// The same for a pattern.
    pub(crate) async fn remove_matching(&self, pattern: &Pattern) -> Result<u64, CacheError> {
        let targets = Targets::default();
        let owing = Owing(self, &targets, slice::from_ref(pattern));
        let removed = self.store().delete_matching(pattern).await?;
        mem::forget(owing);
        Ok(removed)
    }

    /// Whether an invalidation of this entry has not been delivered yet.
    pub(crate) fn owes(&self, key: &str, tags: &[String]) -> bool {
        let owes = self.outbox().owes(key, tags);
        if owes {
            self.deliver();
        }
        owes
    }

    /// From now on these are owed.
    pub(crate) fn owe(&self, targets: &Targets, patterns: &[Pattern]) -> Debt {
        self.outbox().owe(targets, patterns, || {
            let namespace = self.store().names().namespace();
            if namespace.is_empty() {
                Instead::Everything(self.longest_life())
            } else {
                Instead::Namespace(Pattern::starting_with(namespace))
            }
        })
    }

    pub(crate) fn settle(&self, debt: Debt, targets: &Targets, patterns: &[Pattern]) {
        self.outbox().settle(debt, targets, patterns);
    }

    /// Sees to it that a task delivers what is owed.
    pub(crate) fn deliver(&self) {
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        if let Some(turn) = self.outbox().delivering() {
            let cache = self.clone();
            runtime.spawn(async move {
                cache.deliver_all().await;
                drop(turn);
                // What became owed in between found this task still at work.
                cache.deliver();
            });
        }
    }

    async fn deliver_all(&self) {
        let (store, outbox) = (self.store(), self.outbox());
        let mut backoff = BACKOFF;
        while outbox.count() > 0 {
            let Some(delivery) = outbox.next() else {
                sleep(backoff.pause()).await;
                continue;
            };
            let mut outcome = store.invalidate(&delivery.targets, None).await;
            for pattern in &delivery.patterns {
                if outcome.is_ok() {
                    outcome = store.delete_matching(pattern).await;
                }
            }
            match outcome {
                Ok(_) => {
                    outbox.settle(delivery.debt, &delivery.targets, &delivery.patterns);
                    backoff = BACKOFF;
                }
                Err(error) => {
                    self.failed("deliver what is owed", &error);
                    sleep(backoff.pause()).await;
                }
            }
        }
    }
}

/// Dropped, it owes what its names stand for.
struct Owing<'o>(&'o Cache, &'o Targets, &'o [Pattern]);

impl Drop for Owing<'_> {
    fn drop(&mut self) {
        self.0.owe(self.1, self.2);
        self.0.deliver();
    }
}
