//! How a value is stored, and which stored bytes are one.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};

use cache_runtime::{Cache, Cached, cache};
use cache_testkit::{Log, MINUTE, RedisServer, Runs, on_every_store};

use crate::posts::read_post;

#[tokio::test]
async fn what_python_writes_is_a_hit_and_what_we_write_python_reads() {
    #[cache("user", cache = cache)]
    async fn user(cache: &Cache, user_id: i64) -> serde_json::Value {
        serde_json::json!({"name": "名前", "ids": [1, 2]})
    }
    let server = RedisServer::start();
    let cache = server.cache();
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
    let (cache, runs) = (server.cache(), Runs::default());
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

/// What the log says of an entry that is something else.
const OTHER: &str = "stored JSON is not what the function returns";

/// A value as an older version, another function or another program may have left it.
mod shapes {
    use serde::{Deserialize, Serialize};

    #[derive(Deserialize, Serialize, Clone, Debug, PartialEq)]
    pub(super) struct Public {
        pub(super) id: u64,
    }

    #[derive(Deserialize, Serialize, Clone, Debug, PartialEq)]
    pub(super) struct Private {
        pub(super) id: u64,
        pub(super) email: String,
    }
}

#[cache("view", cache = cache, skip(runs))]
async fn public_view(cache: &Cache, runs: &Runs, id: u64) -> Cached<shapes::Public> {
    runs.count();
    Cached::new(shapes::Public { id })
}

#[cache("view", cache = cache, skip(runs))]
async fn private_view(cache: &Cache, runs: &Runs, id: u64) -> Cached<shapes::Private> {
    runs.count();
    let email = "john@example.org".to_owned();
    Cached::new(shapes::Private { id, email })
}

#[tokio::test]
async fn a_cached_answer_of_another_shape_never_goes_out() {
    on_every_store(async |cache| {
        let (log, runs) = (Log::start(), Runs::default());
        let json = async |id| {
            let answer = public_view(&cache, &runs, id).await;
            answer.into_json().expect("JSON")
        };
        for id in [1, 2] {
            public_view(&cache, &runs, id).await;
            let private = private_view(&cache, &runs, id).await;
            assert!(private.into_inner().is_ok(), "a public view is none");
        }
        assert_eq!(
            (runs.get(), cache.stats().hits),
            (4, 0),
            "both are repaired"
        );
        let told = log.count("Private error=missing field `email`");
        assert_eq!((told, log.count(OTHER)), (1, 1), "{:?}", log.lines());
        for _ in 0..3 {
            assert_eq!(json(1).await, r#"{"id":1}"#, "and no email");
        }
        let private = private_view(&cache, &runs, 1).await;
        let expected = r#"{"id":1,"email":"john@example.org"}"#;
        assert_eq!(private.into_json().expect("JSON"), expected);
        assert_eq!((runs.get(), cache.stats().hits), (4, 4));
        assert_eq!(log.count(OTHER), 1);
    })
    .await;
}

#[tokio::test]
async fn the_log_does_not_tell_what_is_stored() {
    #[cache("number", cache = cache)]
    async fn number(cache: &Cache, id: u64) -> u64 {
        id
    }
    let (log, cache) = (Log::start(), Cache::in_memory());
    cache.set("number:1", "secret", MINUTE).await.expect("set");
    assert_eq!(number(&cache, 1).await, 1);
    log.says(&["value=u64", "another shape at line 1 column 8"]);
    assert_eq!(log.count("secret"), 0);
}

#[tokio::test]
async fn a_body_is_decoded_once_for_each_type_that_it_is_read_as() {
    static DECODED: AtomicU64 = AtomicU64::new(0);

    #[derive(serde::Serialize)]
    struct Watched(u64);

    impl<'de> serde::Deserialize<'de> for Watched {
        fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
            DECODED.fetch_add(1, Ordering::SeqCst);
            u64::deserialize(from).map(Self)
        }
    }

    #[cache("watched", cache = cache)]
    async fn watched(cache: &Cache, id: u64) -> Cached<Watched> {
        Cached::new(Watched(id))
    }
    #[cache("watched", cache = cache)]
    async fn text(cache: &Cache, id: u64) -> Cached<String> {
        Cached::new(id.to_string())
    }
    let cache = Cache::in_memory();
    watched(&cache, 9_876_543).await;
    // In debug builds what is stored is read back.
    let stored = DECODED.load(Ordering::SeqCst);
    for _ in 0..4 {
        assert_eq!(
            watched(&cache, 9_876_543).await.into_json().expect("JSON"),
            "9876543"
        );
    }
    assert_eq!(DECODED.load(Ordering::SeqCst) - stored, 1);
    assert_eq!(cache.stats().hits, 4);
    let text = text(&cache, 9_876_543).await.into_inner().expect("text");
    assert_eq!(
        text, "9876543",
        "what is right as a number is not right as text"
    );
    assert_eq!(cache.stats().hits, 4);
}

#[tokio::test]
async fn what_another_program_has_written_goes_out_as_it_is_where_it_says_the_same() {
    #[derive(serde::Deserialize, serde::Serialize)]
    struct Reading {
        at: f64,
        of: u64,
    }
    #[cache("reading", cache = cache)]
    async fn reading(cache: &Cache, id: u64) -> Cached<Reading> {
        Cached::new(Reading { at: 0.5, of: id })
    }
    let server = RedisServer::start();
    let cache = server.cache();
    for (stored, sent) in [
        (r#"{"of": 1, "at": 3}"#, r#"{"of": 1, "at": 3}"#),
        (
            r#"{"of": 1, "at": 0.5, "by": "me"}"#,
            r#"{"at":0.5,"of":1}"#,
        ),
    ] {
        let () = server.run(&["SET", "reading:1", stored]);
        for _ in 0..2 {
            let answer = reading(&cache, 1).await;
            assert_eq!(answer.into_json().expect("JSON"), sent);
        }
    }
    assert_eq!(cache.stats().hits, 4);
}

#[tokio::test]
async fn a_version_is_the_end_of_a_key_and_of_nobody_elses() {
    #[cache("{name}", version = 2, cache = cache)]
    async fn second(cache: &Cache, name: &str) -> u64 {
        2
    }
    #[cache("{name}", cache = cache)]
    async fn none(cache: &Cache, name: &str) -> u64 {
        0
    }
    #[cache("{name}", version = 3, cache = cache)]
    async fn third(cache: &Cache, name: &str) -> u64 {
        3
    }
    #[cache("{name}", version = 2, method = "PUT", cache = cache)]
    async fn change(cache: &Cache, name: &str) {}
    #[cache(to_invalidate_extra = {"{name}%v3": ""}, pattern_to_invalidate_extra = ["b*"], cache = cache)]
    async fn change_others(cache: &Cache, name: &str) {}

    on_every_store(async |cache| {
        for (name, key) in [
            ("a", "a%v2"),
            ("a%v2", "a%25v2%v2"),
            ("b:1", "b%3A1%v2"),
            ("", "%v2"),
        ] {
            assert_eq!(second(&cache, name).await, 2);
            assert_eq!(cache.get(key).await.expect("read"), Some(2), "{name}");
            assert_eq!(
                (third(&cache, name).await, none(&cache, name).await),
                (3, 0)
            );
        }
        assert_eq!(
            none(&cache, "a%v2").await,
            0,
            "it is not `a` in its second version"
        );
        let is_there = async |key| cache.get::<u64>(key).await.expect("read").is_some();
        change(&cache, "a").await;
        assert!(!is_there("a%v2").await && is_there("a%v3").await && is_there("a").await);
        change_others(&cache, "a").await;
        assert!(!is_there("a%v3").await && is_there("a").await);
        assert!(
            !is_there("b%3A1%v2").await,
            "a pattern removes all versions"
        );
    })
    .await;
}

#[tokio::test]
async fn what_a_hit_would_not_bring_back_is_told_once_with_its_function_and_field() {
    #[derive(serde::Deserialize, serde::Serialize)]
    struct Report {
        ratio: Option<f64>,
        #[expect(clippy::option_option, reason = "it is what JSON loses")]
        parents: Vec<Option<Option<u64>>>,
        seen: HashSet<u64>,
    }
    #[derive(serde::Deserialize, serde::Serialize)]
    struct Account {
        id: u64,
        #[serde(skip_serializing)]
        #[expect(dead_code, reason = "it is lost")]
        secret: String,
    }
    fn report(ratio: f64, parent: Option<u64>) -> Report {
        Report {
            ratio: Some(ratio),
            parents: vec![Some(parent), None],
            seen: (0..100).collect(),
        }
    }
    #[cache("report", cache = cache)]
    async fn right(cache: &Cache, id: u64) -> Report {
        report(0.1, Some(id))
    }
    #[cache("not_a_number", cache = cache)]
    async fn not_a_number(cache: &Cache, id: u64) -> axum::Json<Report> {
        axum::Json(report(f64::NAN, Some(id)))
    }
    #[cache("no_parent", cache = cache)]
    async fn no_parent(cache: &Cache, id: u64) -> Result<Cached<Report>, ()> {
        Ok(Cached::new(report(0.1, None)))
    }
    #[cache("account", cache = cache)]
    async fn account(cache: &Cache, id: u64) -> Account {
        let secret = "xyzzy".to_owned();
        Account { id, secret }
    }
    let (log, cache) = (Log::start(), Cache::in_memory());
    for id in 0..3 {
        right(&cache, id).await;
        let _ = not_a_number(&cache, id).await;
        no_parent(&cache, id).await.expect("a report");
        account(&cache, id).await;
    }
    let lines = log.lines();
    let told = |parts: &[&str]| {
        let has_all = |line: &&String| parts.iter().all(|part| line.contains(part));
        lines.iter().filter(has_all).count()
    };
    let lost = "a hit is not what the miss was";
    assert_eq!(
        told(&[lost, "::not_a_number ", "field=.ratio"]),
        1,
        "{lines:?}"
    );
    assert_eq!(
        told(&[lost, "::no_parent ", "field=.parents[0]"]),
        1,
        "{lines:?}"
    );
    let never = "there is never a hit";
    assert_eq!(
        told(&[never, "::account ", "missing field `secret`"]),
        1,
        "{lines:?}"
    );
    assert_eq!((lines.len(), log.count("xyzzy")), (3, 0), "{lines:?}");
}
