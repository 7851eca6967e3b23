//! What is to be seen of entries, tags and servers, on every store.

use std::future::ready;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::Request;
use axum::routing::any;
use cache_runtime::testing::{self, Operation};
use cache_runtime::{AdminAccess, Cache, cache};
use cache_testkit::{
    Log, MINUTE, RedisServer, Runs, World, cache_builder, eventually, on_every_store,
};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::visitor::{OWN, PATH, body};

#[cache("post:{author}:{id}", tags = ["author:{author}"], cache = cache, skip(runs))]
async fn post(cache: &Cache, runs: &Runs, id: u64, author: &str) -> u64 {
    runs.count()
}

/// Stops where the world says.
#[cache("gated", cache = world.cache, skip(world))]
async fn gated(world: &World, id: u64) -> u64 {
    world.load().await
}

/// The same for a write.
#[cache("gated", cache = world.cache, method = "PUT")]
async fn update(world: &World, id: u64) {
    world.load().await;
}

/// The page of a cache, for everybody.
async fn ask(cache: &Cache, step: &str, body: Option<String>) -> (u16, Value) {
    let admin = cache.admin(|_| ready(AdminAccess::Granted));
    let app: Router = Router::new().route(PATH, any(admin));
    let method = if body.is_some() { "POST" } else { "GET" };
    let request = Request::builder()
        .method(method)
        .uri(format!("{PATH}?{step}"))
        .header("content-type", "application/json")
        .header(OWN.0, OWN.1)
        .body(Body::from(body.unwrap_or_default()))
        .expect("a request");
    let response = app.oneshot(request).await.expect("a response");
    let status = response.status().as_u16();
    let body = to_bytes(response.into_body(), usize::MAX).await;
    let json = serde_json::from_slice(&body.expect("all of it")).expect("JSON");
    (status, json)
}

async fn look(cache: &Cache, kind: &str, name: &str) -> Value {
    let (status, found) = ask(cache, "look", Some(body(kind, name))).await;
    assert_eq!(status, 200, "{found}");
    found
}

/// A little less than so many seconds: jitter may have shortened it, and the machine may be busy.
fn is_close(milliseconds: &Value, seconds: u64) -> bool {
    let limit = seconds * 1000;
    milliseconds
        .as_u64()
        .is_some_and(|ms| ms <= limit && ms + limit / 5 + 40_000 > limit)
}

#[tokio::test]
async fn an_entry_is_shown_with_its_tags_as_long_as_they_hold() {
    on_every_store(async |cache| {
        let runs = Runs::default();
        post(&cache, &runs, 7, "<b>名前").await;
        let key = look(&cache, "pattern", "post:*").await["keys"][0]["text"].clone();
        let key = key.as_str().expect("a key").to_owned();
        let found = look(&cache, "key", &key).await;
        assert_eq!(found["value"]["text"], "1", "{found}");
        assert_eq!(
            (&found["served"], &found["foreign"]),
            (&true.into(), &false.into())
        );
        assert!(is_close(&found["ttl"], 3600), "{found}");
        let tag = json!({ "text": "author:<b>名前", "whole": true });
        assert_eq!(found["tags"], json!([{ "name": tag, "valid": true }]));
        assert_eq!(
            (&found["lease"], &found["fence"]),
            (&Value::Null, &Value::Null)
        );
        let found = look(&cache, "tag", "author:<b>名前").await;
        assert_eq!(
            (&found["known"], &found["pending"]),
            (&true.into(), &false.into())
        );

        let removed = ask(&cache, "remove", Some(body("tag", "author:<b>名前"))).await;
        assert_eq!(removed, (200, json!({ "removed": null })));
        let found = look(&cache, "key", &key).await;
        assert_eq!(
            (&found["served"], &found["tags"][0]["valid"]),
            (&false.into(), &false.into())
        );
        assert_eq!(look(&cache, "tag", "author:<b>名前").await["known"], false);
        post(&cache, &runs, 7, "<b>名前").await;
        assert_eq!(look(&cache, "key", &key).await["value"]["text"], "2");
        let none = look(&cache, "key", "none").await;
        assert_eq!(
            (&none["value"], &none["served"]),
            (&Value::Null, &false.into())
        );
    })
    .await;
}

