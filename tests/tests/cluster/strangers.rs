//! An address of the cluster that leads to another cluster by now.

use cache_testkit::{Log, MINUTE, RedisCluster, eventually};

use crate::connected;

#[tokio::test]
async fn what_a_node_of_another_cluster_says_is_not_believed() {
    const ANOTHER: &str = "is another node than before";
    let mut ours = RedisCluster::start().without_failure_detection();
    let theirs = RedisCluster::start().with_failovers();
    let keys = [1, 2].map(|node| ours.key_at(node, |number| format!("page:{number}")));
    let lost = ours.key_at(0, |number| format!("page:{number}"));
    let log = Log::start();
    let cache = connected(&ours).await;
    for key in &keys {
        cache.set(key, &1, MINUTE).await.expect("set");
    }

    let stranger = ours.give_address_to(0, &theirs);
    eventually("the node is not asked any more", async || {
        let _ = cache.get::<u8>(&lost).await;
        log.count(ANOTHER) > 0
    })
    .await;
    for key in &keys {
        assert_eq!(cache.get(key).await.expect("get"), Some(1), "{key}");
        cache.set(key, &2, MINUTE).await.expect("set");
    }
    assert!(cache.set(&lost, &1, MINUTE).await.is_err());

    // Who starts now believes what most of the named nodes say.
    let later = ours.cache_builder().build().expect("right");
    for key in &keys {
        assert_eq!(later.get(key).await.expect("get"), Some(2), "{key}");
    }
    assert_eq!(
        log.count("nodes of another cluster"),
        1,
        "{:#?}",
        log.lines()
    );
    assert_eq!(theirs.keys(), [""; 0]);
    assert_eq!(stranger.keys(), [""; 0]);
}

#[tokio::test]
async fn a_cluster_that_was_made_anew_at_its_addresses_is_found() {
    let mut ours = RedisCluster::start();
    let cache = connected(&ours).await;
    let theirs = RedisCluster::start().with_failovers();
    let strangers = [0, 1, 2].map(|node| ours.give_address_to(node, &theirs));
    for node in 3..6 {
        ours.node_mut(node).kill();
    }
    eventually("the new cluster is found", async || {
        cache.set("page", &1, MINUTE).await.is_ok()
    })
    .await;
    assert_eq!(theirs.keys(), ["page"]);
    drop(strangers);
}
