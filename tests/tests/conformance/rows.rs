//! Cached rows of a database.

use std::sync::Arc;

use cache_runtime::{Cache, cache};
use cache_testkit::Row;
use tokio::task::yield_now;

pub(crate) type Rows = Arc<[Row]>;

pub(crate) fn rows(count: usize) -> Rows {
    (0..count).map(|_| Row::default()).collect()
}

#[cache("version", cache = cache, skip(rows), tags = ["all"])]
pub(crate) async fn tagged(cache: &Cache, rows: Rows, id: usize) -> (u64, String) {
    load(&rows, id).await
}

#[cache("plain", cache = cache, skip(rows))]
pub(crate) async fn plain(cache: &Cache, rows: Rows, id: usize) -> (u64, String) {
    load(&rows, id).await
}

/// With as much ballast as fills a small server.
async fn load(rows: &[Row], id: usize) -> (u64, String) {
    let version = rows[id].load();
    yield_now().await;
    (version, "-".repeat(4096))
}

#[cache("plain", cache = cache, method = "PUT", tags_to_invalidate = ["all"])]
pub(crate) async fn bump(cache: &Cache, rows: Rows, id: usize) -> u64 {
    yield_now().await;
    let version = rows[id].commit();
    yield_now().await;
    version
}
