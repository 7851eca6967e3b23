//! Loads under way in this process, by the nonce that their lease has. Who finds that nonce in the store may
//! wait here and share what is loaded.
//!
//! Never without having found it there: the load may have been overtaken by an invalidation.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::watch;

/// The JSON of an answer, once there is one.
type Json = Option<Bytes>;

#[derive(Debug, Default)]
pub(crate) struct Flights(Mutex<HashMap<String, watch::Sender<Json>>>);

impl Flights {
    pub(crate) fn depart(&self, nonce: &str) {
        let (sender, _) = watch::channel(None);
        self.all().insert(nonce.to_owned(), sender);
    }

    /// Whoever waits gets this.
    pub(crate) fn share(&self, nonce: &str, json: Bytes) {
        if let Some(sender) = self.all().get(nonce) {
            sender.send_replace(Some(json));
        }
    }

    /// Whoever still waits gets nothing.
    pub(crate) fn land(&self, nonce: &str) {
        self.all().remove(nonce);
    }

    /// What the load with this nonce loads; nothing at once if there is none here.
    pub(crate) fn find(&self, nonce: &str) -> Option<impl Future<Output = Json> + use<>> {
        let mut receiver = self.all().get(nonce)?.subscribe();
        Some(async move {
            let loaded = receiver.wait_for(Option::is_some).await;
            loaded.ok().and_then(|json| json.clone())
        })
    }

    fn all(&self) -> MutexGuard<'_, HashMap<String, watch::Sender<Json>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
