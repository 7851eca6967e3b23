//! Redis gone, slow, hung, emptied.

use std::cell::Cell;
use std::thread;
use std::time::Duration;

use cache_testkit::app::APPLICATIONS;
use cache_testkit::log::messages::{OUTAGE_BEGINS, OUTAGE_ENDS};
use cache_testkit::proxy::Fault;
use cache_testkit::wait_until;

use crate::rig::Rig;

/// What the proxy does, and whether Redis is given up meanwhile.
fn survives(fault: Fault, is_given_up: bool) {
    Rig::start().survives(
        &format!("{fault:?}"),
        |rig| rig.proxy.set(fault),
        |rig| {
            if is_given_up {
                wait_until("the breaker opens", || rig.is_open());
            }
        },
        |rig| rig.proxy.set(Fault::None),
    );
}

#[test]
fn refused_connections() {
    survives(Fault::Refuse, true);
}

#[test]
fn connections_that_are_reset() {
    survives(Fault::Reset, true);
}

#[test]
fn connections_that_lead_nowhere() {
    survives(Fault::Hang, true);
}

#[test]
fn answers_that_come_in_time_but_late() {
    survives(Fault::Delay(Duration::from_millis(10)), false);
}

#[test]
fn answers_that_come_too_late() {
    survives(Fault::Delay(Duration::from_millis(150)), true);
}

#[test]
fn answers_that_are_cut_in_the_middle() {
    survives(Fault::Cut(3), true);
}

#[test]
fn a_server_that_hangs_is_asked_a_few_times_and_then_not_any_more() {
    let mut rig = Rig::start();
    let before = Cell::new(0);
    rig.survives(
        "SIGSTOP",
        |rig| {
            before.set(rig.app.count("/cache/errors/timeouts"));
            rig.redis.signal("STOP");
        },
        |rig| {
            assert!(rig.is_open());
            // Each client waits for one operation when it happens, or for two.
            let timeouts = rig.app.count("/cache/errors/timeouts") - before.get();
            assert!(timeouts <= 20, "{timeouts} calls waited");
        },
        |rig| rig.redis.signal("CONT"),
    );
}

#[test]
fn a_server_that_is_killed_and_comes_back_empty() {
    Rig::start().survives(
        "SIGKILL",
        |rig| rig.redis.kill(),
        |rig| assert!(rig.is_open()),
        |rig| rig.redis.restart(),
    );
}

#[test]
fn a_server_that_loses_everything() {
    let quick = |rig: &mut Rig| {
        for _ in 0..20 {
            let () = rig.redis.run(&["FLUSHALL"]);
            let () = rig.redis.run(&["SCRIPT", "FLUSH"]);
        }
    };
    Rig::start().survives("FLUSHALL, SCRIPT FLUSH", quick, |_| {}, quick);
}

#[test]
fn clients_that_are_killed() {
    let kill = |rig: &mut Rig| {
        for _ in 0..20 {
            let _: u64 = rig.redis.run(&["CLIENT", "KILL", "TYPE", "normal"]);
        }
    };
    Rig::start().survives("CLIENT KILL", kill, |_| {}, kill);
}

#[test]
fn the_log_tells_once_of_an_outage_and_once_of_its_end() {
    let mut rig = Rig::start();
    // A busy machine must not look like an outage of its own.
    rig.app = Rig::application_with("posts-axum", &rig.proxy, &[("REDIS_CACHE_DEADLINE", "5")]);
    rig.survives(
        "an outage in the log",
        |rig| rig.redis.kill(),
        |rig| assert!(rig.is_open()),
        |rig| rig.redis.restart(),
    );
    let ended = rig.app.terminate();
    let log = &ended.log;
    assert_eq!(ended.count(OUTAGE_BEGINS), 1, "{log}");
    assert_eq!(ended.count(OUTAGE_ENDS), 1, "{log}");
    let others = log.lines().count() - 2;
    assert!(others <= 4, "once for each kind of failure: {log}");
    assert!(!log.contains("johndoe"), "no values of keys: {log}");
}

#[test]
fn an_application_starts_without_its_redis_and_uses_it_when_it_comes() {
    let mut rig = Rig::start();
    rig.redis.kill();
    rig.app = Rig::application_with("posts-axum", &rig.proxy, &[]);
    assert_eq!(rig.app.get("/countries").status, 200);
    wait_until("the breaker opens", || {
        rig.app.get("/countries");
        rig.is_open()
    });
    rig.redis.restart();
    wait_until("it is used", || {
        rig.app.get("/countries");
        rig.app.count("/cache/hits") > 0
    });
}

#[test]
fn an_application_that_is_asked_to_end_delivers_what_it_owes_first() {
    for application in APPLICATIONS {
        let mut rig = Rig::start();
        rig.app = Rig::application_with(application, &rig.proxy, &[]);
        rig.app.get("/johndoe/post/1");
        let key = "johndoe_post_cache:1".to_owned();
        assert!(rig.redis.keys().contains(&key));
        rig.proxy.set(Fault::Hang);
        let title = serde_json::json!({"title": "new"});
        let answer = rig.app.call("PATCH", "/johndoe/post/1", Some(&title));
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert!(rig.app.count("/cache/pending_invalidations") > 0);
        rig.app.ask_to_end();
        rig.proxy.set(Fault::None);
        let ended = rig.app.wait();
        assert!(ended.status.success(), "{}", ended.log);
        assert!(!rig.redis.keys().contains(&key), "{}", ended.log);
    }
}

/// The server keeps what it has on disk, so that what nobody invalidates would still be there afterwards.
#[test]
fn what_is_written_in_ten_seconds_without_redis_is_invalidated_when_it_is_back() {
    let directory = tempfile::tempdir().expect("a directory for temporary files");
    let directory = directory.path().to_str().expect("the path is text");
    let options = ["--appendonly", "yes", "--appendfsync", "always", "--dir"];
    let mut rig = Rig::start_with(&[&options[..], &[directory]].concat(), "");
    let database = format!("sqlite://{directory}/posts.db");
    // What comes back from the disk is as the server left it.
    let environment = [
        ("DATABASE_URL", &*database),
        ("REDIS_CACHE_CLEAR_AFTER", "never"),
    ];
    rig.app = Rig::application_with("posts-axum", &rig.proxy, &environment);
    let other = Rig::application_with("posts-axum", &rig.proxy, &environment);
    rig.survives(
        "ten seconds without Redis",
        |rig| {
            rig.redis.kill();
            thread::sleep(Duration::from_secs(10));
        },
        |rig| assert!(rig.app.count("/cache/pending_invalidations") > 0),
        |rig| rig.redis.restart(),
    );
    // What it serves, it finds in Redis or in the database.
    assert_eq!(other.count("/database_reads"), 0);
    let uncached = other.get("/johndoe/posts?items_per_page=25").body;
    let listed = other.get("/johndoe/posts").body;
    for (id, post) in (1..=25)
        .rev()
        .zip(uncached["data"].as_array().expect("a list"))
    {
        assert_eq!(&other.get(&format!("/johndoe/post/{id}")).body, post);
        let shown = listed["data"].as_array().expect("a list");
        assert!(id <= 15 || shown.contains(post), "{post} in {listed}");
    }
}
