//! What becomes of calls under load while slots move and nodes go.
//!
//! Replication is asynchronous: what a primary has removed may be there again if it dies before its replica has heard
//! of that. So where a primary goes all of a sudden, a write counts only if the replicas have confirmed all that came
//! before their answer, on connections that lead to the primaries from before the write; or if it began when that
//! primary could not answer any more.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use cache_runtime::redis::{RedisResult, deadpool_redis, pipe};
use cache_runtime::{BreakerState, Cache, cache};
use cache_testkit::RedisCluster;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::{number_at, patient};

/// Each writes a row of its own, and reads those of all: two at each node.
const CLIENTS: usize = 6;

/// Between two calls of one client: enough load to meet every state, and a machine that can be used.
const PACE: Duration = Duration::from_millis(2);

/// So many calls have to meet a fault before it ends.
const CALLS: u64 = 600;

/// Far more than a confirmation takes where there is a replica: the second that it is waited for, and some more.
const TO_CONFIRM: Duration = Duration::from_secs(2);

struct Shared {
    cache: Cache,
    rows: [Row; CLIENTS],
    /// A row for each node, which nobody writes.
    steady: [Row; 3],
    calls: AtomicU64,
    wrong: Mutex<Vec<String>>,
    over: AtomicBool,
    /// Whether a write counts only if the replicas have it.
    needs_replicas: AtomicBool,
    /// Whether some writes name a pattern. Each of these asks anew who has what.
    has_patterns: bool,
}

#[derive(Default)]
struct Row {
    id: u64,
    database: AtomicU64,
    /// How often it was read there.
    runs: AtomicU64,
    /// How often it was asked for.
    reads: AtomicU64,
    /// The version that a write has returned for.
    committed: AtomicU64,
}

impl Row {
    fn new(cluster: &RedisCluster, node: usize, first: u64) -> Self {
        let name = |number| format!("row:{}", first + number);
        Self {
            id: first + number_at(cluster, node, name),
            ..Self::default()
        }
    }

    fn load(&self) -> u64 {
        self.runs.fetch_add(1, Ordering::SeqCst);
        self.database.load(Ordering::SeqCst)
    }

    fn commit(&self) -> u64 {
        self.database.fetch_add(1, Ordering::SeqCst) + 1
    }
}

/// Its key is in the slot of `row:{id}`, and ends in text, so that a pattern can mean it alone.
#[cache("{{row:{row.id}}}:value", cache = cache)]
async fn read(cache: &Cache, row: &Row) -> u64 {
    row.load()
}

/// Its tag may be at another node.
#[cache("tagged:{row.id}", tags = ["of:{row.id}"], cache = cache)]
async fn read_tagged(cache: &Cache, row: &Row) -> u64 {
    row.load()
}

#[cache(
    "{{row:{row.id}}}:value", method = "PUT", tags_to_invalidate = ["of:{row.id}"], cache = cache
)]
async fn write(cache: &Cache, row: &Row) -> u64 {
    row.commit()
}

#[cache(
    pattern_to_invalidate_extra = ["{{row:{row.id}}}:value"], tags_to_invalidate = ["of:{row.id}"], cache = cache
)]
async fn write_by_pattern(cache: &Cache, row: &Row) -> u64 {
    row.commit()
}

/// Runs until it is stopped.
struct Load {
    shared: Arc<Shared>,
    clients: Vec<JoinHandle<()>>,
}

impl Load {
    fn start(cluster: &RedisCluster, deadline: Duration) -> Self {
        Self::start_with(cluster, deadline, false, true)
    }

    fn start_with(
        cluster: &RedisCluster,
        deadline: Duration,
        needs_replicas: bool,
        has_patterns: bool,
    ) -> Self {
        let cache = patient(cluster).deadline(deadline);
        let cache = cache.response_timeout(TO_CONFIRM).build();
        let shared = Arc::new(Shared {
            cache: cache.expect("the nodes are right"),
            // No row's pattern matches another row.
            rows: std::array::from_fn(|index| {
                Row::new(cluster, index % 3, 100 * (index as u64 + 1))
            }),
            steady: std::array::from_fn(|node| Row::new(cluster, node, 900)),
            calls: AtomicU64::default(),
            wrong: Mutex::default(),
            over: AtomicBool::default(),
            needs_replicas: needs_replicas.into(),
            has_patterns,
        });
        let client = |number| {
            let shared = shared.clone();
            tokio::spawn(async move { shared.run(number).await })
        };
        Self {
            clients: (0..CLIENTS).map(client).collect(),
            shared,
        }
    }

