//! What every store promises, and what only a server can show.

use std::time::Duration;

use cache_runtime::{BreakerState, Cache, CacheError, Cached, cache};
use cache_testkit::{RedisServer, free_port};

use crate::{MINUTE, Runs, SECOND, eventually, on, on_every_store, patient};

#[cache(key_prefix = "post", cache = cache)]
async fn read_post(cache: &Cache, runs: &Runs, post_id: i64) -> Result<u64, String> {
    match post_id {
        0 => Err(format!("failure {}", runs.count())),
        _ => Ok(runs.count()),
    }
}

#[cache(
    key_prefix = "post", cache = cache, method = "PUT",
    to_invalidate_extra = {"latest": "global", "author": "{result.1}"},
    pattern_to_invalidate_extra = ["{name}_posts:*"]
)]
async fn write_post(
    cache: &Cache,
    post_id: i64,
    name: &str,
    fails: bool,
) -> Result<(i64, u8), String> {
    if fails {
        Err("failed".into())
    } else {
        Ok((post_id, 9))
    }
}

#[tokio::test]
async fn a_hit_does_not_run_the_function() {
    on_every_store(async |cache| {
        let runs = Runs::default();
        assert_eq!(read_post(&cache, &runs, 1).await, Ok(1));
        assert_eq!(read_post(&cache, &runs, 1).await, Ok(1));
        assert_eq!(read_post(&cache, &runs, 2).await, Ok(2));
        let stats = cache.stats();
        assert_eq!((stats.hits, stats.misses, stats.fills), (1, 2, 2));
    })
    .await;
}

#[tokio::test]
async fn an_error_is_not_cached() {
    on_every_store(async |cache| {
        let runs = Runs::default();
        assert_eq!(read_post(&cache, &runs, 0).await, Err("failure 1".into()));
        assert_eq!(read_post(&cache, &runs, 0).await, Err("failure 2".into()));
    })
    .await;
}

#[tokio::test]
async fn a_write_removes_its_key_the_extra_keys_and_what_matches() {
    on_every_store(async |cache| {
        let keys = [
            "post:1",
            "post:2",
            "latest:global",
            "author:9",
            "x_posts:page_1",
            "y_posts:page_1",
        ];
        for key in keys {
            cache.set(key, &0, MINUTE).await.expect("set");
        }
        assert!(write_post(&cache, 1, "x", true).await.is_err());
        for key in keys {
            assert_eq!(
                cache.get::<u8>(key).await.expect("get"),
                Some(0),
                "{key} after a failed write"
            );
        }
        assert!(write_post(&cache, 1, "x", false).await.is_ok());
        for key in keys {
            let kept = matches!(key, "post:2" | "y_posts:page_1");
            assert_eq!(
                cache.get::<u8>(key).await.expect("get").is_some(),
                kept,
                "{key}"
            );
        }
    })
    .await;
}

#[tokio::test]
async fn a_name_with_wildcards_matches_nothing_but_itself() {
    on_every_store(async |cache| {
        for key in ["x_posts:1", "*_posts:1", "[x]_posts:1"] {
            cache.set(key, &0, MINUTE).await.expect("set");
        }
        assert!(write_post(&cache, 5, "*", false).await.is_ok());
        assert!(write_post(&cache, 5, "[x]", false).await.is_ok());
        assert_eq!(cache.get::<u8>("x_posts:1").await.expect("get"), Some(0));
        assert_eq!(cache.get::<u8>("*_posts:1").await.expect("get"), None);
        assert_eq!(cache.get::<u8>("[x]_posts:1").await.expect("get"), None);
    })
    .await;
}

#[tokio::test]
async fn conditions_bypass_and_unless_does_not_store() {
    #[cache("n:{n}", cache = cache, condition = n < 10, unless = |value| *value == 5)]
    async fn number(cache: &Cache, runs: &Runs, n: u64) -> u64 {
        runs.count();
        n
    }
    on_every_store(async |cache| {
        let runs = Runs::default();
        for (n, runs_after) in [(1, 1), (1, 1), (5, 2), (5, 3), (10, 4), (10, 5)] {
            let key_is_whole = number(&cache, &runs, n).await;
            assert_eq!((key_is_whole, runs.get()), (n, runs_after));
        }
        assert_eq!(cache.stats().bypassed, 2);
    })
    .await;
}

