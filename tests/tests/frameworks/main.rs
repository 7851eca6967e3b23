//! The example of each further framework, over HTTP, with each store.

use cache_testkit::app::App;
use cache_testkit::{RedisServer, Response};

#[test]
fn poem() {
    a_greeting_is_cached_and_changed("hello-poem");
}

#[test]
fn salvo() {
    a_greeting_is_cached_and_changed("hello-salvo");
}

#[test]
fn rocket() {
    a_greeting_is_cached_and_changed("hello-rocket");
}

#[test]
fn warp() {
    a_greeting_is_cached_and_changed("hello-warp");
}

fn a_greeting_is_cached_and_changed(application: &str) {
    greets(&App::start_with(application, &[]));
    let redis = RedisServer::start();
    greets(&App::start_with(
        application,
        &[("REDIS_CACHE_URL", &redis.url())],
    ));
    assert_eq!(redis.keys(), ["greeting:world"]);
}

fn greets(app: &App) {
    let miss = app.get("/greeting/world");
    shows(&miss, "Hello, world!", 1);
    assert_eq!(
        miss.header("cache-status"),
        "cache-runtime; fwd=miss; stored"
    );
    assert_eq!(miss.header("content-type"), "application/json");
    let hit = app.get("/greeting/world");
    assert_eq!(hit, miss);
    assert_eq!(hit.header("cache-status"), "cache-runtime; hit");
    assert_eq!(hit.header("etag"), miss.header("etag"));
    assert_eq!(hit.header("cache-control"), "private, no-cache");

    let etag = hit.header("etag");
    for (field, status) in [(etag, 304), ("*", 304), ("\"another\"", 200)] {
        let head = app.call_with("HEAD", "/greeting/world", ("if-none-match", field));
        // Some of them have no `HEAD` of their own accord.
        if head.status == 304 {
            assert_eq!(head.header("content-length"), "", "{field}");
        }
        let answer = app.call_with("GET", "/greeting/world", ("if-none-match", field));
        assert_eq!(
            (answer.status, answer.header("etag")),
            (status, etag),
            "{field}"
        );
        assert_eq!(answer.text.is_empty(), status == 304, "{field}");
        assert_eq!(
            answer.header("content-type").is_empty(),
            status == 304,
            "{field}"
        );
    }

    let answer = app.send("PUT", "/greeting/world", Some(("text/plain", b"Goodbye")));
    assert_eq!(answer.status, 204, "{}", answer.text);
    shows(&app.get("/greeting/world"), "Goodbye, world!", 2);
    shows(&app.get("/greeting/world"), "Goodbye, world!", 2);
    let anew = app.send("POST", "/greeting/world", Some(("text/plain", b"")));
    shows(&anew, "Goodbye, world!", 3);
    assert_eq!(anew.header("cache-status"), "cache-runtime; fwd=method");
    shows(&app.get("/greeting/world"), "Goodbye, world!", 4);

    let odd = app.get("/greeting/*");
    shows(&odd, "Hello, *!", 5);
    let answer = app.send("PUT", "/greeting/*", Some(("text/plain", b"Bye")));
    assert_eq!(answer.status, 204, "{}", answer.text);
    shows(&app.get("/greeting/world"), "Goodbye, world!", 4);
}

fn shows(answer: &Response, text: &str, made: u64) {
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(
        (&answer.body["text"], &answer.body["made"]),
        (&text.into(), &made.into())
    );
}
