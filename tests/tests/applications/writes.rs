//! What a write removes, and what it leaves alone.

use cache_testkit::app::{APPLICATIONS, App, on_every_combination};
use cache_testkit::{RedisServer, path};
use serde_json::json;

use crate::cases::{BAD_REQUESTS, READS, USERS};

/// Makes sure that every one of [`READS`] is cached.
fn warm(app: &App) {
    for (path, ..) in READS {
        assert_eq!(app.get(path).status, 200, "GET {path}");
        assert_eq!(app.reads_of(path), 0, "GET {path} is a hit");
    }
}

#[test]
fn a_write_removes_what_it_made_stale_and_nothing_else() {
    let draft = json!({"title": "A title", "text": "A text"});
    let lists = [READS[0].0, READS[1].0, "/posts/latest"];
    let lists_and_post = [READS[0].0, READS[1].0, "/posts/latest", "/johndoe/post/1"];
    let writes: [(_, _, _, &[&str]); 3] = [
        ("POST", "/johndoe/post", Some(&draft), &lists),
        ("PATCH", "/johndoe/post/1", Some(&draft), &lists_and_post),
        ("DELETE", "/johndoe/post/1", None, &lists_and_post),
    ];
    on_every_combination(|app| {
        for (method, path, body, stale) in writes {
            warm(app);
            let writes = app.count("/database_writes");
            let answer = app.call(method, path, body);
            assert!(answer.status < 300, "{method} {path}: {}", answer.text);
            assert_eq!(app.count("/database_writes"), writes + 1);

            let kept = READS.iter().filter(|(path, ..)| !stale.contains(path));
            app.assert_entries(&kept.map(|(_, key, _)| *key).collect::<Vec<_>>());
            for (read, ..) in READS {
                let expected = u64::from(stale.contains(&read));
                assert_eq!(
                    app.reads_of(read),
                    expected,
                    "GET {read} after {method} {path}"
                );
            }
        }
        assert_eq!(app.get("/johndoe/posts").body["total_count"], 25);
        assert_eq!(app.get("/johndoe/post/1").status, 404);
    });
}

#[test]
fn a_failed_write_removes_nothing() {
    on_every_combination(|app| {
        warm(app);
        for (method, path, body, _) in BAD_REQUESTS
            .into_iter()
            .filter(|(method, ..)| *method != "GET")
        {
            let answer = app.send(method, path, body);
            assert!(answer.status >= 400, "{method} {path}: {}", answer.text);
        }
        app.assert_entries(&READS.map(|(_, key, _)| key));
        for (path, ..) in READS {
            assert_eq!(app.reads_of(path), 0, "GET {path} is still a hit");
        }
    });
}

#[test]
fn no_user_name_reaches_the_entries_of_another_user() {
    on_every_combination(|app| {
        for (writer, post, _) in USERS {
            for (user, id, _) in USERS {
                for read in [
                    path(&[user, "posts"]),
                    path(&[user, "post", &id.to_string()]),
                ] {
                    let answer = app.get(&read);
                    assert_eq!(answer.status, 200, "GET {read}: {}", answer.text);
                    let own = answer
                        .body
                        .get("data")
                        .map_or(&answer.body, |posts| &posts[0]);
                    assert_eq!(own["username"], user, "GET {read}");
                }
            }
            let update = json!({"text": format!("changed by {writer}")});
            let answer = app.call(
                "PATCH",
                &path(&[writer, "post", &post.to_string()]),
                Some(&update),
            );
            assert_eq!(answer.status, 200, "{writer}: {}", answer.text);

            for (user, id, posts) in USERS {
                let expected = u64::from(user == writer);
                let list = path(&[user, "posts"]);
                assert_eq!(
                    app.reads_of(&list),
                    expected,
                    "GET {list} after a write by {writer}"
                );
                assert_eq!(app.get(&list).body["total_count"], posts);
                let post = path(&[user, "post", &id.to_string()]);
                assert_eq!(
                    app.reads_of(&post),
                    expected,
                    "GET {post} after a write by {writer}"
                );
            }
        }
    });
}

#[test]
fn applications_with_one_redis_and_one_database_see_each_others_writes() {
    let redis = RedisServer::start();
    let directory = tempfile::tempdir().expect("a directory for temporary files");
    let file = directory.path().join("posts.db");
    let database = format!("sqlite://{}", file.display());
    let environment = [
        ("REDIS_CACHE_URL", &*redis.url()),
        ("DATABASE_URL", &*database),
    ];
    let apps = APPLICATIONS.map(|application| App::start_with(application, &environment));
    for (writer, title) in apps.iter().zip(["first", "second"]) {
        for app in &apps {
            app.get("/x/post/29");
            assert_eq!(app.reads_of("/x/post/29"), 0);
        }
        writer.call("PATCH", "/x/post/29", Some(&json!({"title": title})));
        for app in &apps {
            assert_eq!(app.get("/x/post/29").body["title"], title);
        }
    }
    let reads: u64 = apps.iter().map(|app| app.count("/database_reads")).sum();
    assert_eq!(reads, 3, "one before the first write and one after each");
    assert!(file.exists(), "the database was made");
}