#[tokio::test]
async fn the_direct_api_does_the_same_on_both() {
    on_every_store(async |cache| {
        assert_eq!(cache.get::<u8>("a").await.expect("get"), None);
        cache.set("a", "text", MINUTE).await.expect("set");
        assert!(matches!(
            cache.get::<u8>("a").await,
            Err(CacheError::Json(_))
        ));
        assert!(matches!(
            cache.set("a", &1, Duration::ZERO).await,
            Err(CacheError::Expiration)
        ));
        cache
            .set("b", &[1, 2], Duration::MAX)
            .await
            .expect("cut to the longest life");
        assert_eq!(cache.delete(["a", "b", "c"]).await.expect("deleted"), 2);
        assert_eq!(cache.delete([""; 0]).await.expect("nothing to do"), 0);
        for n in 0..2500 {
            cache
                .set(format!("page:{n}"), &n, MINUTE)
                .await
                .expect("set");
        }
        assert_eq!(cache.delete_pattern("page:*").await.expect("deleted"), 2500);
    })
    .await;
}

#[tokio::test]
async fn without_a_redis_there_is_no_client() {
    assert!(matches!(
        Cache::in_memory().connection().await,
        Err(CacheError::MissingClient)
    ));
    let server = RedisServer::start();
    let mut connection = on(&server).connection().await.expect("a connection");
    let outcome: (String, i64) = cache_runtime::redis::pipe()
        .set("key1", "value1")
        .ignore()
        .get("key1")
        .expire("key1", 60)
        .query_async(&mut connection)
        .await
        .expect("a pipeline");
    assert_eq!(outcome, ("value1".to_owned(), 1));
}

#[tokio::test]
async fn a_hit_is_one_get_and_the_protocol_is_no_more_than_it_says() {
    #[cache("post", cache = cache, method = "PUT", to_invalidate_extra = {"a": "1", "b": "2"})]
    async fn write(cache: &Cache, post_id: i64) {}
    let server = RedisServer::start();
    let (cache, runs) = (on(&server), Runs::default());
    write(&cache, 1).await; // teaches the server the scripts
    assert_eq!(read_post(&cache, &runs, 1).await, Ok(1));
    server.reset_commands();
    for _ in 0..10 {
        assert_eq!(read_post(&cache, &runs, 1).await, Ok(1));
    }
    assert_eq!(server.commands(), [("get".to_owned(), 10)].into());
    server.reset_commands();
    write(&cache, 1).await;
    // Three keys: a script for each to fence it, and one to remove it.
    assert_eq!(server.commands()["evalsha"], 6);
    server.reset_commands();
    assert_eq!(read_post(&cache, &runs, 1).await, Ok(2));
    // `GET`; begin_fill; the stage's `SET` and fill. Each script sends a `GET` and a `SET` of the lease's.
    let commands = server.commands();
    assert_eq!(
        (commands["evalsha"], commands["get"], commands["set"]),
        (2, 3, 2)
    );
    let without = patient(&server).fences(false).build().expect("right");
    write(&without, 1).await; // connects
    server.reset_commands();
    write(&without, 1).await;
    assert_eq!(server.commands(), [("unlink".to_owned(), 2)].into());
}

