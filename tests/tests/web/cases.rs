//! What is the same with every framework.

use std::convert::Infallible;
use std::sync::LazyLock;

use cache_runtime::{Cache, Cached, cache};
use cache_testkit::Runs;

use crate::Application;

/// It may be kept, and whoever keeps it asks each time.
pub(crate) const ALWAYS_ASKED_FOR: &str = "private, no-cache";

/// A cache of a function's own.
pub(crate) static OTHER: LazyLock<Cache> = LazyLock::new(Cache::in_memory);

#[cache("number", skip(runs))]
pub(crate) async fn number(runs: &Runs, id: u64) -> u64 {
    runs.count()
}

#[cache("number", method = "GET", skip(runs))]
pub(crate) async fn explicit(runs: &Runs, id: u64) -> u64 {
    runs.count()
}

type Answer = Cached<u64>;

/// A handler by what it returns.
#[cache("answer", skip(runs))]
pub(crate) async fn answer(runs: &Runs, id: u64) -> Result<Answer, Infallible> {
    Ok(runs.count().into())
}

pub(crate) async fn follows_the_method(application: &impl Application) {
    let send = async |method| application.send(method, "/item/7", &[]).await.text;
    assert_eq!(send("GET").await, "[7,1]");
    assert_eq!(send("GET").await, "[7,1]");
    assert_eq!(send("OPTIONS").await, "[7,2]", "it passes through");
    assert_eq!(send("GET").await, "[7,1]");
    for (run, method) in [(3, "PUT"), (5, "DELETE"), (7, "POST"), (9, "PURGE")] {
        assert_eq!(send(method).await, format!("[7,{run}]"), "{method} runs");
        let next = format!("[7,{}]", run + 1);
        assert_eq!(send("GET").await, next, "{method} removed the entry");
        assert_eq!(send("GET").await, next);
    }
    let head = application.send("HEAD", "/item/7", &[]).await;
    assert_eq!((head.status, head.cache_status()), (200, "hit"));
    let head = application.send("HEAD", "/item/8", &[]).await;
    assert_eq!(head.cache_status(), "fwd=miss; stored");
    let whole = application.get("/item/8").await;
    assert_eq!(
        (whole.text.as_str(), whole.cache_status()),
        ("[8,11]", "hit")
    );
    assert_eq!(whole.header("etag"), head.header("etag"));
}

pub(crate) async fn nested_functions(application: &impl Application) {
    let get = async |path| application.get(path).await.text;
    let put = async |path| application.send("PUT", path, &[]).await.text;
    assert_eq!(get("/nested/1").await, "1");
    assert_eq!(get("/nested/1").await, "1");
    assert_eq!(put("/explicit/1").await, "1", "`method` decides");
    assert_eq!(put("/nested/1").await, "1", "a plain function reads");
    assert_eq!(get("/nested/1").await, "1", "nothing was removed");
    assert_eq!(put("/nested/2").await, "2");
    assert_eq!(
        get("/nested/2").await,
        "2",
        "a write fills entries of others"
    );
    let response = application.get("/nested/1").await;
    assert_eq!(
        response.cache_status(),
        "",
        "a nested function labels nothing"
    );
    assert_eq!(response.header("etag"), "");
}

pub(crate) async fn handlers(application: &impl Application) {
    for path in ["/text/1", "/called/1", "/own/1", "/own_error/1"] {
        let get = async || application.get(path).await.text;
        let first = get().await;
        assert_eq!(get().await, first, "{path}: a hit");
        let anew = application.send("PUT", path, &[]).await.text;
        assert_ne!(anew, first, "{path}: it runs");
        let after = get().await;
        assert!(after != first && after != anew, "{path}: it was removed");
    }
}

pub(crate) async fn statuses(application: &impl Application) {
    for (path, method, expected) in [
        ("/item/1", "GET", "fwd=miss; stored"),
        ("/item/1", "GET", "hit"),
        ("/item/1", "PUT", "fwd=method"),
        ("/item/1", "GET", "fwd=miss; stored"),
        ("/item/1", "OPTIONS", ""),
        ("/fallible/1", "GET", "fwd=miss; stored"),
        ("/fallible/1", "GET", "hit"),
        ("/fallible/0", "GET", ""),
    ] {
        let response = application.send(method, path, &[]).await;
        assert_eq!(response.cache_status(), expected, "{method} {path}");
        let has_etag = !response.header("etag").is_empty();
        assert_eq!(
            has_etag,
            method == "GET" && !expected.is_empty(),
            "{method} {path}"
        );
    }
    let hit = application.get("/item/1").await;
    assert_eq!(hit.header("content-type"), "application/json");
    assert_eq!(hit.header("age"), "");
    assert_eq!(hit.header("cache-control"), ALWAYS_ASKED_FOR);
    // Only a 200 is stored, and no other status becomes one.
    for (status, stays) in [(200, true), (201, false), (404, false), (500, false)] {
        let path = format!("/status/{status}");
        let (first, second) = (application.get(&path).await, application.get(&path).await);
        assert_eq!((first.status, second.status), (status, status));
        assert_eq!(first.text == second.text, stays, "{status}");
    }
}

