//! Several processes on one store, and what remains of one that is killed.

mod history;
mod soak;

use std::process::Command;
use std::time::Duration;

use cache_runtime::{Cache, cache};
use cache_testkit::{Process, RedisServer, cache_builder};

use self::soak::soak;

/// Counts its runs in the database, which is the server itself, and says so.
#[cache("value", cache = cache)]
async fn read(cache: &Cache, id: u64) -> u64 {
    let value = count(cache, "runs").await;
    println!("loading");
    // The others come meanwhile.
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

/// Counts one more under a key of the server of a cache, and says how many there are with it.
async fn count(cache: &Cache, key: &str) -> u64 {
    run(cache, "INCR", key, &[]).await
}

/// Runs a command on the server of a cache; 0 where it has no value.
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

/// What the other processes run: this binary, asked for this one test.
#[tokio::test]
#[ignore = "the other process of the tests below"]
async fn another_process() {
    let told = |name| std::env::var(name).expect("told by the test");
    let store = match std::env::var("TEST_CLUSTER") {
        Ok(nodes) => cache_builder().cluster_nodes(nodes.split(',')),
        Err(_) => cache_builder().url(told("TEST_REDIS")),
    };
    let store = match std::env::var("TEST_NEAR") {
        Ok(near) => store.near(Duration::from_millis(near.parse().expect("a number"))),
        Err(_) => store,
    };
    let cache = store.build().expect("right");
    println!("ready");
    std::io::stdin()
        .read_line(&mut String::new())
        .expect("told to begin");
    match told("TEST_CALL").as_str() {
        "read" => drop(read_for_ever(&cache, 1).await),
        "write" => write_for_ever(&cache, 1).await,
        "soak" => {
            let database = cache_builder().url(told("TEST_DATABASE")).build();
            soak(cache, database.expect("right")).await;
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

/// Starts another process, which is ready to begin a call.
fn start(environment: &[(&str, String)], call: &str) -> Process {
    let test = "processes::another_process";
    let mut command = Command::new(std::env::current_exe().expect("this binary"));
    command.args(["--exact", test, "--ignored", "--nocapture"]);
    command.envs(environment.iter().cloned());
    let mut process = Process::start(command.env("TEST_CALL", call));
    process.wait_for_line("ready");
    process
}

fn start_on(server: &RedisServer, call: &str) -> Process {
    start(&[("TEST_REDIS", server.url())], call)
}

#[tokio::test]
async fn a_thousand_misses_in_four_processes_run_the_function_once() {
    let server = RedisServer::start();
    let mut processes = [0; 4].map(|_| start_on(&server, "crowd"));
    for process in &mut processes {
        process.tell("go");
    }
    for process in processes {
        let ended = process.wait();
        assert!(ended.status.success(), "{}{}", ended.output, ended.log);
    }
    assert_eq!(server.run::<u64>(&["GET", "runs"]), 1);
}

#[tokio::test]
async fn the_lease_of_a_process_that_was_killed_is_taken_over() {
    let server = RedisServer::start();
    let mut other = start_on(&server, "read");
    other.tell("go");
    other.wait_for_line("loading");
    other.kill();
    assert_eq!(server.keys(), ["__cache:lease:{value:1}"]);
    assert_eq!(read(&server.cache(), 1).await, 1);
    assert_eq!(server.run::<String>(&["GET", "value:1"]), "1");
}

#[tokio::test]
async fn nothing_that_a_killed_writer_may_have_made_stale_outlives_its_fence() {
    let server = RedisServer::start();
    let cache = server.cache();
    read(&cache, 1).await;
    let mut other = start_on(&server, "write");
    other.tell("go");
    other.wait_for_line("loading");
    other.kill();
    // The writer, and when its fence ends.
    let fence = "__cache:fence:{value:1}";
    let fence: Vec<String> = server.run(&["ZRANGEBYSCORE", fence, "0", "+inf", "WITHSCORES"]);
    let fence_end: u64 = fence[1].parse().expect("a time");
    // In its last second nothing is stored.
    let end = || server.run::<u64>(&["PEXPIRETIME", "value:1"]) + 1000;
    assert_eq!(end(), fence_end, "what was there");
    let () = server.run(&["DEL", "value:1"]);
    read(&cache, 1).await;
    assert_eq!(end(), fence_end, "what was loaded since");
}
