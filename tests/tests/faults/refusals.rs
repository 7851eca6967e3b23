//! Redis answers, but not with what it was asked for.

use cache_testkit::proxy::Fault;
use cache_testkit::{RedisServer, wait_until};

use crate::rig::Rig;

/// What a server says that reads and writes can't be left to.
#[test]
fn a_server_that_is_out_of_order_is_not_asked_until_it_is_well() {
    let mut rig = Rig::start();
    for error in [
        "-LOADING Redis is loading the dataset in memory",
        "-READONLY You can't write against a read only replica.",
        "-NOAUTH Authentication required.",
        "-MOVED 3999 127.0.0.1:1",
        "-CLUSTERDOWN The cluster is down",
        "-MASTERDOWN Link with MASTER is down",
        "-MISCONF Redis is configured to save RDB snapshots",
        "-BUSY Redis is busy running a script",
        "$9\r\nnonsense",
    ] {
        rig.survives(
            error,
            |rig| rig.proxy.set(Fault::Answer(error)),
            |rig| wait_until("the breaker opens", || rig.is_open()),
            |rig| rig.proxy.set(Fault::None),
        );
    }
}

/// What it says of one command says nothing of the others.
#[test]
fn a_command_that_is_refused_leaves_the_others_alone() {
    let mut rig = Rig::start();
    for error in [
        "-OOM command not allowed when used memory > 'maxmemory'.",
        "-NOSCRIPT No matching script.",
        "-WRONGTYPE Operation against a key holding the wrong kind of value",
        "-NOPERM this user has no permissions to run this command",
        "-ERR unknown command",
        "+OK",
        "*0",
        "$-1",
    ] {
        rig.survives(
            error,
            |rig| rig.proxy.set(Fault::Answer(error)),
            |_| {},
            |rig| rig.proxy.set(Fault::None),
        );
    }
}

#[test]
fn a_server_that_is_full_still_serves_and_invalidates() {
    let mut rig = Rig::start();
    rig.app.get("/countries");
    rig.survives(
        "maxmemory, noeviction",
        |rig| {
            let () = rig.redis.run(&["CONFIG", "SET", "maxmemory", "1mb"]);
        },
        |rig| {
            wait_until("what was owed is delivered", || {
                rig.app.count("/cache/pending_invalidations") == 0
            });
            assert!(rig.app.count("/cache/errors/server") > 0);
            let hits = rig.app.count("/cache/hits");
            wait_until("what is there is served", || {
                rig.app.get("/countries");
                rig.app.count("/cache/hits") > hits
            });
        },
        |rig| {
            let () = rig.redis.run(&["CONFIG", "SET", "maxmemory", "0"]);
        },
    );
}

#[test]
fn a_server_that_becomes_a_replica_is_not_asked() {
    let mut rig = Rig::start();
    let master = RedisServer::start();
    rig.survives(
        "REPLICAOF",
        |rig| {
            let port = master.port().to_string();
            let () = rig.redis.run(&["REPLICAOF", "127.0.0.1", &port]);
        },
        |rig| wait_until("the breaker opens", || rig.is_open()),
        |rig| {
            let () = rig.redis.run(&["REPLICAOF", "NO", "ONE"]);
        },
    );
}

#[test]
fn a_password_that_is_wrong_for_a_while() {
    const RIGHT: &str = "s3cret-and-right";
    let mut rig = Rig::start_with(&["--requirepass", RIGHT], RIGHT);
    let change = |rig: &Rig, from: &str, to: &str| {
        let () = rig
            .redis
            .run_as(from, &["CONFIG", "SET", "requirepass", to]);
        let kill = ["CLIENT", "KILL", "TYPE", "normal"];
        let _: u64 = rig.redis.run_as(to, &kill);
    };
    rig.survives(
        "another password",
        |rig| change(rig, RIGHT, "another"),
        |rig| wait_until("the breaker opens", || rig.is_open()),
        |rig| change(rig, "another", RIGHT),
    );
}
