//! What the layer makes of requests and responses, with each framework, in the process.

mod actix;
mod allocations;
mod axum;
mod cases;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// How often the functions ran.
#[derive(Clone, Default)]
struct Runs(Arc<AtomicU64>);

impl Runs {
    fn count(&self) -> u64 {
        self.0.fetch_add(1, Ordering::SeqCst) + 1
    }
}

/// An application, called without a network.
trait Application {
    async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer;

    async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[]).await
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Answer {
    status: u16,
    headers: BTreeMap<String, String>,
    body: String,
}

impl Answer {
    /// Empty where there is no such header.
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    /// What became of the call; empty where nothing says it.
    fn cache_status(&self) -> &str {
        let status = self.header("cache-status");
        status.strip_prefix("cache-runtime; ").unwrap_or(status)
    }
}
