//! How an application starts, what it says, and how it ends.

use cache_testkit::RedisServer;
use cache_testkit::app::{APPLICATIONS, App, Store, run};

#[test]
fn the_tour_shows_misses_and_hits_and_ends() {
    for application in APPLICATIONS {
        let redis = RedisServer::start();
        let environments: [&[(&str, &str)]; 2] = [&[], &[("REDIS_CACHE_URL", &redis.url())]];
        for environment in environments {
            let ended = run(application, &["--tour"], environment);
            assert!(ended.status.success(), "{}{}", ended.output, ended.log);
            let rows = ended.output.lines().skip(2);
            let outcomes: Vec<_> = rows
                .filter_map(|row| row.split_whitespace().nth(3))
                .collect();
            let expected = "miss hit miss hit write miss miss hit miss write miss hit hit write miss miss hit hit";
            assert_eq!(outcomes.join(" "), expected, "{}", ended.output);
            let told = |what: &str| ended.output.matches(what).count();
            assert_eq!(told("cache-runtime; hit"), 7, "{}", ended.output);
            assert_eq!(
                told("cache-runtime; fwd=miss; stored"),
                7,
                "{}",
                ended.output
            );
            assert_eq!(told(" 304 "), 1, "{}", ended.output);
        }
    }
}

#[test]
fn the_map_shows_what_removes_what() {
    for (application, user, id) in [
        ("posts-axum", "{username}", "{id}"),
        ("posts-actix", "{path.username}", "{path.id}"),
    ] {
        let module = application.replace('-', "_");
        let ended = run(application, &["--map"], &[]);
        assert!(ended.status.success(), "{}{}", ended.output, ended.log);
        let (table, graph) = ended
            .output
            .split_once("\n\n")
            .expect("a table and a graph");
        let cells = |row: &str| -> Vec<String> {
            let cells = row.trim_matches('|').split('|').map(str::trim);
            cells
                .map(|cell| cell.replace(&format!("{module}::handlers::"), ""))
                .collect()
        };
        let rows = table.lines().skip(2).map(cells);
        let found: Vec<String> = rows
            .map(|row| format!("{} < {}: {}", row[0], row[2], row[3]))
            .collect();
        let pattern = |user: &str| format!("pattern `{user}_posts:*`");
        let (of_create, of_others) = (pattern("{username}"), pattern(user));
        let expected = [
            "countries < its expiration alone: ".to_owned(),
            "employees < its expiration alone: ".to_owned(),
            format!("latest_posts < create_post: key `latest_posts:global`, {of_create}"),
            format!("latest_posts < delete_post: key `latest_posts:global`, {of_others}"),
            format!("latest_posts < update_post: key `latest_posts:global`, {of_others}"),
            format!("list_posts < create_post: {of_create}"),
            format!("list_posts < delete_post: {of_others}"),
            format!("list_posts < update_post: {of_others}"),
            format!("read_post < delete_post: key `{user}_post_cache:{id}`"),
            format!("read_post < update_post: key `{user}_post_cache:{id}`"),
            "search < its expiration alone: ".to_owned(),
        ];
        assert_eq!(found, expected, "{table}");
        assert!(graph.starts_with("flowchart LR\n"), "{graph}");
        assert_eq!(graph.matches("-->").count(), 8, "{graph}");
    }
}

#[test]
fn an_application_says_where_it_listens_and_ends_cleanly_on_sigterm() {
    for application in APPLICATIONS {
        for store in [Store::InProcess, Store::Redis] {
            let app = App::start(application, store);
            // The connection stays open, as that of a client that may come back.
            assert_eq!(app.get("/countries").status, 200);
            let name = app
                .redis()
                .map_or("in-process store".to_owned(), RedisServer::url);
            assert!(
                app.first_line.contains(&name),
                "no `{name}` in `{}`",
                app.first_line
            );
            let greeting = app.first_line.clone();
            let ended = app.terminate();
            assert_eq!(ended.status.code(), Some(0), "{}", ended.log);
            assert_eq!(ended.output.trim_end(), greeting);
        }
    }
}

#[test]
fn a_setting_that_cannot_be_used_is_named() {
    for application in APPLICATIONS {
        for (arguments, environment, named) in [
            (&[][..], &[("PORT", "high")][..], "`PORT`"),
            (&["--help-me"], &[], "`--help-me`"),
            (&[], &[("REDIS_CACHE_PORT", "high")], "REDIS_CACHE_PORT"),
        ] {
            let ended = run(application, arguments, environment);
            assert_eq!(ended.status.code(), Some(1));
            assert!(ended.log.contains(named), "{}", ended.log);
        }
    }
}

#[test]
fn the_password_appears_neither_in_the_output_nor_in_the_log() {
    const RIGHT: &str = "s3cret-and-right";
    const WRONG: &str = "s3cret-and-wrong";
    let redis = RedisServer::start_with(&["--requirepass", RIGHT]);
    for application in APPLICATIONS {
        for (password, reads) in [(RIGHT, 1), (WRONG, 2)] {
            let url = format!("redis://:{password}@127.0.0.1:{}/0", redis.port());
            let app = App::start_with(
                application,
                &[("REDIS_CACHE_URL", &url), ("RUST_LOG", "trace")],
            );
            let search = format!("/search?query={application}");
            assert_eq!(
                app.reads_of(&search) + app.reads_of(&search),
                reads,
                "with {password}"
            );
            let ended = app.terminate();
            assert!(ended.status.success());
            let said = ended.output + &ended.log;
            assert!(!said.contains("s3cret"), "{said}");
        }
    }
}
