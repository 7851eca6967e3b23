//! Loads under way in this process, by the nonce that their lease has. Who finds that nonce in the store may
//! wait here and share what is loaded.
//!
//! Never without having found it there: the load may have been overtaken by an invalidation.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::watch;

/// How a load ended.
#[derive(Clone, Debug)]
pub(crate) enum Loaded {
    Json(Bytes),
    /// The function failed.
    Failed,
}

/// Nothing until it is known.
type Outcome = Option<Loaded>;

#[derive(Debug, Default)]
pub(crate) struct Flights(Mutex<HashMap<String, watch::Sender<Outcome>>>);

impl Flights {
    pub(crate) fn depart(&self, nonce: &str) {
        let (sender, _) = watch::channel(None);
        self.all().insert(nonce.to_owned(), sender);
    }

    /// Whoever waits gets this.
    pub(crate) fn share(&self, nonce: &str, loaded: Loaded) {
        if let Some(sender) = self.all().get(nonce) {
            sender.send_replace(Some(loaded));
        }
    }

    /// Whoever still waits gets nothing.
    pub(crate) fn land(&self, nonce: &str) {
        self.all().remove(nonce);
    }

    /// How the load with this nonce ends; nothing at once if there is none here.
    pub(crate) fn find(&self, nonce: &str) -> Option<impl Future<Output = Outcome> + use<>> {
        let mut receiver = self.all().get(nonce)?.subscribe();
        Some(async move {
            let loaded = receiver.wait_for(Option::is_some).await;
            loaded.ok().and_then(|outcome| outcome.clone())
        })
    }

    fn all(&self) -> MutexGuard<'_, HashMap<String, watch::Sender<Outcome>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
