//! Several processes on one store, and what remains of one that is killed.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use cache_runtime::{Cache, cache};
use cache_testkit::{RedisCluster, RedisServer};
use tokio::task::JoinSet;

use crate::{MINUTE, on};

/// Counts its runs in the database, which is the server itself, and says so.
#[cache("value", cache = cache)]
async fn read(cache: &Cache, id: u64) -> u64 {
    let value = count(cache, "runs").await;
    println!("loading");
    tokio::time::sleep(Duration::from_millis(100)).await;
    value
}

#[cache("value", cache = cache)]
async fn read_for_ever(cache: &Cache, id: u64) -> u64 {
    println!("loading");
    std::future::pending().await
}

#[cache("value", cache = cache, method = "PUT")]
async fn write_for_ever(cache: &Cache, id: u64) {
    println!("loading");
    std::future::pending::<()>().await;
}

async fn count(cache: &Cache, key: &str) -> u64 {
    run(cache, "INCR", key, &[]).await
}

/// What the other processes run: this binary, asked for this one test.
#[tokio::test]
#[ignore = "the other process of the tests below"]
async fn another_process() {
    let told = |name| std::env::var(name).expect("told by the test");
    let store = Cache::builder().deadline(Duration::from_secs(5));
    let store = match std::env::var("TEST_CLUSTER") {
        Ok(nodes) => store.cluster_nodes(nodes.split(',')),
        Err(_) => store.url(told("TEST_REDIS")),
    };
    let cache = store.build().expect("right");
    println!("ready");
    std::io::stdin()
        .read_line(&mut String::new())
        .expect("told to begin");
    match std::env::var("TEST_CALL").as_deref() {
        Ok("read") => drop(read_for_ever(&cache, 1).await),
        Ok("write") => write_for_ever(&cache, 1).await,
        Ok("soak") => {
            let database = Cache::builder().url(told("TEST_DATABASE"));
            let database = database.build().expect("right");
            soak(&World { cache, database }).await;
        }
        _ => {
            let calls = (0..250).map(|_| {
                let cache = cache.clone();
                tokio::spawn(async move { read(&cache, 1).await })
            });
            for call in calls.collect::<Vec<_>>() {
                assert_eq!(call.await.expect("no panic"), 1);
            }
        }
    }
}

/// What a soak is about.
#[derive(Clone)]
struct World {
    cache: Cache,
    /// A server with a version for each id. Nobody caches there: it is reached as a cache is.
    database: Cache,
}

#[cache("version", cache = world.cache, tags = ["odd:{id}"])]
async fn version(world: &World, id: u8) -> u64 {
    run(&world.database, "GET", &format!("db:{id}"), &[]).await
}

#[cache("version", cache = world.cache, method = "PUT")]
async fn bump(world: &World, id: u8) -> Result<u64, u64> {
    commit(world, id).await
}

#[cache(tags_to_invalidate = ["odd:{id}"], cache = world.cache)]
async fn bump_by_tag(world: &World, id: u8) -> Result<u64, u64> {
    commit(world, id).await
}

#[cache(pattern_to_invalidate_extra = ["version:{id}"], cache = world.cache)]
async fn bump_by_pattern(world: &World, id: u8) -> Result<u64, u64> {
    commit(world, id).await
}

async fn commit(world: &World, id: u8) -> Result<u64, u64> {
    let version = count(&world.database, &format!("db:{id}")).await;
    tokio::task::yield_now().await;
    Ok(version)
}

async fn run(cache: &Cache, command: &str, key: &str, arguments: &[&str]) -> u64 {
    let mut connection = cache.connection_for(key).await.expect("a connection");
    let value: Option<u64> = cache_runtime::redis::cmd(command)
        .arg(key)
        .arg(arguments)
        .query_async(&mut connection)
        .await
        .expect("an answer");
    value.unwrap_or_default()
}

/// Reads and writes at random until it is killed. Once a write has returned, its version is the least that
/// a read which starts then may see. Of what it owes nobody else knows: that counts when it is delivered.
async fn soak(world: &World) {
    const RAISE: &str = "if tonumber(ARGV[1]) > tonumber(redis.call('GET', KEYS[1]) or 0) then \
                         redis.call('SET', KEYS[1], ARGV[1]) end";
    let mut calls = JoinSet::new();
    for _ in 0..16 {
        let world = world.clone();
        calls.spawn(async move {
            let database = &world.database;
            loop {
                let [id, choice, ..] = *uuid::Uuid::new_v4().as_bytes();
                let (id, floor) = (id % 4, format!("floor:{}", id % 4));
                let written = match choice {
                    0..8 => bump(&world, id).await,
                    8..16 => bump_by_tag(&world, id).await,
                    16..20 => bump_by_pattern(&world, id).await,
                    _ => {
                        let least = run(database, "GET", &floor, &[]).await;
                        let seen = version(&world, id).await;
                        assert!(
                            seen >= least,
                            "read {seen} of {id} after {least} had returned"
                        );
                        count(database, "checked").await;
                        continue;
                    }
                };
                let version = written.expect("never fails").to_string();
                if world.cache.flush(MINUTE).await == 0 {
                    run(database, "EVAL", RAISE, &["1", &floor, &version]).await;
                }
            }
        });
    }
    // None ends but by a panic.
    let () = calls
        .join_next()
        .await
        .expect("sixteen")
        .expect("no stale read");
}

