//! The rights that `docs/servers.md` asks for are those that the cache needs.

use cache_runtime::{Cache, CacheBuilder, cache};
use cache_testkit::log::messages;
use cache_testkit::{
    Blog, Log, MINUTE, RedisCluster, RedisServer, SentinelSet, cache_builder, eventually,
};

const DOCUMENT: &str = include_str!("../../../docs/servers.md");

/// The rules in their order: for each server, for the nodes of a cluster besides, for sentinels.
fn rules() -> [Vec<&'static str>; 3] {
    let lines = DOCUMENT.lines();
    let rules = lines.filter(|line| line.starts_with("ACL SETUSER "));
    let rules: Vec<Vec<_>> = rules.map(|rule| rule.split(' ').collect()).collect();
    rules.try_into().expect("three rules")
}

fn as_blog(settings: CacheBuilder) -> CacheBuilder {
    let settings = settings.username("blog").password("secret");
    settings.namespace("blog")
}

fn at(server: &RedisServer) -> CacheBuilder {
    let settings = cache_builder().host("127.0.0.1").port(server.port());
    as_blog(settings)
}

/// What the server would not let anyone do.
fn refused(server: &RedisServer) -> usize {
    server.run::<Vec<redis::Value>>(&["ACL", "LOG"]).len()
}

/// Nothing that the cache did was refused.
fn has_all_rights(blog: &Blog, log: &Log) {
    let stats = blog.cache.stats();
    assert_eq!((stats.errors.total(), stats.bypassed), (0, 0), "{stats:?}");
    assert_eq!(log.lines(), [""; 0]);
}

#[tokio::test]
async fn the_rule_is_enough() {
    let [rule, ..] = rules();
    let server = RedisServer::start();
    let () = server.run(&rule);
    let log = Log::start();
    let blog = Blog::new(at(&server));
    blog.works().await;
    blog.cache.set("key", &1, MINUTE).await.expect("set");
    for _ in 0..2 {
        let mut connection = blog.cache.connection().await.expect("a connection");
        let found: String = redis::cmd("GET")
            .arg("blog:key")
            .query_async(&mut connection)
            .await
            .expect("it may be read");
        assert_eq!(found, "1");
    }
    has_all_rights(&blog, &log);

    Blog::new(at(&server).db(1)).works().await;
    assert_eq!(log.lines(), [""; 0]);
    assert_eq!(refused(&server), 0);
}

/// What the page on copies in memory asks for besides.
const NEAR: &str = include_str!("../../../docs/near.md");

#[cache("answer", near = "10ms", cache = cache)]
async fn answer(cache: &Cache) -> u64 {
    42
}

#[tokio::test]
async fn with_two_more_entries_are_served_from_memory() {
    let more = "+client|tracking +hello";
    assert!(NEAR.contains(&format!("`{more}`")));
    let [rule, ..] = rules();
    let server = RedisServer::start();
    let () = server.run(&rule);
    let () = server.run(
        &[
            &["ACL", "SETUSER", "blog"],
            &*more.split(' ').collect::<Vec<_>>(),
        ]
        .concat(),
    );
    let log = Log::start();
    let cache = at(&server).build().expect("right");
    eventually("a read is served from memory", async || {
        answer(&cache).await;
        cache.stats().near.hits > 0
    })
    .await;
    assert_eq!(log.lines(), [""; 0]);
    assert_eq!(refused(&server), 0);
}

#[tokio::test]
async fn the_log_names_each_command_that_is_missing() {
    // What the cache can do without, or asks for in another way.
    const OTHERS: [&str; 4] = ["info", "role", "select", "unwatch"];
    let [rule, ..] = rules();
    let server = RedisServer::start();
    let rights = rule.iter().filter_map(|part| part.strip_prefix('+'));
    for right in rights.filter(|right| !OTHERS.contains(right)) {
        let left = rule.iter().copied();
        let left: Vec<&str> = left
            .filter(|part| part.strip_prefix('+') != Some(right))
            .collect();
        let () = server.run(&["ACL", "SETUSER", "blog", "reset"]);
        let () = server.run(&left);
        let log = Log::start();
        let blog = Blog::new(at(&server));
        blog.answers().await;
        let name = right.replace('|', " ").to_uppercase();
        let count = log.count(&messages::missing_command(&name));
        assert_eq!(count, 1, "{right}: {:#?}", log.lines());
    }
}

#[tokio::test]
async fn the_log_says_that_the_keys_are_others() {
    let [rule, ..] = rules();
    let server = RedisServer::start();
    let () = server.run(&rule);
    let () = server.run(&["ACL", "SETUSER", "blog", "resetkeys", "~another:*"]);
    let log = Log::start();
    Blog::new(at(&server)).answers().await;
    let lines = log.lines();
    let count = log.count(&messages::missing_keys("blog:__cache:probe"));
    assert_eq!(count, 1, "{lines:#?}");
    assert_eq!(log.count("GETRANGE"), 0, "{lines:#?}");
}

#[tokio::test]
async fn the_rules_are_enough_for_a_cluster() {
    const NODES: usize = 6;
    let [rule, besides, _] = rules();
    let cluster = RedisCluster::start().without_failure_detection();
    for node in 0..NODES {
        let () = cluster.node(node).run(&rule);
        let () = cluster.node(node).run(&besides);
    }
    let log = Log::start();
    let blog = Blog::new(as_blog(cluster.cache_builder()));
    for _ in 0..10 {
        blog.works().await;
    }

    let (key, entry) = ("blog:key", "key");
    let slot = cluster.slot(key);
    let to = (cluster.owner(key) + 1) % 3;
    blog.cache.set(entry, &1, MINUTE).await.expect("set");
    let mut connection = blog.cache.connection_for(key).await.expect("a connection");
    let get = redis::cmd("GET").arg(key).to_owned();
    let found: redis::RedisResult<String> = get.query_async(&mut connection).await;
    assert_eq!(found, Ok("1".to_owned()));
    assert_eq!(blog.cache.delete([entry]).await.expect("delete"), 1);
    cluster.begin_migration(slot, to);
    blog.cache.set(entry, &1, MINUTE).await.expect("set");
    let is_asked = cluster.commands()[to].contains_key("asking");
    assert!(is_asked, "the key belongs there by now");
    assert_eq!(blog.cache.get(entry).await.expect("get"), Some(1));
    cluster.finish_migration(slot, to);
    has_all_rights(&blog, &log);
    for node in 0..NODES {
        assert_eq!(refused(cluster.node(node)), 0);
    }
}

#[tokio::test]
async fn the_rules_are_enough_for_sentinels() {
    let [rule, _, for_sentinels] = rules();
    let set = SentinelSet::start();
    for index in 0..3 {
        let () = set.server(index).run(&rule);
        let () = set.sentinel(index).run(&for_sentinels);
    }
    let settings = as_blog(set.cache_builder())
        .sentinel_username("blog")
        .sentinel_password("secret");
    let log = Log::start();
    let blog = Blog::new(settings);
    blog.works().await;
    has_all_rights(&blog, &log);
    for index in 0..3 {
        assert_eq!(refused(set.server(index)), 0);
        assert_eq!(refused(set.sentinel(index)), 0);
    }
}
