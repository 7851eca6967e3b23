//! A node that joins, and one that is not there.

use cache_runtime::{Cache, cache};
use cache_testkit::{MINUTE, RedisCluster, Refused, World};

use crate::connected;

#[tokio::test]
async fn a_pattern_finds_what_has_moved_to_a_node_that_had_no_slot() {
    let cluster = RedisCluster::start().without_failure_detection();
    let cache = connected(&cluster).await;
    let keys: Vec<String> = (0..3)
        .map(|node| cluster.key_at(node, |number| format!("page:{number}")))
        .collect();
    for key in &keys {
        cache.set(key, &1, MINUTE).await.expect("set");
    }
    cluster.set_free(3);
    let slot = cluster.slot(&keys[0]);
    cluster.begin_migration(slot, 3);
    cluster.move_key(&keys[0], 3);
    assert_eq!(cache.delete_pattern("page:*").await.expect("deleted"), 3);
    cluster.finish_migration(slot, 3);
    assert_eq!(cluster.keys(), [""; 0]);
    assert_eq!(cache.get::<u8>(&keys[0]).await.expect("get"), None);
}

#[cache("first", resource_id_name = "id", method = "PUT", to_invalidate_extra = {"second": "{other}"}, cache = cache)]
async fn write_in_vain(cache: &Cache, id: u64, other: u64) -> Result<(), Refused> {
    Err(Refused)
}

#[tokio::test]
async fn a_failed_write_gives_its_life_back_to_what_is_on_the_other_nodes() {
    let options = ["--cluster-require-full-coverage", "no"];
    let mut cluster = RedisCluster::start_with(&options).without_failure_detection();
    let id = cluster.number_at(0, |number| format!("first:{number}"));
    let other = cluster.number_at(1, |number| format!("second:{number}"));
    let cache = cluster.cache_builder().build().expect("right");
    let key = format!("first:{id}");
    cache.set(&key, &1, 60 * MINUTE).await.expect("set");
    cluster.node_mut(1).kill();
    assert_eq!(write_in_vain(&cache, id, other).await, Err(Refused));
    let left: i64 = cluster.run(&key, &["PTTL", &key]);
    assert!(left > 60_000, "{left} ms are left of an hour");
}

#[cache("first", cache = world.cache, skip(world))]
async fn read(world: &World, id: u64) -> u64 {
    world.load().await
}

#[tokio::test]
async fn what_is_on_another_node_is_removed_and_cached_again_while_one_is_down() {
    let options = ["--cluster-require-full-coverage", "no"];
    let mut cluster = RedisCluster::start_with(&options).without_failure_detection();
    let [here, there] =
        [0, 1].map(|node| cluster.number_at(node, |number| format!("first:{number}")));
    let world = World::new(connected(&cluster).await);
    world.open();
    read(&world, here).await;
    cluster.node_mut(1).kill();
    let keys = [here, there].map(|id| format!("first:{id}"));
    assert!(world.cache.delete(keys).await.is_err());
    let loads = world.row.loads();
    read(&world, here).await;
    assert_eq!(world.row.loads(), loads + 1, "it was removed");
    read(&world, here).await;
    assert_eq!(world.row.loads(), loads + 1, "and is cached again");
    // What can't be removed, and what is to be removed once more with it.
    assert_eq!(world.stats().pending_invalidations, 2);
    read(&world, there).await;
    assert_eq!(world.row.loads(), loads + 2);
}

#[tokio::test]
async fn a_node_without_slots_that_is_out_of_reach_is_in_no_patterns_way() {
    let mut cluster = RedisCluster::start().without_failure_detection();
    let cache = connected(&cluster).await;
    cluster.set_free(3);
    let id: String = cluster.node(3).run(&["CLUSTER", "MYID"]);
    cluster.node_mut(3).kill();
    let key = cluster.key_at(0, |number| format!("page:{number}"));
    cache.set(&key, &1, MINUTE).await.expect("set");
    assert_eq!(cache.delete_pattern("page:*").await.expect("deleted"), 1);
    // Keys may be there now.
    let slot = cluster.slot(&key).to_string();
    let command = ["CLUSTER", "SETSLOT", &slot, "MIGRATING", &id];
    let () = cluster.node(0).run(&command);
    assert!(cache.delete_pattern("page:*").await.is_err());
}
