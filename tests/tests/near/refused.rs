//! Where a server can't tell what changes, it is asked each time.

use std::time::Duration;

use cache_runtime::redis::deadpool_redis::{Config, Runtime};
use cache_runtime::{Cache, cache};
use cache_testkit::{Log, RedisServer, cache_builder, eventually};

use crate::{Process, read, write};

/// It works, and the log says once why nothing is copied.
async fn works_without_copies(process: &Process, log: &Log, reason: &str) {
    eventually("the log says so", async || {
        read(process).await;
        log.count("`near` has no effect") == 1
    })
    .await;
    log.says(&["`near` has no effect", reason]);
    for version in 1..=3 {
        assert_eq!(write(process).await, version);
        assert_eq!(
            (read(process).await, read(process).await),
            (version, version)
        );
    }
    assert_eq!(process.near_hits(), 0);
    assert_eq!(log.count("`near` has no effect"), 1);
}

#[tokio::test]
async fn a_user_who_may_not_be_told_reads_each_time() {
    let server = RedisServer::start();
    let rule = "ACL SETUSER app on >secret ~* +@all -client|tracking";
    let () = server.run(&rule.split(' ').collect::<Vec<_>>());
    let log = Log::start();
    let url = format!("redis://app:secret@127.0.0.1:{}/0", server.port());
    let process = Process::new(cache_builder().url(url).build().expect("right"));
    works_without_copies(&process, &log, "no permissions").await;
}

#[tokio::test]
async fn a_pool_of_the_applications_own_does_not_say_how_to_connect() {
    let server = RedisServer::start();
    let log = Log::start();
    let pool = Config::from_url(server.url()).create_pool(Some(Runtime::Tokio1));
    let pool = pool.expect("the URL is right");
    let process = Process::new(Cache::builder().pool(pool.clone()).build().expect("right"));
    works_without_copies(&process, &log, "pool").await;

    let refused = Cache::builder().pool(pool).near(Duration::from_millis(10));
    let error = refused.build().expect_err("refused").to_string();
    assert!(error.starts_with("REDIS_CACHE_NEAR: "), "{error}");
}

#[tokio::test]
async fn a_time_that_is_longer_than_the_deadline_is_told_of() {
    #[cache("long", near = "100ms", cache = process.cache, skip(process))]
    async fn long(process: &Process) -> u64 {
        process.row.load()
    }
    let server = RedisServer::start();
    let log = Log::start();
    let deadline = Duration::from_millis(99);
    let settings = || Cache::builder().url(server.url()).deadline(deadline);
    let process = Process::new(settings().build().expect("right"));
    for _ in 0..3 {
        long(&process).await;
    }
    assert_eq!(log.count("`near` of a cached function is longer"), 1);
    let refused = settings().near(Duration::from_millis(100)).build();
    let error = refused.expect_err("refused").to_string();
    assert_eq!(
        error,
        "REDIS_CACHE_NEAR: must not be longer than REDIS_CACHE_DEADLINE"
    );
}
