//! How many loads of a function run at once.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::key::EntryKey;
use crate::stats::Function;
use crate::util::limit::Limit;

/// For each load that may run so many wait. Where a load takes a tenth of a second, the last one of them has waited as long
/// as a call waits.
const WAITING_PER_LOAD: usize = 100;

/// The limits of all functions that one cache has loaded.
#[derive(Debug, Default)]
pub(crate) struct Limits(Mutex<HashMap<usize, Arc<Limit<EntryKey>>>>);

impl Limits {
    /// That of this function: the first number counts.
    pub(crate) fn of(&self, function: &'static Function, max_loads: usize) -> Arc<Limit<EntryKey>> {
        let place = std::ptr::from_ref(function).addr();
        let mut limits = self.0.lock();
        let limit = limits.entry(place).or_insert_with(|| {
            let longest_queue = max_loads.max(1).saturating_mul(WAITING_PER_LOAD);
            Arc::new(Limit::new(max_loads, longest_queue))
        });
        limit.clone()
    }
}
