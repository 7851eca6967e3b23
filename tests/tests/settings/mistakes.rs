//! Settings that lead nowhere, or to something else than they say.

use cache_testkit::log::messages;
use cache_testkit::{
    Blog, Log, RedisCluster, RedisServer, SentinelSet, cache_builder, eventually, free_port,
};

use crate::is_bypassed_and_says;

fn nowhere() -> String {
    format!("127.0.0.1:{}", free_port())
}

#[tokio::test]
async fn a_server_that_is_not_there() {
    let server = nowhere();
    let settings = cache_builder().url(format!("redis://{server}/0"));
    is_bypassed_and_says(settings, &[&server, "Connection refused"]).await;
}

#[tokio::test]
async fn a_wrong_password() {
    let server = RedisServer::start_with(&["--requirepass", "secret"]);
    for password in ["", "wrong"] {
        let settings = cache_builder().host("127.0.0.1").port(server.port());
        let settings = settings.password(password);
        let parts = [&*server.address(), "REDIS_CACHE_PASSWORD"];
        is_bypassed_and_says(settings, &parts).await;
    }
}

#[tokio::test]
async fn nodes_that_are_not_there() {
    let (one, two) = (nowhere(), nowhere());
    let settings = cache_builder().cluster_nodes([&one, &two]);
    let parts = [
        &*one,
        &*two,
        "REDIS_CACHE_CLUSTER_NODES",
        "Connection refused",
    ];
    is_bypassed_and_says(settings, &parts).await;
}

#[tokio::test]
async fn a_single_server_in_the_place_of_nodes() {
    let server = RedisServer::start();
    let settings = cache_builder().cluster_nodes([server.address()]);
    let parts = [
        &*server.address(),
        "REDIS_CACHE_CLUSTER_NODES",
        "REDIS_CACHE_HOST",
    ];
    is_bypassed_and_says(settings, &parts).await;
}

#[tokio::test]
async fn a_node_in_the_place_of_a_server() {
    let cluster = RedisCluster::start();
    for node in [0, 3] {
        let settings = cache_builder().url(cluster.node(node).url());
        let node = cluster.node(node).address();
        let parts = [&*node, "REDIS_CACHE_CLUSTER_NODES", "REDIS_CACHE_HOST"];
        is_bypassed_and_says(settings, &parts).await;
    }
}

#[tokio::test]
async fn sentinels_in_the_place_of_a_server_and_of_nodes() {
    let set = SentinelSet::start();
    let sentinel = set.sentinel(0).address();
    let settings = cache_builder().url(set.sentinel(0).url());
    is_bypassed_and_says(settings, &[&sentinel, "REDIS_CACHE_SENTINELS"]).await;
    let settings = cache_builder().cluster_nodes([&sentinel]);
    is_bypassed_and_says(settings, &[&sentinel, "REDIS_CACHE_SENTINELS"]).await;
}

#[tokio::test]
async fn a_server_in_the_place_of_sentinels() {
    let server = RedisServer::start();
    let settings = cache_builder().sentinels([server.address()], "cache");
    let parts = [
        &*server.address(),
        "REDIS_CACHE_SENTINELS",
        messages::NOT_A_SENTINEL,
    ];
    is_bypassed_and_says(settings, &parts).await;
}

#[tokio::test]
async fn a_name_that_no_sentinel_knows() {
    let set = SentinelSet::start();
    let sentinels = set.sentinels();
    let settings = cache_builder().sentinels(sentinels.split(','), "another");
    let parts = ["REDIS_CACHE_SENTINEL_MASTER", "`another`"];
    is_bypassed_and_says(settings, &parts).await;
}

#[tokio::test]
async fn sentinels_that_are_not_there() {
    let (one, two) = (nowhere(), nowhere());
    let settings = cache_builder().sentinels([&one, &two], "cache");
    let parts = [&*one, &*two, "REDIS_CACHE_SENTINELS", "Connection refused"];
    is_bypassed_and_says(settings, &parts).await;
}

#[tokio::test]
async fn passwords_of_sentinels_and_of_their_servers() {
    let set = SentinelSet::start_with_passwords("secret", "another");
    let settings = || set.cache_builder();
    let right = settings().password("secret").sentinel_password("another");
    Blog::new(right).works().await;
    for wrong in ["", "secret"] {
        let settings = settings().password("secret").sentinel_password(wrong);
        is_bypassed_and_says(settings, &["REDIS_CACHE_SENTINEL_PASSWORD"]).await;
    }
    for wrong in ["", "another"] {
        let settings = settings().password(wrong).sentinel_password("another");
        let parts = [&*set.server(0).address(), "REDIS_CACHE_PASSWORD"];
        is_bypassed_and_says(settings, &parts).await;
    }
}

/// Whether a page is cached of those that lie on each of the first three nodes.
async fn caches_on(blog: &Blog, cluster: &RedisCluster) -> [bool; 3] {
    let mut caches = [None; 3];
    while caches.iter().any(Option::is_none) {
        let author = blog.next();
        let owner = cluster.owner(&format!("{author}_page:1"));
        let first = blog.page(author, 1).await;
        caches[owner] = Some(blog.page(author, 1).await == first);
    }
    caches.map(|caches| caches == Some(true))
}

#[tokio::test]
async fn a_password_that_only_one_node_asks_for() {
    let cluster = RedisCluster::start().without_failure_detection();
    let set = ["CONFIG", "SET", "requirepass", "secret"];
    let () = cluster.node(1).run(&set);
    let log = Log::start();
    let blog = Blog::new(cluster.cache_builder());
    assert_eq!(caches_on(&blog, &cluster).await, [true, false, true]);
    log.says(&[&cluster.node(1).address(), "REDIS_CACHE_PASSWORD"]);
}

#[tokio::test]
async fn slots_that_nobody_serves() {
    const AUTHOR: u64 = 1_000_000;
    for covers in ["no", "yes"] {
        let options = ["--cluster-require-full-coverage", covers];
        let cluster = RedisCluster::start_with(&options).without_failure_detection();
        cluster.uncover(cluster.slot(&format!("{AUTHOR}_page:1")));
        let log = Log::start();
        let blog = Blog::new(cluster.cache_builder());
        for _ in 0..20 {
            let first = blog.page(AUTHOR, 1).await;
            assert!(blog.page(AUTHOR, 1).await > first);
            assert_eq!(blog.caches().await, covers == "no");
        }
        log.says(&["REDIS_CACHE_CLUSTER_NODES", &messages::served_slots(16_383)]);
    }
}

/// With a majority of its primaries gone, a cluster serves nothing.
#[tokio::test]
async fn a_cluster_that_is_down() {
    let mut cluster = RedisCluster::start();
    let log = Log::start();
    let blog = Blog::new(cluster.cache_builder());
    blog.comes_back().await;
    for index in [1, 2, 4, 5] {
        cluster.node_mut(index).kill();
    }
    let is_down = async || {
        blog.caches().await;
        let info: String = cluster.node(0).run(&["CLUSTER", "INFO"]);
        info.contains("cluster_state:fail")
    };
    eventually("the cluster is down", is_down).await;
    blog.answers().await;
    let count = log.count(messages::CLUSTER_IS_DOWN);
    assert_eq!(count, 1, "{:#?}", log.lines());
}