pub(crate) async fn conditional_requests(application: &impl Application) {
    let etag = application.get("/item/1").await.headers["etag"].clone();
    let weak = format!("\"x\", W/{etag}");
    for (field, is_known) in [
        (&*etag, true),
        (&*weak, true),
        ("*", true),
        ("\"x\"", false),
    ] {
        for method in ["GET", "HEAD"] {
            let known = [("if-none-match", field)];
            let response = application.send(method, "/item/1", &known).await;
            assert_eq!(response.status, if is_known { 304 } else { 200 }, "{field}");
            assert_eq!(response.header("etag"), etag);
            assert_eq!(response.cache_status(), "hit");
            if is_known {
                assert_eq!(
                    (response.text.as_str(), response.header("content-type")),
                    ("", "")
                );
                assert_eq!(response.header("content-length"), "", "{method}");
                assert_eq!(response.header("cache-control"), ALWAYS_ASKED_FOR);
            }
        }
    }
    let known = [("if-none-match", etag.as_str())];
    let response = application.send("PUT", "/item/1", &known).await;
    assert_eq!(response.status, 200, "it is for reads");
    let response = application.send("GET", "/item/1", &known).await;
    assert_eq!(response.status, 200, "it is another one now");
    application.send("PUT", "/fallible/1", &[]).await;
    let any = [("if-none-match", "*")];
    let miss = application.send("GET", "/fallible/5", &any).await;
    assert_eq!(
        (miss.status, miss.cache_status()),
        (304, "fwd=miss; stored")
    );
    let missing = application.send("GET", "/fallible/0", &any).await;
    assert_eq!(missing.status, 404);
}

pub(crate) async fn ages(
    plain: &impl Application,
    age: &impl Application,
    max_age: &impl Application,
) {
    for (application, has_age, cache_control) in [
        (0, false, ALWAYS_ASKED_FOR),
        (1, true, ALWAYS_ASKED_FOR),
        (2, true, "private, max-age=3600"),
    ] {
        let get = async |path| match application {
            0 => plain.get(path).await,
            1 => age.get(path).await,
            _ => max_age.get(path).await,
        };
        let (miss, hit) = (get("/item/1").await, get("/item/1").await);
        for response in [&miss, &hit] {
            assert_eq!(response.header("cache-control"), cache_control);
            let vary = if application == 2 {
                "cookie, x-tenant"
            } else {
                ""
            };
            assert_eq!(response.header("vary"), vary);
            let has_ttl = response.cache_status().contains("; ttl=");
            assert_eq!(has_ttl, has_age, "{response:?}");
        }
        assert_eq!(miss.header("age"), "", "it comes from the function itself");
        assert_eq!(!hit.header("age").is_empty(), has_age);
        if has_age {
            let age: u64 = hit.header("age").parse().expect("seconds");
            let ttl = hit.cache_status().strip_prefix("hit; ttl=");
            let ttl: u64 = ttl.and_then(|ttl| ttl.parse().ok()).expect("seconds");
            // A part of a second is in neither.
            assert!((3599..=3600).contains(&(age + ttl)), "{hit:?}");
        }
    }
}

/// `plain` is under the layer, and so is `max_age`, with `max_age(…)`.
pub(crate) async fn json(plain: &impl Application, max_age: &impl Application) {
    for (path, method, expected) in [
        ("/json/1", "GET", "fwd=miss; stored"),
        ("/json/1", "GET", "hit"),
        ("/json/1", "HEAD", "hit"),
        ("/json/1", "PUT", "fwd=method"),
        ("/json/1", "OPTIONS", ""),
        ("/status/200", "GET", "fwd=miss; stored"),
        ("/status/200", "GET", "hit"),
        ("/status/201", "GET", ""),
        ("/status/404", "GET", ""),
        ("/nested/1", "GET", ""),
    ] {
        let response = plain.send(method, path, &[]).await;
        assert_eq!(response.cache_status(), expected, "{method} {path}");
        let is_read = method != "PUT" && !expected.is_empty();
        let cache_control = if is_read { ALWAYS_ASKED_FOR } else { "" };
        assert_eq!(
            response.header("cache-control"),
            cache_control,
            "{method} {path}"
        );
        assert_eq!(response.header("etag"), "", "its bytes are made anew");
    }
    max_age.get("/json/1").await;
    let hit = max_age.get("/json/1").await;
    assert!(hit.cache_status().starts_with("hit; ttl="), "{hit:?}");
    assert_eq!(hit.header("cache-control"), ALWAYS_ASKED_FOR);
}

