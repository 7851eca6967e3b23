//! How often a call waits for its server, and how many scripts run there: as the guide says.

use std::sync::atomic::{AtomicU64, Ordering};

use cache_runtime::{Cache, cache};
use cache_testkit::{MINUTE, RedisServer, Refused};

const PAGE: &str = include_str!("../../../docs/performance.md");

#[cache("page:{id}", cache = cache)]
async fn read(cache: &Cache, id: u64) -> u64 {
    id
}

#[cache("tagged:{id}", cache = cache, tags = ["all", "one:{id}"])]
async fn tagged(cache: &Cache, id: u64) -> u64 {
    id
}

#[cache("page:{id}", method = "PUT", cache = cache)]
async fn write(cache: &Cache, id: u64) {}

#[cache("page:{id}", method = "PUT", cache = cache)]
async fn refused(cache: &Cache, id: u64) -> Result<(), Refused> {
    Err(Refused)
}

#[cache(
    "page:{id}", method = "PUT", cache = cache,
    to_invalidate_extra = {"list": "{id}"}, tags_to_invalidate = ["one:{id}"]
)]
async fn write_three(cache: &Cache, id: u64) {}

#[cache("page:{id}", method = "PUT", cache = cache, pattern_to_invalidate_extra = ["list:*"])]
async fn write_pattern(cache: &Cache, id: u64) {}

/// In how many pieces what it sends arrives, and how many scripts are among that. The least of a few times, since now and
/// then a call asks beside all else how long copies in memory are served.
async fn counted(server: &RedisServer, mut call: impl AsyncFnMut()) -> (u64, u64) {
    let mut least = (u64::MAX, u64::MAX);
    for _ in 0..4 {
        server.reset_commands();
        let asking = server.received();
        let before = server.received();
        call().await;
        let pieces = server.received() - before - (before - asking);
        let scripts = server.commands().get("evalsha").copied();
        least = least.min((pieces, scripts.unwrap_or_default()));
    }
    least
}

#[tokio::test]
async fn a_call_takes_as_many_round_trips_and_scripts_as_the_guide_says() {
    let server = RedisServer::start();
    let cache = &server.cache();
    let unfenced = &server.cache_builder().fences(false).build().expect("right");
    // Both connect, and the server learns the scripts.
    write(cache, 0).await;
    write(unfenced, 0).await;
    let ids = AtomicU64::new(1);
    let new = || ids.fetch_add(1, Ordering::Relaxed);
    let counts = [
        (
            "a hit",
            counted(&server, async || {
                read(cache, 0).await;
            })
            .await,
        ),
        (
            "a hit with two tags",
            counted(&server, async || {
                tagged(cache, 0).await;
            })
            .await,
        ),
        (
            "a miss",
            counted(&server, async || {
                read(cache, new()).await;
            })
            .await,
        ),
        (
            "a miss with two tags",
            counted(&server, async || {
                tagged(cache, new()).await;
            })
            .await,
        ),
        (
            "a write",
            counted(&server, async || write(cache, 1).await).await,
        ),
        (
            "a write of two keys and a tag",
            counted(&server, async || write_three(cache, 1).await).await,
        ),
        (
            "a write that was refused",
            counted(&server, async || {
                let _ = refused(cache, 1).await;
            })
            .await,
        ),
        (
            "a write without fences",
            counted(&server, async || write(unfenced, 1).await).await,
        ),
        (
            "a write of a key and a pattern",
            counted(&server, async || write_pattern(cache, 1).await).await,
        ),
        (
            "`set`",
            counted(&server, async || {
                cache.set("page:1", &1, MINUTE).await.expect("set");
            })
            .await,
        ),
        (
            "`delete`",
            counted(&server, async || {
                cache.delete(["page:1"]).await.expect("deleted");
            })
            .await,
        ),
        (
            "`invalidate_tags`",
            counted(&server, async || {
                cache.invalidate_tags(["all"]).await.expect("invalidated");
            })
            .await,
        ),
    ];
    for (call, (pieces, scripts)) in counts {
        let row = format!("| {call} | {pieces} | {scripts} |");
        assert!(PAGE.contains(&row), "the guide does not have: {row}");
    }
}
