//! A health check.

use cache_runtime::{Cache, ErrorKind};
use cache_testkit::proxy::{Fault, Proxy};
use cache_testkit::{RedisCluster, RedisServer, SentinelSet, cache_builder, eventually};

#[tokio::test]
async fn each_store_replies() {
    let (server, set, cluster) = (
        RedisServer::start(),
        SentinelSet::start(),
        RedisCluster::shared(),
    );
    for settings in [
        server.cache_builder(),
        set.cache_builder(),
        cluster.cache_builder(),
        Cache::builder().in_memory(1000),
        Cache::builder().enabled(false),
    ] {
        let cache = settings.build().expect("right");
        cache.ping().await.expect("it replies");
        cache.ping().await.expect("it replies again");
    }
}

#[tokio::test]
async fn a_server_that_is_gone_does_not_and_replies_again_when_it_is_back() {
    let server = RedisServer::start();
    let proxy = Proxy::start(server.port());
    let settings = cache_builder().url(proxy.url());
    let cache = settings.build().expect("right");
    cache.ping().await.expect("it replies");
    proxy.set(Fault::Refuse);
    let error = cache.ping().await.expect_err("nobody is there");
    assert_eq!(error.kind(), ErrorKind::Connection);
    let error = cache.ping().await.expect_err("it is not asked");
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    proxy.set(Fault::None);
    eventually("it replies", async || cache.ping().await.is_ok()).await;
}

#[tokio::test]
async fn of_a_cluster_each_node_has_to_reply() {
    let cluster = RedisCluster::start().without_failure_detection();
    let cache = cluster.cache_builder().build().expect("right");
    cache.ping().await.expect("all of them reply");
    cluster.node(1).signal("STOP");
    assert!(cache.ping().await.is_err());
    cluster.node(1).signal("CONT");
    eventually("all of them reply", async || cache.ping().await.is_ok()).await;
}

#[test]
fn without_a_runtime_there_is_an_error_and_no_panic() {
    use std::future::Future as _;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    let cache = Cache::builder().build().expect("right");
    let mut context = Context::from_waker(Waker::noop());
    let Poll::Ready(pong) = pin!(cache.ping()).poll(&mut context) else {
        panic!("it waits for nobody");
    };
    let error = pong.expect_err("nobody could be asked");
    assert_eq!(error.kind(), ErrorKind::NoRuntime);
}