/// What `/tagged` has for an `ETag`.
pub(crate) const TAG: &str = "\"its own\"";

pub(crate) async fn tags(application: &impl Application) {
    for _ in 0..2 {
        let tagged = application.get("/tagged/1").await;
        assert_eq!((tagged.status, tagged.header("etag")), (200, TAG));
    }
    let any = [("if-none-match", "*")];
    let tagged = application.send("GET", "/tagged/1", &any).await;
    assert_eq!(tagged.status, 200, "the handler decides");
    let plain = application.get("/item/1").await.headers["etag"].clone();
    let encoded = application.get("/encoded/1").await;
    assert_eq!(encoded.header("content-encoding"), "x-none");
    let weak = encoded.header("etag");
    assert!(
        weak.starts_with("W/\"") && plain.starts_with('"'),
        "{weak} {plain}"
    );
    let known = [("if-none-match", weak)];
    for method in ["GET", "HEAD"] {
        let response = application.send(method, "/encoded/1", &known).await;
        assert_eq!((response.status, response.header("etag")), (304, weak));
        assert_eq!(response.header("content-encoding"), "");
    }
}

pub(crate) async fn client_directives(strict: &impl Application, lenient: &impl Application) {
    let fresh = [("cache-control", "max-age=0, No-Cache")];
    let secret = [("cache-control", "no-store")];
    for field in [&fresh, &secret] {
        strict.get("/item/1").await;
        let response = strict.send("GET", "/item/1", field).await;
        assert_eq!(
            (response.text.as_str(), response.cache_status()),
            ("[1,1]", "hit")
        );
    }
    lenient.get("/item/1").await;
    let response = lenient.send("GET", "/item/1", &fresh).await;
    assert_eq!(response.text, "[1,2]");
    assert_eq!(response.cache_status(), "fwd=request; stored");
    let response = lenient.get("/item/1").await;
    assert_eq!(
        (response.text.as_str(), response.cache_status()),
        ("[1,2]", "hit")
    );
    let response = lenient.send("GET", "/item/1", &secret).await;
    assert_eq!(
        (response.text.as_str(), response.cache_status()),
        ("[1,3]", "fwd=request")
    );
    let response = lenient.get("/item/1").await;
    assert_eq!(
        (response.text.as_str(), response.cache_status()),
        ("[1,2]", "hit")
    );
    let text = [("cache-control", "x=\"no-cache, no-store\"")];
    let response = lenient.send("GET", "/item/1", &text).await;
    assert_eq!(response.cache_status(), "hit");
    let response = lenient.send("GET", "/nested/1", &fresh).await;
    let again = lenient.send("GET", "/nested/1", &fresh).await;
    assert_ne!(response.text, again.text, "nested functions run as well");
}

#[cache("number", method = "PUT")]
pub(crate) async fn change(id: u64) {}

/// What is called in one request of [`deferred`]: a read, a write and a read.
pub(crate) async fn around_a_change(runs: &Runs) -> [u64; 2] {
    let before = number(runs, 1).await;
    change(1).await;
    [before, number(runs, 1).await]
}

/// A transaction is committed. Counts how often what was cached before is still cached then.
pub(crate) async fn commit(cache: &Cache, kept: &Runs) {
    if cache.get::<u64>("number:1").await.expect("JSON").is_some() {
        kept.count();
    }
}

/// `/change/{status}` runs what is around a change, and responds with this status; a middleware within the layer
/// commits. `kept` is what that has counted.
pub(crate) async fn deferred(application: &impl Application, kept: &Runs) {
    let cached = async || application.get("/nested/1").await.text;
    assert_eq!(cached().await, "1");
    // What is cached, and how often the function ran.
    let (mut stored, mut runs) = (1, 1);
    for (status, is_removed) in [(204, true), (302, true), (404, false), (500, false)] {
        let count = kept.get();
        let path = format!("/change/{status}");
        let response = application.send("PUT", &path, &[]).await;
        assert_eq!(response.status, status);
        assert_eq!(kept.get(), count + 1, "not before the commit");
        // Both reads ran in the request.
        runs += 2;
        if is_removed {
            runs += 1;
            stored = runs;
        }
        assert_eq!(cached().await, stored.to_string(), "{status}");
        assert_eq!(cached().await, stored.to_string(), "{status}");
    }
    let response = application.get("/change/200").await;
    let expected = format!("[{stored},{}]", runs + 1);
    assert_eq!(response.text, expected, "a hit, until the request writes");
    assert_eq!(cached().await, (runs + 2).to_string());
}
