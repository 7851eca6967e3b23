//! What is kept of an answer, where, and how long.

use std::ops::Add;

use cache_testkit::app::{APPLICATIONS, App, on_every_combination};
use cache_testkit::free_port;
use serde_json::Value;

use crate::cases::READS;

#[test]
fn a_read_is_cached_under_its_documented_key_for_its_documented_life() {
    on_every_combination(|app| {
        for (path, key, seconds) in READS {
            let before = Counts::of(app);
            let miss = app.get(path);
            let hit = app.get(path);
            assert_eq!(miss, hit, "GET {path}");
            assert_eq!(
                Counts::of(app),
                Counts {
                    reads: 1,
                    hits: 1,
                    misses: 1
                } + before,
                "GET {path}"
            );
            if let Some(redis) = app.redis() {
                let stored: String = redis.run(&["GET", key]);
                assert_eq!(
                    serde_json::from_str::<Value>(&stored).expect("plain JSON"),
                    hit.body
                );
                let ttl: i64 = redis.run(&["PTTL", key]);
                let is_in_time = (1..=seconds * 1000).contains(&ttl);
                assert!(is_in_time, "{key} has a TTL of {ttl} ms");
            }
        }
        app.assert_entries(&READS.map(|(_, key, _)| key));
    });
}

#[test]
fn what_was_not_found_is_not_cached() {
    on_every_combination(|app| {
        for path in [
            "/nobody/posts",
            "/johndoe/post/26",
            "/organizations/7/departments/44/employees",
        ] {
            assert_eq!(
                (app.reads_of(path), app.reads_of(path)),
                (1, 1),
                "GET {path}"
            );
        }
        app.assert_entries(&[]);
    });
}

#[test]
fn callers_that_come_together_share_one_read() {
    on_every_combination(|app| {
        let before = app.count("/database_reads");
        std::thread::scope(|scope| {
            for _ in 0..20 {
                scope.spawn(|| assert_eq!(app.get("/johndoe/posts").status, 200));
            }
        });
        assert_eq!(app.count("/database_reads") - before, 1);
    });
}

#[test]
fn without_its_redis_an_application_answers_uncached() {
    let port = free_port().to_string();
    for application in APPLICATIONS {
        let app = App::start_with(
            application,
            &[
                ("REDIS_CACHE_HOST", "127.0.0.1"),
                ("REDIS_CACHE_PORT", &port),
            ],
        );
        assert_eq!(
            (app.reads_of("/countries"), app.reads_of("/countries")),
            (1, 1)
        );
        assert_eq!(app.call("DELETE", "/johndoe/post/1", None).status, 200);
        assert_eq!(app.get("/johndoe/post/1").status, 404);
    }
}

/// What `/stats` has counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Counts {
    reads: u64,
    hits: u64,
    misses: u64,
}

impl Counts {
    fn of(app: &App) -> Self {
        let [reads, hits, misses] =
            ["/database_reads", "/cache/hits", "/cache/misses"].map(|count| app.count(count));
        Self {
            reads,
            hits,
            misses,
        }
    }
}

impl Add for Counts {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            reads: self.reads + other.reads,
            hits: self.hits + other.hits,
            misses: self.misses + other.misses,
        }
    }
}
