//! What becomes of calls under load while slots move and nodes go.
//!
//! Replication is asynchronous: what a primary has removed may be there again if it dies before its replica has heard
//! of that. So where a primary goes all of a sudden, a write counts only if the replicas have confirmed all that came
//! before their answer, on connections that lead to the primaries from before the write; or if it began when that
//! primary could not answer any more.

use std::time::Duration;

use cache_testkit::{RedisCluster, SECOND};

use crate::load::{ClusterLoad, Options};

/// One that serves what it has also where a part of it is gone.
fn partial() -> RedisCluster {
    RedisCluster::start_with(&["--cluster-require-full-coverage", "no"])
}

const USUAL: Options = Options {
    // No busy node looks like one that is gone.
    deadline: Duration::from_secs(5),
    needs_replicas: false,
    has_patterns: true,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slots_that_move_under_load() {
    let cluster = RedisCluster::start().without_failure_detection();
    let load = ClusterLoad::start(&cluster, USUAL);
    load.goes_on();
    let (loads, _) = load.steady([0, 1, 2]);
    let rows = load.rows().iter().take(2);
    let names = rows.flat_map(|row| [format!("row:{}", row.id), format!("of:{}", row.id)]);
    let steady = format!("row:{}", load.steady_rows()[0].id);
    for name in names.chain([steady]) {
        let from = cluster.owner(&name);
        for to in [(from + 1) % 3, from] {
            let slot = cluster.slot(&name);
            cluster.begin_migration(slot, to);
            load.goes_on();
            cluster.move_keys(slot, to);
            load.goes_on();
            cluster.move_keys(slot, to);
            cluster.finish_migration(slot, to);
        }
    }
    load.goes_on();
    assert_eq!(load.steady([0, 1, 2]).0, loads, "they stay cached");
    load.ends_well().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_primary_that_is_killed_under_load() {
    let mut cluster = partial();
    let options = Options {
        needs_replicas: true,
        // By nothing but the calls that meet it, the cache learns of a failover.
        has_patterns: false,
        ..USUAL
    };
    let load = ClusterLoad::start(&cluster, options);
    load.goes_on();
    let before = load.steady([1, 2]);
    cluster.node_mut(0).kill();
    load.primary_is_gone();
    load.goes_on();
    cluster.wait_for_failover(0);
    load.is_in_use();
    let after = load.steady([1, 2]);
    assert_eq!(after.0, before.0, "what is elsewhere stays cached");
    assert!(after.1 > before.1, "{after:?}");
    cluster.node_mut(0).restart();
    cluster.settle();
    load.goes_on();
    load.ends_well().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_primary_that_hangs_under_load_and_comes_back_as_a_replica() {
    let cluster = partial();
    let options = Options {
        deadline: SECOND,
        needs_replicas: true,
        ..USUAL
    };
    let load = ClusterLoad::start(&cluster, options);
    load.goes_on();
    let before = load.steady([1, 2]);
    cluster.node(0).signal("STOP");
    load.primary_is_gone();
    cluster.wait_for_failover(0);
    load.is_in_use();
    cluster.node(0).signal("CONT");
    load.goes_on();
    cluster.settle();
    load.goes_on();
    let after = load.steady([1, 2]);
    assert_eq!(after.0, before.0, "what is elsewhere stays cached");
    assert!(after.1 > before.1, "{after:?}");
    load.ends_well().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failover_by_hand_under_load() {
    let cluster = RedisCluster::start().without_failure_detection();
    let load = ClusterLoad::start(&cluster, USUAL);
    load.goes_on();
    let (loads, _) = load.steady([0, 1, 2]);
    for of in [0, 3] {
        assert_eq!(cluster.failover(of), RedisCluster::partner(of));
        load.goes_on();
    }
    assert_eq!(load.steady([0, 1, 2]).0, loads, "they stay cached");
    load.ends_well().await;
}
