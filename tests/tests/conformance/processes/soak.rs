//! Processes that read and write at random while they are killed, and what lies on their store is lost or moves.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cache_runtime::{Cache, HttpStatus, cache};
use cache_testkit::proxy::{Fault, Proxy};
use cache_testkit::{Load, MINUTE, Process, RedisCluster, RedisServer};
use tokio::time::timeout;

use super::history::{self, Event, Verdict};
use super::{count, run, start};

/// So many rows there are.
const ROWS: u64 = 4;

/// So many of them, and more, are written by writers in doubt. Where copies are taken, others are not: as long as the fence
/// of such a writer stands, there are none.
const WITHOUT_DOUBT: u64 = 12;

/// After that a writer in doubt has committed or never will, and what it made stale is gone.
const DOUBT: Duration = Duration::from_secs(31);

/// A cache, and the database that all processes share.
struct Shared {
    cache: Cache,
    /// A server with a version for each id. Nobody caches there: it is reached as a cache is.
    database: Cache,
    /// Whether entries may be served from memory.
    has_copies: bool,
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
    let shared = Arc::new(Shared {
        cache,
        database,
        has_copies: std::env::var_os("TEST_NEAR").is_some(),
    });
    tokio::spawn(tell_of_copies(shared.clone()));
    // Without the pauses of a call: what happens between two steps is to be met often.
    let load = Load::start(16, move |_| read_or_write(shared.clone()));
    load.run_until_a_client_panics().await;
}

/// How many reads of this process were served from its memory.
async fn tell_of_copies(shared: Arc<Shared>) {
    let place = format!("near:{}", std::process::id());
    loop {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let hits = shared.cache.stats().near.hits.to_string();
        run(&shared.database, "GETSET", &place, &[&hits]).await;
    }
}

