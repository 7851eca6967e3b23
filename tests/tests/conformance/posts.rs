//! The functions that most of these tests call.

use cache_runtime::{Cache, cache};
use cache_testkit::Runs;

#[cache(key_prefix = "post", cache = cache, skip(runs))]
pub(crate) async fn read_post(cache: &Cache, runs: &Runs, post_id: i64) -> Result<u64, String> {
    match post_id {
        0 => Err(format!("failure {}", runs.count())),
        _ => Ok(runs.count()),
    }
}

#[cache(
    key_prefix = "post", cache = cache, method = "PUT",
    to_invalidate_extra = {"latest": "global", "author": "{result.1}"},
    pattern_to_invalidate_extra = ["{name}_posts:*"]
)]
pub(crate) async fn write_post(
    cache: &Cache,
    post_id: i64,
    name: &str,
    fails: bool,
) -> Result<(i64, u8), String> {
    if fails {
        Err("failed".into())
    } else {
        Ok((post_id, 9))
    }
}
