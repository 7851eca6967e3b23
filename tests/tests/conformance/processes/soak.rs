//! Processes that read and write at random while they are killed, and what lies on their store is lost or moves.

use std::sync::Arc;
use std::time::Duration;

use cache_runtime::{Cache, cache};
use cache_testkit::{Load, MINUTE, Process, RedisCluster, RedisServer};

use super::{count, run, start};

/// A cache, and the database that all processes share.
struct Shared {
    cache: Cache,
    /// A server with a version for each id. Nobody caches there: it is reached as a cache is.
    database: Cache,
}

#[cache("version:{id}:row", cache = shared.cache, skip(shared), tags = ["odd:{id}"])]
async fn version(shared: &Shared, id: u8) -> u64 {
    run(&shared.database, "GET", &format!("db:{id}"), &[]).await
}

#[cache("version:{id}:row", cache = shared.cache, method = "PUT")]
async fn bump(shared: &Shared, id: u8) -> Result<u64, u64> {
    commit(shared, id).await
}

#[cache(tags_to_invalidate = ["odd:{id}"], cache = shared.cache)]
async fn bump_by_tag(shared: &Shared, id: u8) -> Result<u64, u64> {
    commit(shared, id).await
}

#[cache(pattern_to_invalidate_extra = ["version:{id}:"], cache = shared.cache)]
async fn bump_by_pattern(shared: &Shared, id: u8) -> Result<u64, u64> {
    commit(shared, id).await
}

async fn commit(shared: &Shared, id: u8) -> Result<u64, u64> {
    let version = count(&shared.database, &format!("db:{id}")).await;
    tokio::task::yield_now().await;
    Ok(version)
}

/// Reads and writes at random until it is killed. Once a write has returned, its version is the least that
/// a read which starts then may see. Of what it owes nobody else knows: that counts when it is delivered.
pub(super) async fn soak(cache: Cache, database: Cache) {
    let shared = Arc::new(Shared { cache, database });
    // Without the pauses of a call: what happens between two steps is to be met often.
    let load = Load::start(16, move |_| read_or_write(shared.clone()));
    load.run_until_a_client_panics().await;
}

async fn read_or_write(shared: Arc<Shared>) {
    let shared = &*shared;
    const RAISE: &str = "if tonumber(ARGV[1]) > tonumber(redis.call('GET', KEYS[1]) or 0) then \
                         redis.call('SET', KEYS[1], ARGV[1]) end";
    let database = &shared.database;
    let id = fastrand::u8(..4);
    let floor = format!("floor:{id}");
    let written = match fastrand::u8(..) {
        0..8 => bump(shared, id).await,
        8..16 => bump_by_tag(shared, id).await,
        16..20 => bump_by_pattern(shared, id).await,
        _ => {
            let least = run(database, "GET", &floor, &[]).await;
            let seen = version(shared, id).await;
            assert!(
                seen >= least,
                "read {seen} of {id} after {least} had returned"
            );
            count(database, "checked").await;
            return;
        }
    };
    let version = written.expect("never fails").to_string();
    if shared.cache.drain(MINUTE).await == 0 {
        run(database, "EVAL", RAISE, &["1", &floor, &version]).await;
    }
}

/// Three processes at a time, one of which is killed and another one started in each turn.
struct Soak {
    turns: usize,
    environment: [(&'static str, String); 2],
    processes: [Process; 3],
}

impl Soak {
    fn begin(store: (&'static str, String), database: &RedisServer) -> Self {
        let seconds = std::env::var("SOAK_SECONDS");
        let seconds: usize = seconds.map_or(5, |text| text.parse().expect("a number"));
        let environment = [store, ("TEST_DATABASE", database.url())];
        Self {
            turns: seconds * 5,
            processes: [0; 3].map(|_| Self::start(&environment)),
            environment,
        }
    }

    fn start(environment: &[(&str, String)]) -> Process {
        let mut process = start(environment, "soak");
        process.tell("go");
        process
    }

    /// Ends with what Redis may evict at any time.
    async fn turn(&mut self, turn: usize) -> [String; 3] {
        tokio::time::sleep(Duration::from_millis(200)).await;
        for process in &mut self.processes {
            assert!(process.is_running(), "a process saw a stale value");
        }
        self.processes[turn % 3] = Self::start(&self.environment);
        let id = turn % 4;
        [
            format!("version:{id}:row"),
            format!("__cache:lease:{{version:{}:row}}", (id + 1) % 4),
            format!("__cache:tag:{{odd:{}}}", (id + 2) % 4),
        ]
    }

    fn has_checked(database: &RedisServer) {
        let checked: u64 = database.run(&["GET", "checked"]);
        println!("{checked} reads checked");
        assert!(checked > 0);
    }
}

#[tokio::test]
async fn no_reader_sees_less_than_what_was_written_while_processes_are_killed_at_random() {
    let server = RedisServer::start();
    let mut soak = Soak::begin(("TEST_REDIS", server.url()), &server);
    for turn in 0..soak.turns {
        for evicted in soak.turn(turn).await {
            let () = server.run(&["UNLINK", &evicted]);
        }
    }
    Soak::has_checked(&server);
}

/// A failover by hand loses nothing of what a primary has acknowledged.
#[tokio::test]
async fn no_reader_of_a_cluster_sees_less_while_a_slot_moves_and_a_replica_takes_over() {
    let (cluster, database) = (
        RedisCluster::start().without_failure_detection(),
        RedisServer::start(),
    );
    let mut soak = Soak::begin(("TEST_CLUSTER", cluster.nodes()), &database);
    let slot = cluster.slot("version:0:row");
    let mut from = cluster.owner_of(slot);
    let mut to = (from + 1) % 3;
    let mut has_failed_over = false;
    for turn in 0..soak.turns {
        // It begins when the entry there has just been loaded again.
        match turn % 4 {
            1 => cluster.begin_migration(slot, to),
            3 => {
                cluster.move_keys(slot, to);
            }
            0 if turn > 0 => {
                cluster.move_keys(slot, to);
                cluster.finish_migration(slot, to);
                std::mem::swap(&mut from, &mut to);
                if turn > soak.turns / 3 && !has_failed_over {
                    from = cluster.failover(from);
                    has_failed_over = true;
                }
            }
            _ => {}
        }
        for evicted in soak.turn(turn).await {
            let _: u64 = cluster.run(&evicted, &["UNLINK", &evicted]);
        }
    }
    assert!(has_failed_over || soak.turns < 6);
    Soak::has_checked(&database);
}
