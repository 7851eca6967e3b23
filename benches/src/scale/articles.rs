//! What is cached: texts of any size, under keys of 30 bytes or a few more.

use std::sync::Arc;

use cache_runtime::{Cache, Cached, cache};
use tokio::sync::Semaphore;

/// Ids begin here, so that all are equally long.
pub(super) const FIRST: usize = 10_000_000;

fn text(size: usize) -> Cached<String> {
    // Two more are its quotes.
    "x".repeat(size - 2).into()
}

#[cache("article_with_text_{size}", resource_id_name = "id", cache = cache)]
pub(super) async fn plain(cache: &Cache, size: usize, id: usize) -> Cached<String> {
    text(size)
}

#[cache(
    "article_with_1tag_{size}", resource_id_name = "id", cache = cache,
    tags = ["author:{author}"], skip(author)
)]
pub(super) async fn one_tag(
    cache: &Cache,
    size: usize,
    id: usize,
    author: usize,
) -> Cached<String> {
    text(size)
}

#[cache(
    "article_with_tags_{size}", resource_id_name = "id", cache = cache,
    tags = ["author:{author}", "editor:{author}", "issues:{author}"], skip(author)
)]
pub(super) async fn three_tags(
    cache: &Cache,
    size: usize,
    id: usize,
    author: usize,
) -> Cached<String> {
    text(size)
}

#[cache("article_with_text_{size}", resource_id_name = "id", method = "PUT", cache = cache)]
pub(super) async fn put(cache: &Cache, size: usize, id: usize) {}

#[cache(
    "article_with_1tag_{size}", resource_id_name = "id", method = "PUT", cache = cache,
    tags_to_invalidate = ["author:{author}"]
)]
pub(super) async fn put_tagged(cache: &Cache, size: usize, id: usize, author: usize) {}

/// Loads until the gate is closed.
#[cache("article_with_text_{size}", resource_id_name = "id", cache = cache, skip(gate))]
pub(super) async fn load(
    cache: Cache,
    size: usize,
    id: usize,
    gate: Arc<Semaphore>,
) -> Cached<String> {
    let _ = gate.acquire().await;
    text(size)
}

/// Writes until the gate is closed.
#[cache("article_with_text_{size}", resource_id_name = "id", method = "PUT", cache = cache)]
pub(super) async fn write(cache: Cache, size: usize, id: usize, gate: Arc<Semaphore>) {
    let _ = gate.acquire().await;
}