/// Three processes at a time, one of which is killed and another one started in each turn.
struct Soak {
    turns: usize,
    start: Box<dyn Fn() -> Process>,
    processes: [Process; 3],
}

impl Soak {
    fn begin(store: (&str, String), database: &RedisServer) -> Self {
        let seconds = std::env::var("SOAK_SECONDS");
        let seconds: usize = seconds.map_or(5, |text| text.parse().expect("a number"));
        let environment = [store, ("TEST_DATABASE", database.url())];
        let environment = environment.map(|(name, value)| (name.to_owned(), value));
        let start = Box::new(move || {
            let mut process = Process::start(&environment, "soak");
            process.begin();
            process
        });
        Self {
            turns: seconds * 5,
            processes: [0; 3].map(|_| start()),
            start,
        }
    }

    /// Ends with what Redis may evict at any time.
    async fn turn(&mut self, turn: usize) -> [String; 3] {
        tokio::time::sleep(Duration::from_millis(200)).await;
        for process in &mut self.processes {
            let ended = process.0.try_wait().expect("its state");
            assert_eq!(ended, None, "a process saw a stale value");
        }
        self.processes[turn % 3] = (self.start)();
        let id = turn % 4;
        [
            format!("version:{id}"),
            format!("__cache:lease:{{version:{}}}", (id + 1) % 4),
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
    let slot = cluster.slot("version:0");
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

struct Process(Child, BufReader<std::process::ChildStdout>);

impl Process {
    fn start(environment: &[(String, String)], call: &str) -> Self {
        let mut child = Command::new(std::env::current_exe().expect("this binary"))
            .args([
                "--exact",
                "processes::another_process",
                "--ignored",
                "--nocapture",
            ])
            .envs(environment.iter().cloned())
            .env("TEST_CALL", call)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let output = BufReader::new(child.stdout.take().expect("piped"));
        let mut process = Self(child, output);
        process.wait_for("ready");
        process
    }

    fn on(server: &RedisServer, call: &str) -> Self {
        Self::start(&[("TEST_REDIS".to_owned(), server.url())], call)
    }

    fn begin(&mut self) {
        let mut input = self.0.stdin.take().expect("once");
        input.write_all(b"go\n").expect("it reads");
    }

    fn wait_for(&mut self, word: &str) {
        let mut line = String::new();
        while !line.trim_end().ends_with(word) {
            line.clear();
            assert_ne!(
                self.1.read_line(&mut line).expect("text"),
                0,
                "it ended before `{word}`"
            );
        }
    }

    fn kill(&mut self) {
        self.0.kill().expect("it was still running");
        self.0.wait().expect("it is dead");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn a_thousand_misses_in_four_processes_run_the_function_once() {
    let server = RedisServer::start();
    let mut processes = [0; 4].map(|_| Process::on(&server, "crowd"));
    processes.iter_mut().for_each(Process::begin);
    for process in &mut processes {
        assert!(process.0.wait().expect("it ends").success());
    }
    assert_eq!(server.run::<u64>(&["GET", "runs"]), 1);
}

#[tokio::test]
async fn the_lease_of_a_process_that_was_killed_is_taken_over() {
    let server = RedisServer::start();
    let mut other = Process::on(&server, "read");
    other.begin();
    other.wait_for("loading");
    other.kill();
    assert_eq!(server.keys(), ["__cache:lease:{value:1}"]);
    assert_eq!(read(&on(&server), 1).await, 1);
    assert_eq!(server.run::<String>(&["GET", "value:1"]), "1");
}

#[tokio::test]
async fn nothing_that_a_killed_writer_may_have_made_stale_outlives_its_fence() {
    let server = RedisServer::start();
    let cache = on(&server);
    read(&cache, 1).await;
    let mut other = Process::on(&server, "write");
    other.begin();
    other.wait_for("loading");
    other.kill();
    let fence: Vec<String> =
        server.run(&["ZRANGE", "__cache:fence:{value:1}", "0", "-1", "WITHSCORES"]);
    let end = || server.run::<u64>(&["PEXPIRETIME", "value:1"]).to_string();
    assert_eq!(end(), fence[1], "what was there");
    let () = server.run(&["DEL", "value:1"]);
    read(&cache, 1).await;
    assert_eq!(end(), fence[1], "what was loaded since");
}
