//! Loads under way in this process, by the nonce that their lease has (`singleflight`, as Go calls it). Whoever finds
//! that nonce in the store may wait here and share what is loaded.
//!
//! Never without having found it there: the load may have been overtaken by an invalidation.

use std::collections::HashMap;

use bytes::Bytes;
use parking_lot::Mutex;
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
pub(crate) struct SingleFlight(Mutex<HashMap<String, watch::Sender<Outcome>>>);

impl SingleFlight {
    pub(crate) fn begin(&self, nonce: &str) {
        let (sender, _) = watch::channel(None);
        self.0.lock().insert(nonce.to_owned(), sender);
    }

    /// Hands this to whoever waits.
    pub(crate) fn share(&self, nonce: &str, loaded: Loaded) {
        if let Some(sender) = self.0.lock().get(nonce) {
            sender.send_replace(Some(loaded));
        }
    }

    /// Lets whoever still waits go with nothing.
    pub(crate) fn finish(&self, nonce: &str) {
        self.0.lock().remove(nonce);
    }

    /// How the load with this nonce ends; nothing at once if there is none here.
    pub(crate) fn join(&self, nonce: &str) -> Option<impl Future<Output = Outcome> + use<>> {
        let mut receiver = self.0.lock().get(nonce)?.subscribe();
        Some(async move {
            let loaded = receiver.wait_for(Option::is_some).await;
            loaded.ok().and_then(|outcome| outcome.clone())
        })
    }
}
