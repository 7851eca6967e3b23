//! Patterns that match keys on both sides of a move.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use cache_testkit::{MINUTE, RedisCluster};

use super::Slot;
use crate::connected;

#[tokio::test]
async fn a_pattern_finds_what_is_on_either_side() {
    let cluster = RedisCluster::exclusive().await;
    let cache = connected(&cluster).await;
    let slot = Slot::new(&cluster, 7);
    let keys: Vec<String> = (0..10)
        .map(|number| format!("{{{}}}:{number}", slot.key))
        .collect();
    for key in &keys {
        cache.set(key, &0, MINUTE).await.expect("set");
    }
    cache.set("other", &0, MINUTE).await.expect("set");
    slot.begin();
    for key in &keys[..5] {
        slot.move_key(key);
    }
    let glob = format!("{{{}}}:*", slot.key);
    assert_eq!(cache.delete_pattern(glob).await.expect("deleted"), 10);
    assert_eq!(cluster.keys(), ["other"]);
    slot.finish();
    assert_eq!(cluster.keys(), ["other"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pattern_misses_nothing_that_moves_behind_its_scan() {
    const KEYS: usize = 3000;
    const TURNS: usize = 10;
    const FILL: &str = "for number = 1, ARGV[1] do redis.call('SET', KEYS[1] .. number, 0) end";

    let cluster = RedisCluster::exclusive().await;
    let cache = connected(&cluster).await;
    let mut slot = Slot::new(&cluster, 8);
    let prefix = format!("{{{}}}:", slot.key);
    let glob = format!("{prefix}*");
    for turn in 0..TURNS {
        let count = KEYS.to_string();
        let () = cluster.run(&prefix, &["EVAL", FILL, "1", &prefix, &count]);
        slot.begin();
        let over = AtomicBool::new(false);
        let moved = AtomicU64::new(0);
        thread::scope(|scope| {
            let carrier = scope.spawn(|| {
                let (from, to) = (cluster.node(slot.from), cluster.node(slot.to).port());
                let (number, to) = (slot.number.to_string(), to.to_string());
                while !over.load(Ordering::SeqCst) {
                    let some = ["CLUSTER", "GETKEYSINSLOT", &number, "10"];
                    let keys: Vec<String> = from.run(&some);
                    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
                    let command = ["MIGRATE", "127.0.0.1", &to, "", "0", "5000", "KEYS"];
                    if !keys.is_empty() {
                        let _: String = from.run(&[&command[..], &keys].concat());
                        moved.fetch_add(keys.len() as u64, Ordering::SeqCst);
                    }
                }
            });
            while moved.load(Ordering::SeqCst) == 0 {
                thread::yield_now();
            }
            let deleted = block_on(cache.delete_pattern(&glob));
            over.store(true, Ordering::SeqCst);
            carrier.join().expect("it moves keys");
            assert!(deleted.is_ok(), "turn {turn}: {deleted:?}");
            let left = cluster.keys();
            assert!(left.is_empty(), "turn {turn}: {} are left", left.len());
        });
        slot.finish();
        slot.turn();
    }
}

/// Runs a future in a thread of the runtime, which waits for it.
fn block_on<F: Future>(future: F) -> F::Output {
    tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(future))
}