#[tokio::test]
async fn loads_and_writes_under_way_are_shown() {
    on_every_store(async |cache| {
        let world = World::new(cache.clone());
        let look_at_it = async {
            world.has_read.pass().await;
            let found = look(&cache, "key", "gated:1").await;
            assert!(is_close(&found["lease"], 3), "{found}");
            assert_eq!(found["fence"], Value::Null);
            world.open();
        };
        tokio::join!(gated(&world, 1), look_at_it);
        let world = World::new(cache.clone());
        let look_at_it = async {
            world.has_read.pass().await;
            let found = look(&cache, "key", "gated:1").await;
            assert_eq!(found["lease"], Value::Null);
            assert_eq!(found["fence"]["writers"], 1, "{found}");
            assert!(is_close(&found["fence"]["ms"], 30), "{found}");
            assert!(
                is_close(&found["ttl"], 30),
                "the fence has shortened it: {found}"
            );
            world.open();
        };
        tokio::join!(update(&world, 1), look_at_it);
        let found = look(&cache, "key", "gated:1").await;
        assert_eq!(
            (&found["value"], &found["fence"]),
            (&Value::Null, &Value::Null)
        );
    })
    .await;
}

#[tokio::test]
async fn some_of_the_keys_that_match_are_named_and_no_others() {
    on_every_store(async |cache| {
        for id in 0..120 {
            let key = format!("many:{id}");
            cache.set(key, &id, MINUTE).await.expect("set");
        }
        for key in ["few:<script>alert(1)</script>", "few:名前", "other"] {
            cache.set(key, &1, MINUTE).await.expect("set");
        }
        let found = look(&cache, "pattern", "many:*").await;
        assert_eq!(found["keys"].as_array().map(Vec::len), Some(100));
        assert_eq!(found["all"], false);
        let found = look(&cache, "pattern", "few:*").await;
        let few = ["few:<script>alert(1)</script>", "few:名前"];
        let few = few.map(|text| json!({ "text": text, "whole": true }));
        assert_eq!(found, json!({ "keys": few, "all": true }));
        let removed = ask(&cache, "remove", Some(body("pattern", "many:*"))).await;
        assert_eq!(removed, (200, json!({ "removed": 120 })));
        assert_eq!(cache.get("other").await.expect("got"), Some(1));
    })
    .await;
}

#[tokio::test]
async fn what_is_large_or_no_text_is_shown_cut() {
    let server = RedisServer::start();
    let settings = server.cache_builder().namespace("app");
    let cache = settings.build().expect("the URL is right");
    let large = "x".repeat(50_000_000);
    let () = server.run(&["SET", "app:large", &large]);
    let long = "k".repeat(10_000);
    let () = server.run(&["SET", &format!("app:{long}"), "1"]);
    let bytes = "return redis.call('SET', 'app:bytes\\255', 'a\\255b')";
    let _: String = server.run(&["EVAL", bytes, "0"]);
    let other = "return redis.call('SET', 'app:no-text', 'a\\255b')";
    let _: String = server.run(&["EVAL", other, "0"]);
    let _: u64 = server.run(&["LPUSH", "app:list", "1"]);
    // Connecting asks for something of its own.
    look(&cache, "key", "none").await;
    server.reset_commands();

    let found = look(&cache, "key", "large").await;
    let value = &found["value"];
    assert_eq!(value["text"].as_str().map(str::len), Some(16 * 1024));
    assert_eq!(
        (&value["size"], &value["cut"]),
        (&50_000_000.into(), &true.into())
    );
    assert_eq!(found["ttl"], Value::Null, "it has no end");
    assert_eq!(server.commands().get("get"), None, "it was not moved");

    assert_eq!(look(&cache, "key", &long).await["value"]["text"], "1");
    let found = look(&cache, "pattern", "k*").await;
    assert_eq!(found["keys"][0]["text"].as_str().map(str::len), Some(1024));
    assert_eq!(found["keys"][0]["whole"], false);
    let found = look(&cache, "pattern", "b*").await;
    assert_eq!(
        found["keys"],
        json!([{ "text": "bytes\\xff", "whole": false }])
    );
    let value = &look(&cache, "key", "no-text").await["value"];
    assert_eq!(
        (&value["text"], &value["utf8"]),
        (&"a\\xffb".into(), &false.into())
    );
    assert_eq!(look(&cache, "key", "list").await["foreign"], true);
}

const SERVERS: &str = include_str!("../../../docs/servers.md");

const PAGE: &str = include_str!("../../../docs/admin.md");

