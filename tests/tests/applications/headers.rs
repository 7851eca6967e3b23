//! What the applications tell their clients of the cache.

use std::cell::RefCell;
use std::collections::BTreeSet;

use cache_testkit::app::{APPLICATIONS, App, on_every_combination};
use cache_testkit::free_port;
use serde_json::json;

use crate::cases::READS;

#[test]
fn what_became_of_a_read_is_in_its_headers() {
    on_every_combination(|app| {
        for (path, ..) in READS {
            let (miss, hit) = (app.get(path), app.get(path));
            assert_eq!(
                miss.header("cache-status"),
                "cache-runtime; fwd=miss; stored"
            );
            assert_eq!(hit.header("cache-status"), "cache-runtime; hit");
            let etag = hit.header("etag");
            assert_eq!(miss.header("etag"), etag, "GET {path}");
            let known = app.call_with("GET", path, ("if-none-match", etag));
            assert_eq!((known.status, known.text.as_str()), (304, ""), "GET {path}");
            assert_eq!(known.header("etag"), etag);
        }
        let failed = app.get("/johndoe/post/26");
        assert_eq!(failed.status, 404);
        assert_eq!(
            (failed.header("etag"), failed.header("cache-status")),
            ("", "")
        );
    });
}

#[test]
fn a_client_sees_a_write_whatever_it_has_kept() {
    on_every_combination(|app| {
        let path = "/johndoe/post/1";
        let before = app.get(path);
        let title = json!({"title": "new"});
        assert_eq!(app.call("PATCH", path, Some(&title)).status, 200);
        let kept = ("if-none-match", before.header("etag"));
        let after = app.call_with("GET", path, kept);
        assert_eq!((after.status, &after.body["title"]), (200, &"new".into()));
        // On a miss as well.
        assert_eq!(app.call("PATCH", path, Some(&title)).status, 200);
        let kept = ("if-none-match", after.header("etag"));
        let same = app.call_with("GET", path, kept);
        assert_eq!(same.status, 304);
        assert_eq!(
            same.header("cache-status"),
            "cache-runtime; fwd=miss; stored"
        );
    });
}

#[test]
fn a_head_stores_what_a_get_would() {
    on_every_combination(|app| {
        for (path, ..) in READS {
            let head = app.call("HEAD", path, None);
            assert_eq!((head.status, head.text.as_str()), (200, ""));
            assert_eq!(
                head.header("cache-status"),
                "cache-runtime; fwd=miss; stored"
            );
            let get = app.get(path);
            assert_eq!(get.header("cache-status"), "cache-runtime; hit");
            assert_eq!(get.header("etag"), head.header("etag"));
            assert_eq!(get.header("content-length"), get.text.len().to_string());
            assert_eq!(head.header("content-length"), get.text.len().to_string());
        }
    });
}

#[test]
fn a_tag_is_the_same_in_every_process() {
    let tags = RefCell::new(BTreeSet::new());
    on_every_combination(|app| {
        let tag = app.get("/countries").header("etag").to_owned();
        tags.borrow_mut().insert(tag);
    });
    assert_eq!(tags.into_inner().len(), 1);
}

#[test]
fn without_its_redis_an_application_says_that_it_was_bypassed() {
    let port = free_port().to_string();
    for application in APPLICATIONS {
        let app = App::start_with(application, &[("REDIS_CACHE_PORT", &port)]);
        let (first, second) = (app.get("/countries"), app.get("/countries"));
        for answer in [&first, &second] {
            assert_eq!(answer.header("cache-status"), "cache-runtime; fwd=bypass");
        }
        assert_eq!(first.header("etag"), second.header("etag"));
    }
}
