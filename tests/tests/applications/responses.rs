//! What every route answers, to good requests and to bad ones.

use cache_testkit::Response;
use cache_testkit::app::{APPLICATIONS, App, Store, on_every_combination};
use serde_json::{Value, json};

use crate::cases::{BAD_REQUESTS, READS};

#[test]
fn an_application_is_well_with_its_cache_and_without() {
    on_every_combination(|app| {
        let well = |cache: &str| json!({"status": "ok", "cache": cache});
        assert_eq!(app.get("/healthz").body, well("ok"));
        let Some(redis) = app.redis() else { return };
        // It replies with an error, which is none of a server that works.
        let () = redis.run(&["CONFIG", "SET", "requirepass", "another"]);
        let _: u64 = redis.run_as("another", &["CLIENT", "KILL", "TYPE", "normal"]);
        cache_testkit::wait_until("the cache is unavailable", || {
            let health = app.get("/healthz");
            assert_eq!(health.status, 200);
            health.body == well("unavailable")
        });
        let () = redis.run_as("another", &["CONFIG", "SET", "requirepass", ""]);
        cache_testkit::wait_until("the cache is back", || {
            app.get("/healthz").body == well("ok")
        });
    });
}

#[test]
fn every_route_answers_as_documented() {
    on_every_combination(|app| {
        let page = app.get("/johndoe/posts?page=2&items_per_page=10");
        assert_eq!(ids(&page.body["data"]), (6..=15).rev().collect::<Vec<_>>());
        let rest = json!({"total_count": 25, "has_more": true, "page": 2, "items_per_page": 10});
        assert_eq!(without("data", page), rest);
        let last = json!({"total_count": 25, "has_more": false, "page": 3, "items_per_page": 10});
        assert_eq!(without("data", app.get("/johndoe/posts?page=3")), last);

        let post = json!({
            "id": 1, "title": "On caching, part 1", "text": "What johndoe has to say about caching.",
            "username": "johndoe", "created_at": "2025-01-01T00:00:00Z",
        });
        assert_eq!(app.get("/johndoe/post/1").body, post);
        assert_eq!(
            ids(&app.get("/posts/latest").body),
            (24..=33).rev().collect::<Vec<_>>()
        );
        assert_eq!(
            ids(&app.get("/organizations/7/departments/43/employees").body),
            [3, 4]
        );
        assert!(
            app.get("/countries")
                .body
                .as_array()
                .is_some_and(|countries| !countries.is_empty())
        );
        let found = app.get("/search?query=SQLITE&page=1");
        assert_eq!(
            (found.status, found.body["total_count"].as_u64()),
            (200, Some(5))
        );

        let created = app.call(
            "POST",
            "/x/post",
            Some(&json!({"title": "A title", "text": "A text"})),
        );
        assert_eq!(
            (
                created.status,
                &created.body["id"],
                &created.body["username"]
            ),
            (201, &json!(34), &json!("x"))
        );
        assert_eq!(app.get("/x/post/34").body, created.body);
        let updated = app.call(
            "PATCH",
            "/x/post/34",
            Some(&json!({"title": "Another title"})),
        );
        assert_eq!(
            (updated.status, updated.body),
            (200, json!({"message": "Post updated"}))
        );
        let post = app.get("/x/post/34").body;
        assert_eq!(
            (&post["title"], &post["text"]),
            (&json!("Another title"), &json!("A text"))
        );
        let deleted = app.call("DELETE", "/x/post/34", None);
        assert_eq!(
            (deleted.status, deleted.body),
            (200, json!({"message": "Post deleted"}))
        );
        assert_eq!(app.get("/x/post/34").status, 404);
    });
}

#[test]
fn every_bad_request_is_answered_with_its_reason() {
    on_every_combination(|app| {
        for (method, path, body, status) in BAD_REQUESTS {
            let response = app.send(method, path, body);
            assert_eq!(
                response.status, status,
                "{method} {path}: {}",
                response.text
            );
            let error = response.body["error"]
                .as_str()
                .filter(|error| !error.is_empty());
            assert_eq!(
                Some(response.body.clone()),
                error.map(|error| json!({"error": error})),
                "{method} {path}"
            );
            assert_eq!(
                response.headers.contains_key("allow"),
                status == 405,
                "{method} {path} names the allowed methods"
            );
        }
        assert_eq!(
            app.send_bytes("/johndoe/post", 3 << 20),
            "HTTP/1.1 413 Payload Too Large"
        );
        app.assert_entries(&[]);
    });
}

#[test]
fn the_applications_answer_alike_to_the_byte() {
    let [one, other] = APPLICATIONS.map(|application| App::start(application, Store::InProcess));
    let reads = READS.map(|(path, ..)| ("GET", path, None));
    let head = [
        ("HEAD", "/countries", None),
        ("OPTIONS", "/countries", None),
    ];
    let bad = BAD_REQUESTS.map(|(method, path, body, _)| (method, path, body));
    for (method, path, body) in reads.into_iter().chain(head).chain(bad) {
        assert_eq!(
            one.send(method, path, body),
            other.send(method, path, body),
            "{method} {path}"
        );
    }
}

#[test]
fn head_is_answered_like_get_without_a_body() {
    on_every_combination(|app| {
        for _ in 0..2 {
            let response = app.call("HEAD", "/countries", None);
            assert_eq!((response.status, response.text.as_str()), (200, ""));
        }
        assert_eq!(app.count("/database_reads"), 1);
    });
}

fn ids(list: &Value) -> Vec<u64> {
    let list = list.as_array().expect("a list");
    list.iter()
        .map(|item| item["id"].as_u64().expect("an id"))
        .collect()
}

fn without(member: &str, response: Response) -> Value {
    let mut body = response.body;
    body.as_object_mut().expect("an object").remove(member);
    body
}