#[tokio::test]
async fn it_takes_no_right_but_one_that_the_cache_has_not() {
    let rule = SERVERS
        .lines()
        .find(|line| line.starts_with("ACL SETUSER "));
    let rule: Vec<&str> = rule.expect("a rule").split(' ').collect();
    let server = RedisServer::start();
    let () = server.run(&rule);
    let settings = cache_builder().host("127.0.0.1").port(server.port());
    let settings = settings.username("blog").password("secret");
    let cache = settings.namespace("blog").build().expect("a cache");
    cache.set("key", &"value", MINUTE).await.expect("set");
    let value = &look(&cache, "key", "key").await["value"];
    assert_eq!(
        (&value["text"], &value["size"]),
        (&"\"value\"".into(), &Value::Null)
    );
    look(&cache, "tag", "tag").await;
    let found = look(&cache, "pattern", "*").await;
    assert_eq!(found["keys"].as_array().map(Vec::len), Some(1));
    let (_, state) = ask(&cache, "state", None).await;
    assert_eq!(state["servers"][0]["available"], true);

    assert!(PAGE.contains("`+strlen`"));
    let () = server.run(&["ACL", "SETUSER", "blog", "+strlen"]);
    assert_eq!(look(&cache, "key", "key").await["value"]["size"], 7);
}

#[tokio::test]
async fn a_removal_is_in_the_log() {
    let log = Log::start();
    let cache = Cache::in_memory();
    for kind in ["key", "tag", "pattern"] {
        let removed = ask(&cache, "remove", Some(body(kind, "secret"))).await;
        assert_eq!(removed.0, 200);
        let told = format!("entries removed at the admin page kind={kind} ");
        let lines: Vec<String> = log.events().iter().map(ToString::to_string).collect();
        assert!(lines.iter().any(|line| line.contains(&told)), "{lines:?}");
        assert!(
            !lines.iter().any(|line| line.contains("secret")),
            "{lines:?}"
        );
    }
}

#[tokio::test]
async fn what_can_not_be_removed_is_queued_and_shown_so() {
    let mut server = RedisServer::start();
    let cache = server.cache();
    cache.set("key", &1, MINUTE).await.expect("set");
    let (_, state) = ask(&cache, "state", None).await;
    assert_eq!(
        state["servers"],
        json!([{ "name": server.address(), "available": true }])
    );
    server.kill();
    let (status, answer) = ask(&cache, "look", Some(body("key", "key"))).await;
    assert_eq!(status, 503, "{answer}");
    let (status, answer) = ask(&cache, "remove", Some(body("key", "key"))).await;
    assert_eq!((status, &answer["queued"]), (503, &true.into()));
    let (_, state) = ask(&cache, "state", None).await;
    assert_eq!(state["stats"]["pending_invalidations"], 1);
    assert_eq!(state["stats"]["breaker"], "open");
    assert_eq!(state["servers"][0]["available"], false);
    server.restart();
    eventually("it is delivered", async || {
        cache.stats().pending_invalidations == 0
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn looking_takes_no_longer_than_the_deadline_and_is_no_call() {
    let (cache, store) = testing::cache();
    cache.set("key", &1, MINUTE).await.expect("set");
    store.take_events().clear();
    look(&cache, "key", "key").await;
    let events = store.take_events();
    assert_eq!(events.len(), 1);
    assert_eq!(
        (events[0].operation, &events[0].names[..]),
        (Operation::Inspect, &["key".to_owned()][..])
    );
    store.hang(Operation::Inspect);
    for (kind, name) in [("key", "key"), ("tag", "tag"), ("pattern", "*")] {
        let (status, _) = ask(&cache, "look", Some(body(kind, name))).await;
        assert_eq!(status, 503);
    }
    assert!(cache.stats_by_function().is_empty());
    let off = Cache::off();
    assert_eq!(look(&off, "key", "key").await["value"], Value::Null);
    assert_eq!(look(&off, "pattern", "*").await["all"], true);
    assert_eq!(ask(&off, "state", None).await.0, 200);
}

#[tokio::test]
async fn the_map_says_who_removes_what() {
    let (status, map) = ask(&Cache::in_memory(), "map", None).await;
    assert_eq!(status, 200);
    let removals = map["map"]["removals"].as_array().expect("a list");
    let module = module_path!();
    let gated = json!({
        "writer": format!("{module}::update"),
        "reader": format!("{module}::gated"),
        "through": "key gated:{id}",
    });
    assert!(removals.contains(&gated), "{removals:?}");
}
