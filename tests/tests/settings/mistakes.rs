//! Settings that lead nowhere, or to something else than they say.

use cache_runtime::{BreakerState, CacheBuilder};
use cache_tests::{RedisCluster, RedisServer, SentinelSet, free_port};

use crate::blog::Blog;
use crate::log::Log;
use crate::{eventually, patient};

/// The functions answer as if there were no cache, and the log says why in one line.
async fn answers_uncached_and_says(settings: CacheBuilder, parts: &[&str]) {
    let log = Log::start();
    let blog = Blog::new(settings.build().expect("the settings can be used"));
    blog.answers().await;
    let stats = blog.cache.stats();
    assert_eq!((stats.hits, stats.fills), (0, 0), "{stats:?}");
    assert_eq!(stats.breaker, BreakerState::Open);
    log.says(parts);
}

fn address(server: &RedisServer) -> String {
    format!("127.0.0.1:{}", server.port())
}

fn nowhere() -> String {
    format!("127.0.0.1:{}", free_port())
}

#[tokio::test]
async fn a_server_that_is_not_there() {
    let server = nowhere();
    let settings = patient().url(format!("redis://{server}/0"));
    answers_uncached_and_says(settings, &[&server, "Connection refused"]).await;
}

#[tokio::test]
async fn a_wrong_password() {
    let server = RedisServer::start_with(&["--requirepass", "secret"]);
    for password in ["", "wrong"] {
        let settings = patient().host("127.0.0.1").port(server.port());
        let settings = settings.password(password);
        let parts = [&*address(&server), "REDIS_CACHE_PASSWORD"];
        answers_uncached_and_says(settings, &parts).await;
    }
}

#[tokio::test]
async fn nodes_that_are_not_there() {
    let (one, two) = (nowhere(), nowhere());
    let settings = patient().cluster_nodes([&one, &two]);
    let parts = [
        &*one,
        &*two,
        "REDIS_CACHE_CLUSTER_NODES",
        "Connection refused",
    ];
    answers_uncached_and_says(settings, &parts).await;
}

#[tokio::test]
async fn a_single_server_in_the_place_of_nodes() {
    let server = RedisServer::start();
    let settings = patient().cluster_nodes([address(&server)]);
    let parts = [
        &*address(&server),
        "REDIS_CACHE_CLUSTER_NODES",
        "REDIS_CACHE_HOST",
    ];
    answers_uncached_and_says(settings, &parts).await;
}

#[tokio::test]
async fn a_node_in_the_place_of_a_server() {
    let cluster = RedisCluster::start();
    for node in [0, 3] {
        let settings = patient().url(cluster.node(node).url());
        let node = address(cluster.node(node));
        let parts = [&*node, "REDIS_CACHE_CLUSTER_NODES", "REDIS_CACHE_HOST"];
        answers_uncached_and_says(settings, &parts).await;
    }
}

#[tokio::test]
async fn sentinels_in_the_place_of_a_server_and_of_nodes() {
    let set = SentinelSet::start();
    let sentinel = address(set.sentinel(0));
    let settings = patient().url(set.sentinel(0).url());
    answers_uncached_and_says(settings, &[&sentinel, "REDIS_CACHE_SENTINELS"]).await;
    let settings = patient().cluster_nodes([&sentinel]);
    answers_uncached_and_says(settings, &[&sentinel, "REDIS_CACHE_SENTINELS"]).await;
}

#[tokio::test]
async fn a_server_in_the_place_of_sentinels() {
    let server = RedisServer::start();
    let settings = patient().sentinels([address(&server)], "cache");
    let parts = [
        &*address(&server),
        "REDIS_CACHE_SENTINELS",
        "not a sentinel",
    ];
    answers_uncached_and_says(settings, &parts).await;
}

#[tokio::test]
async fn a_name_that_no_sentinel_knows() {
    let set = SentinelSet::start();
    let sentinels = set.sentinels();
    let settings = patient().sentinels(sentinels.split(','), "another");
    let parts = ["REDIS_CACHE_SENTINEL_MASTER", "`another`"];
    answers_uncached_and_says(settings, &parts).await;
}

#[tokio::test]
async fn sentinels_that_are_not_there() {
    let (one, two) = (nowhere(), nowhere());
    let settings = patient().sentinels([&one, &two], "cache");
    let parts = [&*one, &*two, "REDIS_CACHE_SENTINELS", "Connection refused"];
    answers_uncached_and_says(settings, &parts).await;
}

#[tokio::test]
async fn passwords_of_sentinels_and_of_their_servers() {
    let set = SentinelSet::start_with_passwords("secret", "another");
    let settings = || {
        let sentinels = set.sentinels();
        patient().sentinels(sentinels.split(','), set.name())
    };
    let right = settings().password("secret").sentinel_password("another");
    Blog::new(right.build().expect("the settings can be used"))
        .works()
        .await;
    for wrong in ["", "secret"] {
        let settings = settings().password("secret").sentinel_password(wrong);
        answers_uncached_and_says(settings, &["REDIS_CACHE_SENTINEL_PASSWORD"]).await;
    }
    for wrong in ["", "another"] {
        let settings = settings().password(wrong).sentinel_password("another");
        let parts = [&*address(set.server(0)), "REDIS_CACHE_PASSWORD"];
        answers_uncached_and_says(settings, &parts).await;
    }
}

fn on(cluster: &RedisCluster) -> Blog {
    let nodes = cluster.nodes();
    let settings = patient().cluster_nodes(nodes.split(','));
    Blog::new(settings.build().expect("the settings can be used"))
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
    let cluster = RedisCluster::start().patient();
    let set = ["CONFIG", "SET", "requirepass", "secret"];
    let () = cluster.node(1).run(&set);
    let log = Log::start();
    let blog = on(&cluster);
    assert_eq!(caches_on(&blog, &cluster).await, [true, false, true]);
    log.says(&[&address(cluster.node(1)), "REDIS_CACHE_PASSWORD"]);
}

#[tokio::test]
async fn slots_that_nobody_serves() {
    const AUTHOR: u64 = 1_000_000;
    for covers in ["no", "yes"] {
        let options = ["--cluster-require-full-coverage", covers];
        let cluster = RedisCluster::start_with(&options).patient();
        cluster.uncover(cluster.slot(&format!("{AUTHOR}_page:1")));
        let log = Log::start();
        let blog = on(&cluster);
        for _ in 0..20 {
            let first = blog.page(AUTHOR, 1).await;
            assert!(blog.page(AUTHOR, 1).await > first);
            assert_eq!(blog.caches().await, covers == "no");
        }
        let parts = ["REDIS_CACHE_CLUSTER_NODES", "16383 of its 16384 slots"];
        log.says(&parts);
    }
}

/// With a majority of its primaries gone, a cluster serves nothing.
#[tokio::test]
async fn a_cluster_that_is_down() {
    let mut cluster = RedisCluster::start();
    let log = Log::start();
    let blog = on(&cluster);
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
    let lines = log.lines();
    let down = lines
        .iter()
        .filter(|line| line.contains("the cluster is down"));
    assert_eq!(down.count(), 1, "{lines:#?}");
}
