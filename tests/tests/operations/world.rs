//! The functions whose calls are looked at.

use std::time::Duration;

use cache_runtime::{Cache, FunctionStats, cache};
use cache_testkit::{Refused, Runs, World};
use tokio::time::sleep;

/// How long `slow` takes.
pub(crate) const LOAD: Duration = Duration::from_secs(5);

/// Ten bytes of JSON.
#[cache("slow", expiration = 60, stale_while_revalidate = 60, cache = cache)]
pub(crate) async fn slow(cache: Cache, id: u64) -> String {
    sleep(LOAD).await;
    "12345678".to_owned()
}

#[cache("post", cache = cache, tags = ["posts"], skip(runs))]
pub(crate) async fn post(cache: &Cache, runs: &Runs, id: u64) -> u64 {
    runs.count()
}

#[cache("post", cache = cache, method = "PUT", to_invalidate_extra = {"top": ""}, tags_to_invalidate = ["feed"])]
pub(crate) async fn update(cache: &Cache, id: u64) {}

#[cache(pattern_to_invalidate_extra = ["post:"], cache = cache)]
pub(crate) async fn update_all(cache: &Cache) {}

#[cache("post", cache = cache, method = "DELETE")]
pub(crate) async fn refuse(cache: &Cache, id: u64) -> Result<(), Refused> {
    Err(Refused)
}

/// In doubt.
#[cache("post", cache = cache, method = "DELETE")]
pub(crate) async fn fail(cache: &Cache, id: u64) -> Result<(), String> {
    Err("nobody knows".to_owned())
}

/// Stops where the world says.
#[cache("gated", cache = world.cache, skip(world))]
pub(crate) async fn gated(world: &World, id: u64) -> u64 {
    world.load().await
}

/// The counters of a function of this file; all of them zero where it was not called.
pub(crate) fn stats_of(cache: &Cache, function: &str) -> FunctionStats {
    let path = format!("{}::{function}", module_path!());
    let stats = cache.stats_by_function();
    stats.get(path.as_str()).copied().unwrap_or_default()
}
