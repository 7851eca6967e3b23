//! Entries and tags whose slot moves are found, and invalidated, wherever they are.

use cache_testkit::{RedisCluster, World};

use super::{Slot, read, read_slowly, read_tagged, write, write_tag};
use crate::connected;

#[tokio::test]
async fn a_hit_stays_a_hit_while_its_slot_moves_and_the_map_learns_of_it_once() {
    let cluster = RedisCluster::exclusive().await;
    let world = World::new(connected(&cluster).await);
    let slot = Slot::new(&cluster, 1);
    read(&world, slot.id).await;
    slot.begin();
    read(&world, slot.id).await;
    cluster.reset_commands();
    slot.move_key(&slot.key);
    for _ in 0..3 {
        read(&world, slot.id).await;
    }
    assert_eq!(slot.redirects(slot.from, "ASK"), 3, "each time");
    slot.finish();
    cluster.reset_commands();
    for _ in 0..3 {
        read(&world, slot.id).await;
    }
    assert_eq!(slot.redirects(slot.from, "MOVED"), 1, "once");
    let stats = world.cache.stats();
    assert_eq!(
        (world.row.loads(), stats.hits, stats.errors.total()),
        (1, 7, 0)
    );
}

#[tokio::test]
async fn a_write_invalidates_wherever_the_entry_and_its_lease_are() {
    let cluster = RedisCluster::exclusive().await;
    let world = World::new(connected(&cluster).await);
    let mut slot = Slot::new(&cluster, 2);
    let (entry, lease) = (slot.key.clone(), slot.lease());
    for moved in [&[][..], &[&entry], &[&lease], &[&entry, &lease]] {
        for key in [&entry, &lease] {
            // A value from before any write, and the lease of a load that will not come back.
            let () = cluster.run(key, &["SET", key, "0", "PX", "60000"]);
        }
        slot.begin();
        for key in moved {
            slot.move_key(key);
        }
        let version = write(&world, slot.id).await;
        let left: Vec<String> = cluster.keys();
        assert!(!left.contains(&entry), "{moved:?}: {left:?}");
        assert!(!left.contains(&lease), "{moved:?}: {left:?}");
        assert_eq!(read(&world, slot.id).await, version, "{moved:?}");
        slot.finish();
        assert_eq!(read(&world, slot.id).await, version, "{moved:?}");
        slot.turn();
    }
    assert_eq!(world.cache.stats().pending_invalidations, 0);
}

#[tokio::test]
async fn a_tag_is_invalidated_wherever_it_is() {
    let cluster = RedisCluster::exclusive().await;
    let world = World::new(connected(&cluster).await);
    let mut slot = Slot::new(&cluster, 3);
    let entry = format!("{{{}}}:of", slot.key);
    let tag = format!("__cache:tag::{{{}}}:tag", slot.key);
    for moved in [&[][..], &[&entry], &[&tag], &[&entry, &tag]] {
        let version = read_tagged(&world, slot.id).await;
        assert_eq!(read_tagged(&world, slot.id).await, version);
        assert!(
            [&entry, &tag]
                .iter()
                .all(|key| cluster.keys().contains(key))
        );
        slot.begin();
        for key in moved {
            slot.move_key(key);
        }
        assert_eq!(read_tagged(&world, slot.id).await, version, "{moved:?}");
        let version = write_tag(&world, slot.id).await;
        assert_eq!(read_tagged(&world, slot.id).await, version, "{moved:?}");
        slot.finish();
        assert_eq!(read_tagged(&world, slot.id).await, version, "{moved:?}");
        slot.turn();
    }
    assert_eq!(world.cache.stats().pending_invalidations, 0);
}

/// A slot before it moves, while its keys are at the source or at the target, and after it has moved.
const STAGES: usize = 4;

impl Slot<'_> {
    fn enter(&self, stage: usize) {
        match stage {
            1 => self.begin(),
            2 => self.move_keys(),
            3 => self.finish(),
            _ => {}
        }
    }
}

#[tokio::test]
async fn no_load_brings_back_what_a_write_removes_whenever_the_slot_moves() {
    let cluster = RedisCluster::exclusive().await;
    let world = World::new(connected(&cluster).await);
    let mut slot = Slot::new(&cluster, 4);
    for begun_at in 0..STAGES {
        for written_at in begun_at..STAGES {
            for returned_at in written_at..STAGES {
                let case = format!("{begun_at}, {written_at}, {returned_at}");
                let (mut load, mut version) = (None, 0);
                for stage in 0..STAGES {
                    slot.enter(stage);
                    if stage == begun_at {
                        let (reader, id) = (world.clone(), slot.id);
                        load = Some(tokio::spawn(async move { read_slowly(&reader, id).await }));
                        world.has_read.pass().await;
                    }
                    if stage == written_at {
                        version = write(&world, slot.id).await;
                    }
                    if stage == returned_at {
                        world.may_return.let_pass(1);
                        let load = load.take().expect("it has begun");
                        assert_eq!(load.await.expect("no panic"), version - 1, "{case}");
                    }
                    if stage >= returned_at {
                        assert_eq!(read(&world, slot.id).await, version, "{case}");
                    }
                }
                for _ in 0..2 {
                    assert_eq!(read(&world, slot.id).await, version, "{case}");
                }
                world.cache.delete([&slot.key]).await.expect("deleted");
                slot.turn();
            }
        }
    }
    assert_eq!(world.cache.stats().pending_invalidations, 0);
}
