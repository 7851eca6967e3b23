//! Cached functions of a [`World`], which stop where a test says.

use cache_runtime::cache;
use cache_testkit::{Refused, World};

#[cache("value", cache = world.cache, skip(world), tags = ["tag:{id}"])]
pub(crate) async fn read_tagged(world: &World, id: u64) -> u64 {
    world.load().await
}

#[cache("value", cache = world.cache, skip(world))]
pub(crate) async fn read(world: &World, id: u64) -> u64 {
    world.load().await
}

#[cache("value", cache = world.cache, method = "PUT")]
pub(crate) async fn write(world: &World, id: u64, is_refused: bool) -> Result<(), Refused> {
    world.commit(is_refused).await
}

#[cache(tags_to_invalidate = ["tag:{id}"], cache = world.cache)]
pub(crate) async fn write_tag(world: &World, id: u64, is_refused: bool) -> Result<(), Refused> {
    world.commit(is_refused).await
}

#[cache(pattern_to_invalidate_extra = ["value:"], cache = world.cache)]
pub(crate) async fn write_pattern(world: &World, is_refused: bool) -> Result<(), Refused> {
    world.commit(is_refused).await
}

/// Starts a call in a task of its own.
macro_rules! start {
    ($world:ident, $call:ident($($argument:expr),*)) => {{
        let world = $world.clone();
        tokio::spawn(async move { $call(&world, $($argument),*).await })
    }};
}

pub(crate) use start;
