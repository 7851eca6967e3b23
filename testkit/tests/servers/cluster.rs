//! A cluster of a test's own.

use cache_testkit::RedisCluster;

/// A key of each third of the slots.
const KEYS: [&str; 3] = ["b", "c", "a"];

#[test]
fn a_cluster_has_its_slots_and_replicas() {
    let cluster = RedisCluster::start();
    for (index, key) in KEYS.into_iter().enumerate() {
        assert_eq!(cluster.owner(key), index, "{key}");
        let () = cluster.run(key, &["SET", key, "value"]);
        let seen: i64 = cluster.node(index).run(&["EXISTS", key]);
        assert_eq!(seen, 1, "{key}");
        let copies: i64 = cluster.node(index).run(&["WAIT", "1", "5000"]);
        assert_eq!(copies, 1, "{key}");
        let replicated: Vec<String> = cluster.node(index + 3).run(&["KEYS", "*"]);
        assert_eq!(replicated, [key]);
    }
    assert_eq!(cluster.keys(), ["a", "b", "c"]);
    let sets = cluster.commands();
    assert!(
        (0..3).all(|index| sets[index].get("set") == Some(&1)),
        "{sets:?}"
    );
    cluster.reset_commands();
    assert!(
        cluster
            .commands()
            .iter()
            .all(|calls| !calls.contains_key("set"))
    );
}

#[test]
fn a_slot_migrates_with_its_keys() {
    let cluster = RedisCluster::start_with(&["--requirepass", "secret", "--masterauth", "secret"]);
    let (key, other) = ("{b}1", "{b}2");
    let slot = cluster.slot(key);
    for key in [key, other] {
        let () = cluster.run(key, &["SET", key, "before"]);
    }

    cluster.begin_migration(slot, 2);
    cluster.move_key(key, 2);
    let error = cluster.node(0).try_run::<String>(&["GET", key]);
    assert!(error.is_err_and(|error| error.code() == Some("ASK")));
    for key in [key, other] {
        assert_eq!(cluster.run::<String>(key, &["GET", key]), "before");
        assert_eq!(cluster.owner(key), 0);
    }

    assert_eq!(cluster.move_keys(slot, 2), 1);
    cluster.finish_migration(slot, 2);
    for key in [key, other] {
        assert_eq!(cluster.owner(key), 2);
        assert_eq!(cluster.run::<String>(key, &["GET", key]), "before");
        let error = cluster.node(0).try_run::<String>(&["GET", key]);
        assert!(error.is_err_and(|error| error.code() == Some("MOVED")));
    }

    cluster.migrate(slot, 1);
    assert_eq!(cluster.owner(key), 1);
    assert_eq!(cluster.keys(), [key, other]);

    cluster.begin_migration(slot, 0);
    cluster.abort_migration(slot);
    assert_eq!(cluster.owner(key), 1);
    let answer = cluster.node(1).try_run::<Option<String>>(&["GET", "{b}3"]);
    assert_eq!(answer, Ok(None));
}

#[test]
fn the_replica_of_a_killed_primary_is_promoted() {
    let mut cluster = RedisCluster::start();
    let key = KEYS[1];
    let () = cluster.run(key, &["SET", key, "value"]);
    let _: i64 = cluster.node(1).run(&["WAIT", "1", "5000"]);
    assert!(cluster.promoted(1) && !cluster.promoted(4));

    cluster.node_mut(1).kill();
    assert_eq!(cluster.wait_for_failover(1), 4);
    assert_eq!(cluster.owner(key), 4);
    assert_eq!(cluster.run::<String>(key, &["GET", key]), "value");

    cluster.node_mut(1).restart();
    cluster.settle();
    assert!(!cluster.promoted(1));
    assert_eq!(cluster.node(1).run::<Vec<String>>(&["KEYS", "*"]), [key]);

    assert_eq!(cluster.failover(4), 1);
    assert_eq!(cluster.owner(key), 1);
    assert_eq!(cluster.run::<String>(key, &["GET", key]), "value");
}

#[test]
fn a_replica_takes_over_from_a_primary_that_hangs() {
    let cluster = RedisCluster::start();
    let key = KEYS[0];
    cluster.node(0).signal("STOP");
    assert_eq!(cluster.failover(0), 3);
    let () = cluster.run(key, &["SET", key, "value"]);
    assert_eq!(cluster.owner(key), 3);

    cluster.node(0).signal("CONT");
    cluster.settle();
    assert_eq!(cluster.owner(key), 3);
    assert_eq!(cluster.node(0).run::<Vec<String>>(&["KEYS", "*"]), [key]);
}

#[test]
fn a_slot_that_nobody_serves_leaves_the_others_alone() {
    let cluster = RedisCluster::start_with(&["--cluster-require-full-coverage", "no"]);
    let (key, other) = (KEYS[0], KEYS[1]);
    let slot = cluster.slot(key);
    cluster.uncover(slot);
    let () = cluster.run(other, &["SET", other, "value"]);
    let error = cluster.node(0).try_run::<()>(&["SET", key, "value"]);
    assert!(error.is_err_and(|error| error.code() == Some("CLUSTERDOWN")));

    cluster.cover(slot, 1);
    let () = cluster.run(key, &["SET", key, "value"]);
    assert_eq!(cluster.owner(key), 1);
}
