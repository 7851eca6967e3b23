//! What is still to be removed from one Redis is known to all caches of this process that use it: none of them may serve
//! what another one could not remove.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Weak};

use parking_lot::Mutex;

use super::pending::Pending;

static SHARED: LazyLock<Mutex<HashMap<String, Weak<Pending>>>> = LazyLock::new(Mutex::default);

/// What is to be removed from the store with this name: this, where there is none yet.
pub(super) fn pending(name: String, first: Pending) -> Arc<Pending> {
    let mut shared = SHARED.lock();
    if let Some(pending) = shared.get(&name).and_then(Weak::upgrade) {
        return pending;
    }
    shared.retain(|_, pending| pending.strong_count() > 0);
    let pending = Arc::new(first);
    shared.insert(name, Arc::downgrade(&pending));
    pending
}
