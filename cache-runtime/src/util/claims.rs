//! What is being done, so that nobody does it twice at a time.

use std::collections::HashSet;
use std::hash::Hash;
use std::sync::Arc;

use parking_lot::Mutex;

/// One at a time for each of these.
#[derive(Debug)]
pub(crate) struct Claims<T>(Mutex<HashSet<T>>);

/// The right to do it, until it is dropped.
#[must_use]
pub(crate) struct Claim<T: Eq + Hash> {
    claims: Arc<Claims<T>>,
    of: T,
}

impl<T: Eq + Hash + Clone> Claims<T> {
    /// Nothing where somebody is at it.
    pub(crate) fn claim(self: &Arc<Self>, of: &T) -> Option<Claim<T>> {
        let mut claimed = self.0.lock();
        if claimed.contains(of) {
            return None;
        }
        claimed.insert(of.clone());
        Some(Claim {
            claims: self.clone(),
            of: of.clone(),
        })
    }
}

impl<T> Default for Claims<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: Eq + Hash> Drop for Claim<T> {
    fn drop(&mut self) {
        self.claims.0.lock().remove(&self.of);
    }
}
