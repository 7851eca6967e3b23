//! Patterns that are being looked for: what matches one is not stored meanwhile, in any process.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use cache_runtime::{Cache, cache};
use cache_testkit::{MINUTE, RedisServer, World, eventually};

use crate::world::{read, read_tagged};

/// Where writers tell of their patterns.
const SWEEPS: &str = "__cache:sweeps";

/// Tells of a pattern, as a writer in another process would that takes long. A number far from now.
fn is_swept(server: &RedisServer, globs: &str) {
    let member = format!("00000000000000000000000000000000 {globs}");
    let () = server.run(&["ZADD", SWEEPS, "9000000000000", &member]);
}

#[tokio::test]
async fn what_matches_a_pattern_that_is_looked_for_is_not_stored() {
    let server = RedisServer::start();
    let world = World::new(server.cache());
    world.open();
    for (globs, is_stored) in [
        (r#"["value:*"]"#, false),
        (r#"["other:*","value:1"]"#, false),
        (r#"["other:*"]"#, true),
        (r#"["value:2"]"#, true),
        ("of another version", false),
    ] {
        is_swept(&server, globs);
        let before = world.stats();
        read(&world, 1).await;
        read_tagged(&world, 1).await;
        let stats = world.stats();
        let fills = stats.fills - before.fills;
        assert_eq!(fills, if is_stored { 2 } else { 0 }, "{globs}");
        let () = server.run(&["DEL", SWEEPS]);
        let () = server.run(&["DEL", "__cache:lease:{value:1}"]);
        world.cache.delete(["value:1"]).await.expect("deleted");
    }
}

#[tokio::test]
async fn a_load_that_may_not_be_stored_keeps_nobody_waiting() {
    let server = RedisServer::start();
    let world = World::new(server.cache());
    world.open();
    is_swept(&server, r#"["value:*"]"#);
    read(&world, 1).await;
    eventually("the lease is given back", async || {
        server.keys() == [SWEEPS]
    })
    .await;
}

#[tokio::test]
async fn nothing_is_told_any_more_when_the_patterns_are_removed() {
    let server = RedisServer::start();
    let cache = server.cache();
    cache.set("value:1", &1, MINUTE).await.expect("set");
    assert_eq!(cache.delete_pattern("value:*").await.expect("deleted"), 1);
    assert_eq!(server.keys(), [""; 0]);
}

#[cache("value:all", cache = cache, method = "PUT", pattern_to_invalidate_extra = ["list:*"])]
async fn write(cache: &Cache) {}

/// A server without memory may evict what it was told of the patterns.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_told_is_told_again_and_everything_removed_again_if_it_is_evicted() {
    let server = Arc::new(RedisServer::start());
    let fill = "for i = 1, 30000 do redis.call('SET', 'other:' .. i, i) end";
    let () = server.run(&["EVAL", fill, "0"]);
    let cache = server.cache();
    write(&cache).await;
    let scans = || server.commands()["scan"];
    let once = scans();
    let is_over = Arc::new(AtomicBool::new(false));
    let evictor = thread::spawn({
        let (server, is_over) = (server.clone(), is_over.clone());
        move || {
            let mut evicted = 0;
            while !is_over.load(Ordering::SeqCst) && evicted == 0 {
                evicted = server.run::<u64>(&["DEL", SWEEPS]);
            }
            evicted
        }
    });
    write(&cache).await;
    is_over.store(true, Ordering::SeqCst);
    assert_eq!(evictor.join().expect("no panic"), 1, "it was evicted");
    // The server's table may have changed a little.
    let again = scans() - once;
    assert!(2 * again > 3 * once, "{again} pages instead of {once}");
    assert_eq!(cache.stats().pending_invalidations, 0);
}
