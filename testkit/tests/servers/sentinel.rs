//! Sentinels of a test's own.

use cache_testkit::SentinelSet;

#[test]
fn a_failover_by_hand_names_another_master() {
    let set = SentinelSet::start_with_passwords("secret", "another");
    assert_eq!((set.master(), set.name()), (0, "cache"));
    let () = set.server(0).run(&["SET", "key", "value"]);
    let copies: i64 = set.server(0).run(&["WAIT", "2", "5000"]);
    assert_eq!(copies, 2);

    let master = set.failover();
    assert_ne!(master, 0);
    assert_eq!(set.master(), master);
    assert_eq!(set.server(master).keys(), ["key"]);
    let () = set.server(master).run(&["SET", "key", "newer"]);
    assert_eq!(set.sentinels().split(',').count(), 3);
}

#[test]
fn a_replica_takes_the_place_of_a_killed_master() {
    let mut set = SentinelSet::start();
    set.server_mut(0).kill();
    let master = set.wait_for_master_other_than(0);
    let () = set.server(master).run(&["SET", "key", "value"]);

    set.server_mut(0).restart();
    assert_ne!(set.master(), 0);
    set.demote(0);
    set.settle();
    assert_eq!(set.master(), master);
    assert_eq!(set.server(0).keys(), ["key"]);

    set.sentinel_mut(0).kill();
    set.sentinel(1).signal("STOP");
    assert_eq!(set.master(), master);
    set.sentinel(1).signal("CONT");
    set.sentinel_mut(0).restart();
    set.settle();
}