#[tokio::test]
async fn what_python_writes_is_a_hit_and_what_we_write_python_reads() {
    #[cache("user", cache = cache)]
    async fn user(cache: &Cache, user_id: i64) -> serde_json::Value {
        serde_json::json!({"name": "名前", "ids": [1, 2]})
    }
    let server = RedisServer::start();
    let cache = on(&server);
    // json.dumps({"name": "名前", "ids": [1, 2], "from": None})
    let () = server.run(&[
        "SET",
        "user:1",
        r#"{"name": "\u540d\u524d", "ids": [1, 2], "from": null}"#,
    ]);
    assert_eq!(user(&cache, 1).await["from"], serde_json::Value::Null);
    assert_eq!(cache.stats().hits, 1);
    user(&cache, 2).await;
    let stored: String = server.run(&["GET", "user:2"]);
    assert_eq!(stored, r#"{"ids":[1,2],"name":"名前"}"#);
}

#[tokio::test]
async fn what_does_not_decode_is_a_miss_and_is_repaired() {
    let server = RedisServer::start();
    let (cache, runs) = (on(&server), Runs::default());
    let () = server.run(&["SET", "post:1", "not json"]);
    let () = server.run(&["RPUSH", "post:2", "a", "list"]);
    for id in [1, 2] {
        let answer = read_post(&cache, &runs, id).await;
        assert_eq!(
            answer,
            read_post(&cache, &runs, id).await,
            "the second is a hit"
        );
    }
    assert_eq!(
        (runs.get(), cache.stats().hits, cache.stats().errors.total()),
        (2, 2, 0)
    );
}

#[tokio::test]
async fn a_cached_answer_is_stored_as_its_value_and_is_a_miss_if_it_is_no_json() {
    #[cache("list", cache = cache, unless = Vec::is_empty, skip(runs))]
    async fn list(cache: &Cache, runs: &Runs, id: u64) -> Result<Cached<Vec<u64>>, u64> {
        let run = runs.count();
        match id {
            0 => Err(run),
            1 => Ok(Cached::new(Vec::new())),
            _ => Ok(vec![id, run].into()),
        }
    }
    #[cache("delegated", cache = cache, unless = Vec::is_empty, skip(runs))]
    async fn delegated(cache: &Cache, runs: &Runs, id: u64) -> Result<Cached<Vec<u64>>, u64> {
        list(cache, runs, id).await
    }
    on_every_store(async |cache| {
        let runs = Runs::default();
        let json = async |id| {
            let answer = list(&cache, &runs, id).await;
            answer.map(|answer| answer.into_json().expect("JSON"))
        };
        assert_eq!((json(0).await, json(0).await), (Err(1), Err(2)));
        assert_eq!(
            (json(1).await, json(1).await),
            (Ok("[]".into()), Ok("[]".into()))
        );
        assert_eq!(runs.get(), 4, "neither was stored");
        assert_eq!(
            (json(2).await, json(2).await),
            (Ok("[2,5]".into()), Ok("[2,5]".into()))
        );
        for broken in ["not json", "[2,5", "{\"a\":1", "", "\"", "nan"] {
            let run = runs.get();
            // As some other program may leave it there.
            if let Ok(mut connection) = cache.connection().await {
                let set = ["list:2", broken];
                let () = cache_runtime::redis::cmd("SET")
                    .arg(&set)
                    .query_async(&mut connection)
                    .await
                    .expect("set");
                assert_eq!(
                    json(2).await,
                    Ok(format!("[2,{}]", run + 1).into()),
                    "{broken}"
                );
                assert_eq!(
                    json(2).await,
                    Ok(format!("[2,{}]", run + 1).into()),
                    "{broken}"
                );
            }
        }
        let run = runs.get();
        for _ in 0..2 {
            let answer = delegated(&cache, &runs, 2).await.expect("a list");
            assert_eq!(answer.into_inner().expect("numbers")[0], 2);
        }
        assert_eq!(
            runs.get(),
            run,
            "what was a hit is stored under another key"
        );
        assert!(
            cache
                .get::<Vec<u64>>("delegated:2")
                .await
                .expect("read")
                .is_some()
        );
    })
    .await;
}

#[tokio::test]
async fn an_entry_from_before_its_type_changed_is_a_miss() {
    #[derive(serde::Deserialize, serde::Serialize, Debug, PartialEq)]
    struct Before {
        id: u64,
    }
    #[derive(serde::Deserialize, serde::Serialize, Debug, PartialEq)]
    struct After {
        id: u64,
        name: String,
    }
    #[cache("user", cache = cache)]
    async fn before(cache: &Cache, id: u64) -> Before {
        Before { id }
    }
    #[cache("user", cache = cache, skip(fails))]
    async fn after(cache: &Cache, id: u64, fails: bool) -> Result<After, ()> {
        let name = "John".to_owned();
        if fails {
            Err(())
        } else {
            Ok(After { id, name })
        }
    }
    on_every_store(async |cache| {
        let user = before(&cache, 1).await;
        assert_eq!(after(&cache, 1, true).await, Err(()));
        assert_eq!(
            cache.get("user:1").await.ok(),
            Some(Some(user)),
            "nothing better came"
        );
        assert!(after(&cache, 1, false).await.is_ok());
        assert!(after(&cache, 1, true).await.is_ok(), "a hit");
        assert_eq!(
            before(&cache, 1).await.id,
            1,
            "what it has too much is left out"
        );
        assert_eq!((cache.stats().hits, cache.stats().errors.total()), (2, 0));
    })
    .await;
}

#[tokio::test]
async fn without_its_redis_a_function_answers_and_with_it_again_it_is_cached() {
    let (port, runs) = (free_port(), Runs::default());
    let cache = Cache::builder()
        .host("127.0.0.1")
        .deadline(5 * SECOND)
        .port(port)
        .build()
        .expect("right");
    assert_eq!(read_post(&cache, &runs, 1).await, Ok(1));
    assert_eq!(write_post(&cache, 1, "x", false).await, Ok((1, 9)));
    assert_eq!(cache.stats().breaker, BreakerState::Open);
    assert_eq!(cache.stats().owed, 4, "three keys and a pattern");
    let server = RedisServer::start_on(port);
    assert_eq!(cache.flush(30 * SECOND).await, 0);
    assert_eq!(cache.stats().breaker, BreakerState::Closed);
    assert_eq!(read_post(&cache, &runs, 1).await, Ok(2));
    assert_eq!(read_post(&cache, &runs, 1).await, Ok(2));
    drop(server);
    assert_eq!(read_post(&cache, &runs, 1).await, Ok(3));
    let _server = RedisServer::start_on(port);
    eventually(async || cache.stats().breaker == BreakerState::Closed).await;
    assert_eq!(read_post(&cache, &runs, 1).await, Ok(4));
    assert_eq!(read_post(&cache, &runs, 1).await, Ok(4));
}

#[test]
fn without_a_tokio_runtime_a_function_answers() {
    let server = RedisServer::start();
    let (cache, runs) = (on(&server), Runs::default());
    let mut call = std::pin::pin!(read_post(&cache, &runs, 1));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert_eq!(
        call.as_mut().poll(&mut context),
        std::task::Poll::Ready(Ok(1))
    );
}

#[tokio::test]
async fn the_globs_of_the_store_in_the_process_are_those_of_the_server() {
    let server = RedisServer::start();
    let keys = [
        "", "a", "b", "ab", "a*", "a]b", "[a]", "a-b", "^", "a\\b", "hello", "hallo", "hxllo", "h",
        "-", "a?",
    ];
    let globs = [
        "*",
        "a*",
        "*a",
        "?",
        "a?",
        "??",
        "h[ae]llo",
        "h[^e]llo",
        "h[a-x]llo",
        "h[x-a]llo",
        "[a",
        "[",
        "\\*",
        "a\\*",
        "a\\",
        "[]a]",
        "[a-",
        "[^]",
        "[\\]]",
        "a[]]b",
        "[a]*",
        "**l*o",
        "*[*",
        "[-]",
        "[^^]",
        "a\\?",
        "a[-]b",
        "h*l*o",
    ];
    for key in keys {
        let () = server.run(&["SET", key, "1"]);
    }
    for glob in globs {
        let memory = Cache::in_memory();
        for key in keys {
            memory.set(key, &1, MINUTE).await.expect("set");
        }
        let expected: Vec<String> = server.run(&["KEYS", glob]);
        memory.delete_pattern(glob).await.expect("deleted");
        for key in keys {
            let gone = memory.get::<u8>(key).await.expect("get").is_none();
            assert_eq!(
                gone,
                expected.iter().any(|found| found == key),
                "{glob:?} on {key:?}"
            );
        }
    }
}

#[test]
fn any_glob_matches_in_the_process_what_it_matches_on_the_server() {
    use proptest::prelude::*;
    use proptest::test_runner::{Config, TestRunner};

    const ALPHABET: [&str; 9] = ["*", "?", "[", "]", "^", "-", "\\", "a", "c"];
    let mut keys = vec![String::new()];
    for first in ALPHABET {
        keys.push(first.to_owned());
        keys.extend(ALPHABET.map(|second| format!("{first}{second}")));
    }
    let server = RedisServer::start();
    for key in &keys {
        let () = server.run(&["SET", key, "1"]);
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    let mut runner = TestRunner::new(Config {
        failure_persistence: None,
        ..Config::with_cases(1000)
    });
    let outcome = runner.run(&r"[*?\[\]^\-\\abc]{0,6}", |glob| {
        let found: Vec<String> = server.run(&["KEYS", &glob]);
        let memory = Cache::in_memory();
        runtime.block_on(async {
            for key in &keys {
                memory.set(key, &1, MINUTE).await.expect("set");
            }
            memory.delete_pattern(&glob).await.expect("deleted");
            for key in &keys {
                let gone = memory.get::<u8>(key).await.expect("get").is_none();
                prop_assert_eq!(gone, found.contains(key), "{:?} on {:?}", glob, key);
            }
            Ok(())
        })
    });
    outcome.expect("the same keys");
}

#[tokio::test]
async fn an_entry_is_gone_when_its_life_is_over() {
    on_every_store(async |cache| {
        cache
            .set("short", &1, Duration::from_millis(1))
            .await
            .expect("set");
        cache
            .set("shorter", &1, Duration::from_nanos(1))
            .await
            .expect("a millisecond is the least");
        cache
            .set("renewed", &1, Duration::from_millis(1))
            .await
            .expect("set");
        cache
            .set("renewed", &2, MINUTE)
            .await
            .expect("a new life with a new value");
        // However late it gets: a life of a millisecond is over, one of a minute is not.
        tokio::time::sleep(Duration::from_millis(10)).await;
        assert_eq!(cache.get::<u8>("short").await.expect("get"), None);
        assert_eq!(
            cache
                .delete(["short", "shorter"])
                .await
                .expect("nothing to delete"),
            0
        );
        assert_eq!(cache.get("renewed").await.expect("get"), Some(2));
    })
    .await;
}

#[tokio::test]
async fn the_store_in_the_process_is_bounded() {
    let cache = Cache::builder().in_memory(10_000).build().expect("right");
    for n in 0..1000 {
        cache
            .set(format!("key:{n}"), &"x".repeat(100), MINUTE)
            .await
            .expect("set");
    }
    let mut left = 0;
    for n in 0..1000 {
        left += u32::from(
            cache
                .get::<String>(format!("key:{n}"))
                .await
                .expect("get")
                .is_some(),
        );
    }
    // Making room happens in batches, so the bound may be passed for a moment, but not by all of them.
    assert!(left < 1000, "all of 110 kB are still there");
}

#[tokio::test]
async fn users_databases_and_pools_of_the_application_are_used() {
    let server = RedisServer::start();
    let () = server.run(&["ACL", "SETUSER", "app", "on", ">s3cret", "~*", "+@all"]);
    let by_user = Cache::builder()
        .host("127.0.0.1")
        .deadline(5 * SECOND)
        .port(server.port())
        .username("app")
        .password("s3cret")
        .db(3);
    let by_user = by_user.build().expect("right");
    by_user.set("key", &1, MINUTE).await.expect("set");
    assert_eq!(server.keys(), [""; 0], "database 0 is empty");
    let pool = cache_runtime::deadpool_redis::Config::from_url(format!(
        "redis://app:s3cret@127.0.0.1:{}/3",
        server.port()
    ));
    let pool = pool
        .create_pool(Some(cache_runtime::deadpool_redis::Runtime::Tokio1))
        .expect("a pool");
    assert_eq!(
        Cache::from_pool(pool.clone())
            .get("key")
            .await
            .expect("get"),
        Some(1)
    );
    let named = Cache::builder()
        .pool(pool)
        .deadline(5 * SECOND)
        .namespace("blog:")
        .build()
        .expect("right");
    named.set("key", &2, MINUTE).await.expect("set");
    assert_eq!(by_user.get("blog:key").await.expect("get"), Some(2));
    let wrong = Cache::builder()
        .host("127.0.0.1")
        .deadline(5 * SECOND)
        .port(server.port())
        .username("app")
        .password("wrong");
    let error = wrong
        .build()
        .expect("no I/O")
        .get::<u8>("key")
        .await
        .expect_err("refused");
    assert!(!format!("{error:?}").contains("wrong\""), "{error:?}");
}