    /// Waits until calls have met what is the case now.
    async fn go_on(&self) {
        let calls = || self.shared.calls.load(Ordering::SeqCst);
        let enough = calls() + CALLS;
        while calls() < enough {
            let ended = self.clients.iter().any(JoinHandle::is_finished);
            assert!(!ended, "a client has ended");
            sleep(Duration::from_millis(5)).await;
        }
    }

    /// From now on, every write counts: the primary that went can't answer any more.
    fn is_gone(&self) {
        self.shared.needs_replicas.store(false, Ordering::SeqCst);
    }

    /// How often the steady rows of these nodes were read from the database, and how often they were asked for.
    fn steady<const N: usize>(&self, nodes: [usize; N]) -> ([u64; N], [u64; N]) {
        let rows = nodes.map(|node| &self.shared.steady[node]);
        let runs = rows.map(|row| row.runs.load(Ordering::SeqCst));
        (runs, rows.map(|row| row.reads.load(Ordering::SeqCst)))
    }

    /// Waits until all nodes are asked again, and then nothing is read from the database in vain.
    async fn is_in_use(&self) {
        for turn in 0.. {
            assert!(turn < 6000, "a node is not asked any more");
            let stats = self.shared.cache.stats();
            if stats.breaker == BreakerState::Closed && stats.pending_invalidations == 0 {
                break;
            }
            sleep(Duration::from_millis(5)).await;
        }
        self.go_on().await;
        let (runs, _) = self.steady([0, 1, 2]);
        self.go_on().await;
        assert_eq!(self.steady([0, 1, 2]).0, runs, "they are cached");
    }

    /// Nobody has seen what was wrong, what is owed is delivered, and everything is cached again.
    async fn ends_well(self) {
        let Self { shared, clients } = self;
        shared.over.store(true, Ordering::SeqCst);
        for client in clients {
            client.await.expect("no panic");
        }
        let wrong = std::mem::take(&mut *shared.wrong.lock().expect("they have ended"));
        assert!(wrong.is_empty(), "{wrong:#?}");
        let cache = &shared.cache;
        assert_eq!(cache.drain(Duration::from_secs(30)).await, 0);
        for row in shared.rows.iter().chain(&shared.steady) {
            let version = row.database.load(Ordering::SeqCst);
            assert_eq!(read(cache, row).await, version);
            assert_eq!(read_tagged(cache, row).await, version);
            let runs = row.runs.load(Ordering::SeqCst);
            assert_eq!(read(cache, row).await, version);
            assert_eq!(read_tagged(cache, row).await, version);
            assert_eq!(row.runs.load(Ordering::SeqCst), runs, "both are cached");
        }
        let stats = cache.stats();
        assert_eq!(stats.breaker, BreakerState::Closed);
        assert!(stats.hits > 0 && stats.invalidations > 0, "{stats:?}");
    }
}

impl Shared {
    async fn run(&self, number: usize) {
        for turn in 0_usize.. {
            if self.over.load(Ordering::SeqCst) {
                return;
            }
            self.write(&self.rows[number], turn).await;
            for other in 0..CLIENTS {
                let row = &self.rows[(number + other) % CLIENTS];
                self.read(row, (turn + other) % 2 == 0).await;
            }
            for row in &self.steady {
                self.read(row, false).await;
            }
        }
    }

    async fn write(&self, row: &Row, turn: usize) {
        let confirmation = if self.needs_replicas.load(Ordering::SeqCst) {
            Some(self.connections(row).await)
        } else {
            None
        };
        let version = if self.has_patterns && turn % 8 == 7 {
            write_by_pattern(&self.cache, row).await
        } else {
            write(&self.cache, row).await
        };
        let counts = match confirmation {
            None => true,
            Some(None) => false,
            Some(Some(connections)) => is_replicated(connections).await,
        };
        if counts {
            row.committed.fetch_max(version, Ordering::SeqCst);
        }
        self.pause().await;
    }

    /// To the primaries of what a write removes, each with a key that it has.
    async fn connections(&self, row: &Row) -> Option<Vec<(String, deadpool_redis::Connection)>> {
        let mut all = Vec::new();
        for key in [
            format!("{{row:{}}}:mark", row.id),
            format!("{{of:{}}}:mark", row.id),
        ] {
            let connection = self.cache.connection_for(&key).await.ok()?;
            all.push((key, connection));
        }
        Some(all)
    }

