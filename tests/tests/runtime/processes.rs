//! Several processes on one server, and what remains of one that is killed.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use cache_runtime::{Cache, cache};
use cache_tests::RedisServer;
use tokio::task::JoinSet;

use crate::on;

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
    let url = std::env::var("TEST_REDIS").expect("told by the test");
    let cache = Cache::builder().url(url).deadline(Duration::from_secs(5));
    let cache = cache.build().expect("right");
    println!("ready");
    std::io::stdin()
        .read_line(&mut String::new())
        .expect("told to begin");
    match std::env::var("TEST_CALL").as_deref() {
        Ok("read") => drop(read_for_ever(&cache, 1).await),
        Ok("write") => write_for_ever(&cache, 1).await,
        Ok("soak") => soak(&cache).await,
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

/// The database: a version for each id.
#[cache("version", cache = cache, tags = ["odd:{id}"])]
async fn version(cache: &Cache, id: u8) -> u64 {
    run(cache, "GET", &format!("db:{id}"), &[]).await
}

#[cache("version", cache = cache, method = "PUT")]
async fn bump(cache: &Cache, id: u8) -> Result<u64, u64> {
    commit(cache, id).await
}

#[cache(tags_to_invalidate = ["odd:{id}"], cache = cache)]
async fn bump_by_tag(cache: &Cache, id: u8) -> Result<u64, u64> {
    commit(cache, id).await
}

#[cache(pattern_to_invalidate_extra = ["version:{id}"], cache = cache)]
async fn bump_by_pattern(cache: &Cache, id: u8) -> Result<u64, u64> {
    commit(cache, id).await
}

async fn commit(cache: &Cache, id: u8) -> Result<u64, u64> {
    let version = count(cache, &format!("db:{id}")).await;
    tokio::task::yield_now().await;
    Ok(version)
}

async fn run(cache: &Cache, command: &str, key: &str, arguments: &[&str]) -> u64 {
    let mut connection = cache.connection().await.expect("a connection");
    let value: Option<u64> = cache_runtime::redis::cmd(command)
        .arg(key)
        .arg(arguments)
        .query_async(&mut connection)
        .await
        .expect("an answer");
    value.unwrap_or_default()
}

/// Reads and writes at random until it is killed. Once a write has returned, its version is the least that
/// a read which starts then may see.
async fn soak(cache: &Cache) {
    const RAISE: &str = "if tonumber(ARGV[1]) > tonumber(redis.call('GET', KEYS[1]) or 0) then \
                         redis.call('SET', KEYS[1], ARGV[1]) end";
    let mut calls = JoinSet::new();
    for _ in 0..16 {
        let cache = cache.clone();
        calls.spawn(async move {
            loop {
                let [id, choice, ..] = *uuid::Uuid::new_v4().as_bytes();
                let (id, floor) = (id % 4, format!("floor:{}", id % 4));
                let written = match choice {
                    0..8 => bump(&cache, id).await,
                    8..16 => bump_by_tag(&cache, id).await,
                    16..20 => bump_by_pattern(&cache, id).await,
                    _ => {
                        let least = run(&cache, "GET", &floor, &[]).await;
                        let seen = version(&cache, id).await;
                        assert!(
                            seen >= least,
                            "read {seen} of {id} after {least} had returned"
                        );
                        count(&cache, "checked").await;
                        continue;
                    }
                };
                let version = written.expect("never fails").to_string();
                run(&cache, "EVAL", RAISE, &["1", &floor, &version]).await;
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

#[tokio::test]
async fn no_reader_sees_less_than_what_was_written_while_processes_are_killed_at_random() {
    let seconds = std::env::var("SOAK_SECONDS").map_or(5, |text| text.parse().expect("a number"));
    let server = RedisServer::start();
    let start = || {
        let mut process = Process::start(&server, "soak");
        process.begin();
        process
    };
    let mut processes = [0; 3].map(|_| start());
    for turn in 0..seconds * 5 {
        tokio::time::sleep(Duration::from_millis(200)).await;
        for process in &mut processes {
            let ended = process.0.try_wait().expect("its state");
            assert_eq!(ended, None, "a process saw a stale value");
        }
        // What Redis may do at any time.
        let id = turn % 4;
        for evicted in [
            format!("version:{id}"),
            format!("__cache:lease:{{version:{}}}", (id + 1) % 4),
            format!("__cache:tag:{{odd:{}}}", (id + 2) % 4),
        ] {
            let () = server.run(&["UNLINK", &evicted]);
        }
        processes[turn % 3] = start();
    }
    let checked: u64 = server.run(&["GET", "checked"]);
    println!("{checked} reads checked");
    assert!(checked > 0);
}

struct Process(Child, BufReader<std::process::ChildStdout>);

impl Process {
    fn start(server: &RedisServer, call: &str) -> Self {
        let mut child = Command::new(std::env::current_exe().expect("this binary"))
            .args([
                "--exact",
                "processes::another_process",
                "--ignored",
                "--nocapture",
            ])
            .envs([("TEST_REDIS", server.url().as_str()), ("TEST_CALL", call)])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let output = BufReader::new(child.stdout.take().expect("piped"));
        let mut process = Self(child, output);
        process.wait_for("ready");
        process
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
    let mut processes = [0; 4].map(|_| Process::start(&server, "crowd"));
    processes.iter_mut().for_each(Process::begin);
    for process in &mut processes {
        assert!(process.0.wait().expect("it ends").success());
    }
    assert_eq!(server.run::<u64>(&["GET", "runs"]), 1);
}

#[tokio::test]
async fn the_lease_of_a_process_that_was_killed_is_taken_over() {
    let server = RedisServer::start();
    let mut other = Process::start(&server, "read");
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
    let mut other = Process::start(&server, "write");
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