async fn read_or_write(shared: Arc<Shared>) {
    let database = &shared.database;
    let (rows, without_doubt) = if shared.has_copies {
        (WITHOUT_DOUBT + ROWS, WITHOUT_DOUBT)
    } else {
        (ROWS, 0)
    };
    let id = fastrand::u64(..rows);
    let written = match fastrand::u8(..) {
        0..8 => bump(&shared, id).await,
        8..16 => bump_by_tag(&shared, id).await,
        16..20 => bump_by_pattern(&shared, id).await,
        20..24 => match in_transaction(&shared, id).await {
            Some(version) => Ok(version),
            None => return,
        },
        24..26 if id >= without_doubt => {
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

/// Three processes at a time.
struct Soak {
    begun: Instant,
    lasts: Duration,
    turns: usize,
    /// In each so many turns a process is killed, and another one started.
    lives: usize,
    environment: Vec<(&'static str, String)>,
    /// Where every third process finds the store, if not where the others do: what it is told comes late.
    far: Option<(&'static str, String)>,
    processes: [Process; 3],
}

impl Soak {
    fn begin(store: (&'static str, String), database: &RedisServer) -> Self {
        let environment = vec![store, ("TEST_DATABASE", database.url())];
        Self::with(environment, None, 1)
    }

    /// The same with copies in memory. A process lives long enough to take some, and is stopped from time to time.
    fn begin_near(
        store: (&'static str, String),
        far: Option<(&'static str, String)>,
        database: &RedisServer,
    ) -> Self {
        let near = ("TEST_NEAR", "20".to_owned());
        let environment = vec![store, ("TEST_DATABASE", database.url()), near];
        Self::with(environment, far, 15)
    }

    fn with(
        environment: Vec<(&'static str, String)>,
        far: Option<(&'static str, String)>,
        lives: usize,
    ) -> Self {
        let seconds = std::env::var("SOAK_SECONDS");
        let seconds = seconds.map_or(5, |text| text.parse().expect("a number"));
        Self {
            begun: Instant::now(),
            lasts: Duration::from_secs(seconds),
            turns: 0,
            lives,
            processes: [0, 1, 2].map(|place| Self::start(&environment, far.as_ref(), place)),
            environment,
            far,
        }
    }

    fn start(
        environment: &[(&'static str, String)],
        far: Option<&(&'static str, String)>,
        place: usize,
    ) -> Process {
        let far = far.filter(|_| place == 0).cloned();
        let environment = [environment, far.as_slice()].concat();
        let mut process = start(&environment, "soak");
        process.tell("go");
        process
    }

    fn has_copies(&self) -> bool {
        self.lives > 1
    }

    /// How often a process was killed.
    fn kills(&self) -> usize {
        self.turns / self.lives
    }

    /// Whether so much of its time has passed.
    fn has_passed(&self, part: f64) -> bool {
        self.begun.elapsed() >= self.lasts.mul_f64(part)
    }

    /// Ends with what Redis may evict at any time.
    async fn turn(&mut self) -> [String; 4] {
        let stopped = self.has_copies().then_some(self.turns % 3);
        if let Some(stopped) = stopped {
            self.processes[stopped].signal("STOP");
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
        if let Some(stopped) = stopped {
            self.processes[stopped].signal("CONT");
        }
        for process in &mut self.processes {
            assert!(process.is_running(), "a process has ended by itself");
        }
        self.turns += 1;
        if self.turns.is_multiple_of(self.lives) {
            let place = self.kills() % 3;
            self.processes[place] = Self::start(&self.environment, self.far.as_ref(), place);
        }
        let id = self.turns % 4;
        [
            format!("version:{id}:row"),
            format!("__cache:lease:{{version:{}:row}}", (id + 1) % 4),
            format!("__cache:tag:{{odd:{}}}", (id + 2) % 4),
            "__cache:sweeps".to_owned(),
        ]
    }

    /// Nobody has seen what may not be seen, and enough was seen to tell.
    fn ends_well(self, database: &RedisServer) {
        let (turns, kills, has_copies) = (self.turns, self.kills(), self.has_copies());
        drop(self.processes);
        let Verdict {
            reads,
            writes,
            violations,
        } = history::judge(&history::read(database));
        let copies = database.run::<Vec<String>>(&["KEYS", "near:*"]);
        let hits = copies
            .iter()
            .map(|place| database.run::<u64>(&["GET", place]));
        let hits = hits.sum::<u64>();
        println!(
            "{reads} reads ({hits} from memory), {writes} writes, {kills} kills, {} violations",
            violations.len()
        );
        assert!(violations.is_empty(), "{violations:#?}");
        assert!(reads > turns && writes > turns, "too little was seen");
        assert_eq!(hits > 0, has_copies, "copies in memory");
    }
}

#[tokio::test]
async fn no_reader_sees_less_than_what_was_written_while_processes_are_killed_at_random() {
    let server = RedisServer::start();
    let mut soak = Soak::begin(("TEST_REDIS", server.url()), &server);
    while !soak.has_passed(1.0) {
        for evicted in soak.turn().await {
            let () = server.run(&["UNLINK", &evicted]);
        }
    }
    soak.ends_well(&server);
}

/// The connections over which changes are told are cut from time to time.
#[tokio::test]
async fn nor_of_one_that_is_served_from_memory() {
    let (server, database) = (RedisServer::start(), RedisServer::start());
    let proxy = Proxy::start(server.port());
    proxy.set(Fault::Delay(Duration::from_millis(6)));
    let far = ("TEST_REDIS", proxy.url());
    let mut soak = Soak::begin_near(("TEST_REDIS", server.url()), Some(far), &database);
    while !soak.has_passed(1.0) {
        for evicted in soak.turn().await {
            let () = server.run(&["UNLINK", &evicted]);
        }
        if soak.turns.is_multiple_of(20) {
            let _: u64 = server.run(&["CLIENT", "KILL", "TYPE", "NORMAL"]);
        }
    }
    soak.ends_well(&database);
}

/// A failover by hand loses nothing of what a primary has acknowledged.
#[tokio::test]
async fn no_reader_of_a_cluster_sees_less_while_a_slot_moves_and_a_replica_takes_over() {
    on_a_cluster(Soak::begin).await;
}

#[tokio::test]
async fn nor_from_the_memory_of_a_clusters_readers() {
    on_a_cluster(|store, database| Soak::begin_near(store, None, database)).await;
}

async fn on_a_cluster(begin: impl Fn((&'static str, String), &RedisServer) -> Soak) {
    let (cluster, database) = (
        RedisCluster::start().without_failure_detection(),
        RedisServer::start(),
    );
    let mut soak = begin(("TEST_CLUSTER", cluster.nodes()), &database);
    let slot = cluster.slot("version:0:row");
    let mut from = cluster.owner_of(slot);
    let mut to = (from + 1) % 3;
    let mut has_failed_over = false;
    while !soak.has_passed(1.0) || soak.turns < 8 {
        // It begins when the entry there has just been loaded again.
        match soak.turns % 4 {
            1 => cluster.begin_migration(slot, to),
            3 => {
                cluster.move_keys(slot, to);
            }
            0 if soak.turns > 0 => {
                cluster.move_keys(slot, to);
                cluster.finish_migration(slot, to);
                std::mem::swap(&mut from, &mut to);
                if soak.has_passed(0.3) && !has_failed_over {
                    from = cluster.failover(from);
                    has_failed_over = true;
                }
            }
            _ => {}
        }
        for evicted in soak.turn().await {
            let _: u64 = cluster.run(&evicted, &["UNLINK", &evicted]);
        }
    }
    assert!(has_failed_over);
    soak.ends_well(&database);
}
