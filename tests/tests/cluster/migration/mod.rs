//! Slots that move from one node to another.

mod failures;
mod invalidation;
mod nested;
mod patterns;

use cache_runtime::cache;
use cache_testkit::{RedisCluster, World};

#[cache("value", cache = world.cache, skip(world))]
async fn read(world: &World, id: u64) -> u64 {
    world.row.load()
}

#[cache("value", cache = world.cache, skip(world))]
async fn read_slowly(world: &World, id: u64) -> u64 {
    world.load().await
}

#[cache("value", method = "PUT", cache = world.cache)]
async fn write(world: &World, id: u64) -> u64 {
    world.row.commit()
}

#[cache("{{value:{id}}}:of", tags = ["{{value:{id}}}:tag"], cache = world.cache, skip(world))]
async fn read_tagged(world: &World, id: u64) -> u64 {
    world.row.load()
}

#[cache(tags_to_invalidate = ["{{value:{id}}}:tag"], cache = world.cache)]
async fn write_tag(world: &World, id: u64) -> u64 {
    world.row.commit()
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
        let key = |number| format!("value:{}", test * 1000 + number);
        let id = test * 1000 + cluster.number_at(0, key);
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

    fn ttl(&self, key: &str) -> i64 {
        self.cluster.run(key, &["PTTL", key])
    }
}
