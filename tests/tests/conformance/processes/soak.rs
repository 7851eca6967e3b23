//! Processes that read and write at random while they are killed, and what lies on their store is lost or moves.

use std::sync::Arc;
use std::time::Duration;

use cache_runtime::{Cache, HttpStatus, cache};
use cache_testkit::{Load, MINUTE, Process, RedisCluster, RedisServer};
use tokio::time::timeout;

use super::history::{self, Event, Verdict};
use super::{count, run, start};

/// So many rows there are.
const ROWS: u64 = 4;

/// After that a writer in doubt has committed or never will, and what it made stale is gone.
const DOUBT: Duration = Duration::from_secs(31);

/// A cache, and the database that all processes share.
struct Shared {
    cache: Cache,
    /// A server with a version for each id. Nobody caches there: it is reached as a cache is.
    database: Cache,
}

/// The row isn't there, as of this version.
#[derive(Clone, Copy, Debug)]
struct Missing(u64);

impl HttpStatus for Missing {
    fn http_status(&self) -> u16 {
        404
    }
}

/// Each fifth version of a row is none. Once in a while the database takes long.
#[cache("version:{id}:row", cache = shared.cache, skip(shared), tags = ["odd:{id}"])]
async fn version(shared: &Shared, id: u64) -> Result<u64, Missing> {
    let version = run(&shared.database, "GET", &format!("db:{id}"), &[]).await;
    if fastrand::u8(..) == 0 {
        tokio::time::sleep(Duration::from_millis(fastrand::u64(..4000))).await;
    }
    if version % 5 == 4 {
        return Err(Missing(version));
    }
    Ok(version)
}

#[cache(
    "profile:{id}", cache = shared.cache, skip(shared),
    expiration = "300ms", stale_while_revalidate = "1s"
)]
async fn profile(shared: Arc<Shared>, id: u64) -> Result<u64, Missing> {
    version(&shared, id).await
}

#[cache("page:{id}:all", cache = shared.cache, skip(shared))]
async fn page(shared: Arc<Shared>, id: u64) -> Result<u64, Missing> {
    profile(shared.clone(), id).await
}

/// All that depends on the row, by keys.
#[cache(
    "version:{id}:row", cache = shared.cache, method = "PUT",
    to_invalidate_extra = {"profile": "{id}", "page:{id}": "all"}
)]
async fn bump(shared: &Shared, id: u64) -> Result<u64, Missing> {
    commit(shared, id).await
}

/// By a tag, a key and a pattern.
#[cache(
    "profile:{id}", tags_to_invalidate = ["odd:{id}"], cache = shared.cache,
    pattern_to_invalidate_extra = ["page:{id}:*"]
)]
async fn bump_by_tag(shared: &Shared, id: u64) -> Result<u64, Missing> {
    commit(shared, id).await
}

/// By patterns and a key.
#[cache(
    "profile:{id}", cache = shared.cache, method = "PUT",
    pattern_to_invalidate_extra = ["page:{id}:*", "version:{id}:*"]
)]
async fn bump_by_pattern(shared: &Shared, id: u64) -> Result<u64, Missing> {
    commit(shared, id).await
}

/// By keys; it commits in a task of its own, which goes on when it is dropped.
#[cache(
    "version:{id}:row", cache = shared.cache, method = "PUT",
    to_invalidate_extra = {"profile": "{id}", "page:{id}": "all"}
)]
async fn bump_in_doubt(shared: Arc<Shared>, id: u64, late: Duration) -> Result<u64, Missing> {
    let commit = tokio::spawn(async move {
        tokio::time::sleep(late).await;
        let version = commit(&shared, id).await;
        tokio::time::sleep(DOUBT).await;
        let (database, version) = (&shared.database, version?);
        has_returned(database, id, version).await;
        Ok(version)
    });
    commit.await.expect("no panic")
}

/// Two writes in a transaction, which commits behind both, or is rolled back. Reads in it see the row as it was.
async fn in_transaction(shared: &Arc<Shared>, id: u64) -> Option<u64> {
    let (_, stale) = shared
        .cache
        .deferred(async {
            announce(shared, id).await;
            let read = page(shared.clone(), id).await;
            announce_by_patterns(shared, id).await;
            read
        })
        .await;
    if fastrand::u8(..) < 64 {
        stale.rolled_back().await;
        return None;
    }
    let version = commit(shared, id).await;
    stale.apply().await;
    version.ok()
}

