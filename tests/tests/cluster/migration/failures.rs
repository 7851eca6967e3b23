//! Writes that fail, or do not end, while a slot moves.

use cache_runtime::{Cache, cache};
use cache_testkit::{Gate, MINUTE, RedisCluster, Refused, World};

use super::{Slot, read};
use crate::connected;

#[tokio::test]
async fn a_write_that_fails_changes_nothing_where_a_slot_moves() {
    #[cache("value", to_invalidate_extra = {"other": "{other}"}, method = "PUT", cache = cache)]
    async fn fail(cache: &Cache, id: u64, other: u64) -> Result<(), Refused> {
        Err(Refused)
    }
    let cluster = RedisCluster::exclusive().await;
    let cache = connected(&cluster).await;
    let mut slot = Slot::new(&cluster, 5);
    // At the same node as the slot, and at another one.
    for node in [0, 2] {
        let id = cluster.number_at(node, |id| format!("other:{id}"));
        let other = format!("other:{id}");
        for is_moved in [false, true] {
            for key in [&slot.key, &other] {
                cache.set(key, &7, 60 * MINUTE).await.expect("set");
            }
            slot.begin();
            if is_moved {
                slot.move_key(&slot.key);
            }
            assert_eq!(fail(&cache, slot.id, id).await, Err(Refused));
            for key in [&slot.key, &other] {
                assert_eq!(cache.get(key).await.expect("get"), Some(7), "{key}");
            }
            assert!(slot.ttl(&other) > 3_000_000, "its old TTL");
            slot.finish();
            for key in [&slot.key, &other] {
                assert_eq!(cache.get(key).await.expect("get"), Some(7), "{key}");
            }
            slot.turn();
        }
    }
}

#[tokio::test]
async fn nothing_outlives_the_fence_of_a_writer_whose_slot_moves() {
    #[cache("value", method = "PUT", cache = cache)]
    async fn write_for_ever(cache: &Cache, id: u64, begun: &Gate) {
        begun.let_pass(1);
        std::future::pending::<()>().await;
    }
    let cluster = RedisCluster::exclusive().await;
    let world = World::new(connected(&cluster).await);
    let mut slot = Slot::new(&cluster, 6);
    for is_moved in [false, true] {
        let entry = &slot.key;
        world.cache.set(entry, &7, 60 * MINUTE).await.expect("set");
        slot.begin();
        if is_moved {
            slot.move_key(entry);
        }
        let begun = Gate::default();
        let mut writer = Box::pin(write_for_ever(&world.cache, slot.id, &begun));
        tokio::select! {
            () = &mut writer => unreachable!("it never ends"),
            () = begun.pass() => {}
        }
        // It could die now, and nobody would know.
        let is_within = |when: &str| {
            let (entry, fence) = (slot.ttl(entry), slot.ttl(&slot.fence()));
            assert!(entry > 0 && fence > 0, "{when}: {entry}, {fence}");
            // The fence was looked at later, and lives a moment longer than its last writer.
            assert!(entry <= fence + 1000, "{when}: {entry} > {fence}");
            assert!(entry <= 30_000, "{when}: {entry}");
        };
        is_within("what was there");
        slot.finish();
        is_within("what has moved");
        let () = cluster.run(entry, &["DEL", entry]);
        read(&world, slot.id).await;
        is_within("what was loaded since");
        std::mem::forget(writer);
        let () = cluster.run(entry, &["DEL", entry]);
        let () = cluster.run(entry, &["DEL", &slot.fence()]);
        slot.turn();
    }
}
