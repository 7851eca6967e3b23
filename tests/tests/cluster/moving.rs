//! Slots that move from one node to another.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use cache_runtime::{Cache, cache};
use cache_testkit::RedisCluster;
use tokio::sync::Semaphore;

use crate::{MINUTE, cluster, number_at, on};

/// A database of one number, and the gates where those stop who are told to.
#[derive(Clone)]
struct World {
    cache: Cache,
    database: Arc<AtomicU64>,
    runs: Arc<AtomicU64>,
    has_read: Arc<Semaphore>,
    may_return: Arc<Semaphore>,
}

impl World {
    fn new(cache: Cache) -> Self {
        Self {
            cache,
            database: Arc::default(),
            runs: Arc::default(),
            has_read: Arc::new(Semaphore::new(0)),
            may_return: Arc::new(Semaphore::new(0)),
        }
    }

    fn runs(&self) -> u64 {
        self.runs.load(Ordering::SeqCst)
    }

    fn load(&self) -> u64 {
        self.runs.fetch_add(1, Ordering::SeqCst);
        self.database.load(Ordering::SeqCst)
    }

    fn commit(&self) -> u64 {
        self.database.fetch_add(1, Ordering::SeqCst) + 1
    }
}

async fn pass(gate: &Semaphore) {
    gate.acquire().await.expect("never closed").forget();
}

#[cache("value", cache = world.cache, skip(world))]
async fn read(world: &World, id: u64) -> u64 {
    world.load()
}

#[cache("value", cache = world.cache, skip(world))]
async fn read_slowly(world: &World, id: u64) -> u64 {
    let value = world.load();
    world.has_read.add_permits(1);
    pass(&world.may_return).await;
    value
}

#[cache("value", method = "PUT", cache = world.cache)]
async fn write(world: &World, id: u64) -> u64 {
    world.commit()
}

#[cache("{{value:{id}}}:of", tags = ["{{value:{id}}}:tag"], cache = world.cache, skip(world))]
async fn read_tagged(world: &World, id: u64) -> u64 {
    world.load()
}

#[cache(tags_to_invalidate = ["{{value:{id}}}:tag"], cache = world.cache)]
async fn write_tag(world: &World, id: u64) -> u64 {
    world.commit()
}

/// A slot that has not moved yet, of the key `value:{id}`.
struct Slot<'c> {
    cluster: &'c RedisCluster,
    id: u64,
    key: String,
    number: u16,
    from: usize,
    to: usize,
}

impl<'c> Slot<'c> {
    /// The number of the test keeps the slots of tests apart.
    fn new(cluster: &'c RedisCluster, test: u64) -> Self {
        let id = test * 1000 + number_at(cluster, 0, |id| format!("value:{}", test * 1000 + id));
        let key = format!("value:{id}");
        Self {
            number: cluster.slot(&key),
            cluster,
            id,
            key,
            from: 0,
            to: 1,
        }
    }

    fn lease(&self) -> String {
        format!("__cache:lease:{{{}}}", self.key)
    }

    fn fence(&self) -> String {
        format!("__cache:fence:{{{}}}", self.key)
    }

    fn begin(&self) {
        self.cluster.begin_migration(self.number, self.to);
    }

    fn move_key(&self, key: &str) {
        self.cluster.move_key(key, self.to);
    }

    fn move_keys(&self) {
        self.cluster.move_keys(self.number, self.to);
    }

    fn finish(&self) {
        self.move_keys();
        self.cluster.finish_migration(self.number, self.to);
    }

    /// And now it moves back.
    fn turn(&mut self) {
        std::mem::swap(&mut self.from, &mut self.to);
    }

    /// Redirects that a node has sent.
    fn redirects(&self, node: usize, kind: &str) -> u64 {
        let stats: String = self.cluster.node(node).run(&["INFO", "errorstats"]);
        let line = format!("errorstat_{kind}:count=");
        let mut counts = stats.lines().filter_map(|it| it.strip_prefix(&line));
        let count = counts.next().map(|count| count.trim().parse());
        count.map_or(0, |count| count.expect("a number"))
    }

    fn life(&self, key: &str) -> i64 {
        self.cluster.run(key, &["PTTL", key])
    }
}

#[tokio::test]
async fn a_hit_stays_a_hit_while_its_slot_moves_and_the_map_learns_of_it_once() {
    let cluster = cluster().await;
    let world = World::new(on(&cluster).await);
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
    assert_eq!((world.runs(), stats.hits, stats.errors.total()), (1, 7, 0));
}

#[tokio::test]
async fn a_write_invalidates_wherever_the_entry_and_its_lease_are() {
    let cluster = cluster().await;
    let world = World::new(on(&cluster).await);
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
    let cluster = cluster().await;
    let world = World::new(on(&cluster).await);
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
    let cluster = cluster().await;
    let world = World::new(on(&cluster).await);
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
                        pass(&world.has_read).await;
                    }
                    if stage == written_at {
                        version = write(&world, slot.id).await;
                    }
                    if stage == returned_at {
                        world.may_return.add_permits(1);
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

#[tokio::test]
async fn a_write_that_fails_changes_nothing_where_a_slot_moves() {
    #[cache("value", to_invalidate_extra = {"other": "{other}"}, method = "PUT", cache = cache)]
    async fn fail(cache: &Cache, id: u64, other: u64) -> Result<(), ()> {
        Err(())
    }
    let cluster = cluster().await;
    let cache = on(&cluster).await;
    let mut slot = Slot::new(&cluster, 5);
    // At the same node as the slot, and at another one.
    for node in [0, 2] {
        let id = number_at(&cluster, node, |id| format!("other:{id}"));
        let other = format!("other:{id}");
        for is_moved in [false, true] {
            for key in [&slot.key, &other] {
                cache.set(key, &7, 60 * MINUTE).await.expect("set");
            }
            slot.begin();
            if is_moved {
                slot.move_key(&slot.key);
            }
            assert_eq!(fail(&cache, slot.id, id).await, Err(()));
            for key in [&slot.key, &other] {
                assert_eq!(cache.get(key).await.expect("get"), Some(7), "{key}");
            }
            assert!(slot.life(&other) > 3_000_000, "its old life");
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
    async fn write_for_ever(cache: &Cache, id: u64, begun: &Semaphore) {
        begun.add_permits(1);
        std::future::pending::<()>().await;
    }
    let cluster = cluster().await;
    let world = World::new(on(&cluster).await);
    let mut slot = Slot::new(&cluster, 6);
    for is_moved in [false, true] {
        let entry = &slot.key;
        world.cache.set(entry, &7, 60 * MINUTE).await.expect("set");
        slot.begin();
        if is_moved {
            slot.move_key(entry);
        }
        let begun = Semaphore::new(0);
        let mut writer = Box::pin(write_for_ever(&world.cache, slot.id, &begun));
        tokio::select! {
            () = &mut writer => unreachable!("it never ends"),
            () = pass(&begun) => {}
        }
        // It could die now, and nobody would know.
        let is_within = |when: &str| {
            let (entry, fence) = (slot.life(entry), slot.life(&slot.fence()));
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

#[tokio::test]
async fn a_pattern_finds_what_is_on_either_side() {
    let cluster = cluster().await;
    let cache = on(&cluster).await;
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

    let cluster = cluster().await;
    let cache = on(&cluster).await;
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
            let deleted = futures(cache.delete_pattern(&glob));
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

/// Runs what is asynchronous in a thread of the runtime that waits for it.
fn futures<F: Future>(future: F) -> F::Output {
    tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(future))
}