/// It writes a row in a transaction of its caller's.
#[cache(
    "version:{id}:row", cache = shared.cache, method = "PUT",
    to_invalidate_extra = {"profile": "{id}"}
)]
async fn announce(shared: &Shared, id: u64) {
    tokio::task::yield_now().await;
}

#[cache(pattern_to_invalidate_extra = ["page:{id}:*"], cache = shared.cache)]
async fn announce_by_patterns(shared: &Shared, id: u64) {
    tokio::task::yield_now().await;
}

async fn commit(shared: &Shared, id: u64) -> Result<u64, Missing> {
    let version = count(&shared.database, &format!("db:{id}")).await;
    tokio::task::yield_now().await;
    Ok(version)
}

async fn has_returned(database: &Cache, id: u64, version: u64) {
    let returned = history::now(database).await;
    let written = Event::Written {
        id,
        returned,
        version,
    };
    written.record(database).await;
}

/// Reads and writes at random until it is killed, and tells the history.
pub(super) async fn soak(cache: Cache, database: Cache) {
    let shared = Arc::new(Shared { cache, database });
    // Without the pauses of a call: what happens between two steps is to be met often.
    let load = Load::start(16, move |_| read_or_write(shared.clone()));
    load.run_until_a_client_panics().await;
}

async fn read_or_write(shared: Arc<Shared>) {
    let (id, database) = (fastrand::u64(..ROWS), &shared.database);
    let written = match fastrand::u8(..) {
        0..8 => bump(&shared, id).await,
        8..16 => bump_by_tag(&shared, id).await,
        16..20 => bump_by_pattern(&shared, id).await,
        20..24 => match in_transaction(&shared, id).await {
            Some(version) => Ok(version),
            None => return,
        },
        24..26 => {
            // Its client hangs up.
            let late = Duration::from_millis(fastrand::u64(..2000));
            let write = bump_in_doubt(shared.clone(), id, late);
            let _ = timeout(late.mul_f64(fastrand::f64()), write).await;
            return;
        }
        which => {
            let begun = history::now(database).await;
            let read = async {
                match which % 3 {
                    0 => page(shared.clone(), id).await,
                    1 => profile(shared.clone(), id).await,
                    _ => version(&shared, id).await,
                }
            };
            // Now and then its client hangs up as well.
            let patience = if which < 40 { 5 } else { 60_000 };
            let Ok(read) = timeout(Duration::from_millis(patience), read).await else {
                return;
            };
            let seen = read.unwrap_or_else(|Missing(version)| version);
            Event::Read { id, begun, seen }.record(database).await;
            return;
        }
    };
    let version = written.expect("never fails");
    // Of what it owes nobody else knows: the write counts when that is delivered.
    if shared.cache.drain(MINUTE).await == 0 {
        has_returned(database, id, version).await;
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
    async fn turn(&mut self, turn: usize) -> [String; 4] {
        tokio::time::sleep(Duration::from_millis(200)).await;
        for process in &mut self.processes {
            assert!(process.is_running(), "a process has ended by itself");
        }
        self.processes[turn % 3] = Self::start(&self.environment);
        let id = turn % 4;
        [
            format!("version:{id}:row"),
            format!("__cache:lease:{{version:{}:row}}", (id + 1) % 4),
            format!("__cache:tag:{{odd:{}}}", (id + 2) % 4),
            "__cache:sweeps".to_owned(),
        ]
    }

    /// Nobody has seen what may not be seen, and enough was seen to tell.
    fn ends_well(self, database: &RedisServer) {
        drop(self.processes);
        let Verdict {
            reads,
            writes,
            violations,
        } = history::judge(&history::read(database));
        let kills = self.turns;
        println!(
            "{reads} reads, {writes} writes, {kills} kills, {} violations",
            violations.len()
        );
        assert!(violations.is_empty(), "{violations:#?}");
        assert!(reads > kills && writes > kills, "too little was seen");
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
    soak.ends_well(&server);
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
    soak.ends_well(&database);
}