    /// A read that starts after a write has returned sees that write.
    async fn read(&self, row: &Row, tagged: bool) {
        let least = row.committed.load(Ordering::SeqCst);
        let seen = if tagged {
            read_tagged(&self.cache, row).await
        } else {
            read(&self.cache, row).await
        };
        row.reads.fetch_add(1, Ordering::SeqCst);
        if seen < least {
            let what = format!("version {seen} of {} after {least}: {tagged}", row.id);
            let mut wrong = self.wrong.lock().unwrap_or_else(PoisonError::into_inner);
            wrong.push(what);
        }
        self.pause().await;
    }

    async fn pause(&self) {
        self.calls.fetch_add(1, Ordering::SeqCst);
        sleep(PACE).await;
    }
}

/// Whether a replica of each has all that its primary had when it was asked.
async fn is_replicated(connections: Vec<(String, deadpool_redis::Connection)>) -> bool {
    for (key, mut connection) in connections {
        let mut both = pipe();
        // It waits for what this connection has written.
        both.cmd("SET").arg(&[&key, "", "PX", "60000"]).ignore();
        both.cmd("WAIT").arg(&[1, 1000]);
        let asked = both.query_async(&mut connection);
        let answer: Result<RedisResult<(u64,)>, _> = timeout(TO_CONFIRM, asked).await;
        if !matches!(answer, Ok(Ok((1..,)))) {
            return false;
        }
    }
    true
}

/// One that serves what it has also where a part of it is gone.
fn partial() -> RedisCluster {
    RedisCluster::start_with(&["--cluster-require-full-coverage", "no"])
}

const PATIENT: Duration = Duration::from_secs(5);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slots_that_move_under_load() {
    let cluster = RedisCluster::start().without_failure_detection();
    let load = Load::start(&cluster, PATIENT);
    load.go_on().await;
    let (runs, _) = load.steady([0, 1, 2]);
    let rows = load.shared.rows.iter().take(2);
    let names = rows.flat_map(|row| [format!("row:{}", row.id), format!("of:{}", row.id)]);
    let steady = format!("row:{}", load.shared.steady[0].id);
    for name in names.chain([steady]) {
        let from = cluster.owner(&name);
        for to in [(from + 1) % 3, from] {
            let slot = cluster.slot(&name);
            cluster.begin_migration(slot, to);
            load.go_on().await;
            cluster.move_keys(slot, to);
            load.go_on().await;
            cluster.move_keys(slot, to);
            cluster.finish_migration(slot, to);
        }
    }
    load.go_on().await;
    assert_eq!(load.steady([0, 1, 2]).0, runs, "they stay cached");
    load.ends_well().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_primary_that_is_killed_under_load() {
    let mut cluster = partial();
    // By nothing but the calls that meet it, the cache learns of a failover.
    let load = Load::start_with(&cluster, PATIENT, true, false);
    load.go_on().await;
    let before = load.steady([1, 2]);
    cluster.node_mut(0).kill();
    load.is_gone();
    load.go_on().await;
    cluster.wait_for_failover(0);
    load.is_in_use().await;
    let after = load.steady([1, 2]);
    assert_eq!(after.0, before.0, "what is elsewhere stays cached");
    assert!(after.1 > before.1, "{after:?}");
    cluster.node_mut(0).restart();
    cluster.settle();
    load.go_on().await;
    load.ends_well().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_primary_that_hangs_under_load_and_comes_back_as_a_replica() {
    let cluster = partial();
    let load = Load::start_with(&cluster, Duration::from_secs(1), true, true);
    load.go_on().await;
    let before = load.steady([1, 2]);
    cluster.node(0).signal("STOP");
    load.is_gone();
    cluster.wait_for_failover(0);
    load.is_in_use().await;
    cluster.node(0).signal("CONT");
    load.go_on().await;
    cluster.settle();
    load.go_on().await;
    let after = load.steady([1, 2]);
    assert_eq!(after.0, before.0, "what is elsewhere stays cached");
    assert!(after.1 > before.1, "{after:?}");
    load.ends_well().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failover_by_hand_under_load() {
    let cluster = RedisCluster::start().without_failure_detection();
    let load = Load::start(&cluster, PATIENT);
    load.go_on().await;
    let (runs, _) = load.steady([0, 1, 2]);
    for of in [0, 3] {
        assert_eq!(cluster.failover(of), RedisCluster::partner(of));
        load.go_on().await;
    }
    assert_eq!(load.steady([0, 1, 2]).0, runs, "they stay cached");
    load.ends_well().await;
}
