//! A master that sentinels name.

use std::time::{Duration, Instant};

use cache_runtime::BreakerState;
use cache_testkit::{Blog, Load, MINUTE, RedisServer, SECOND, SentinelSet, eventually};
use tokio::task::block_in_place;
use tokio::time::sleep;

/// What sentinels say is good for so long, and a command takes no longer.
const DEADLINE: Duration = SECOND;

fn start() -> SentinelSet {
    block_in_place(SentinelSet::start)
}

fn on(set: &SentinelSet) -> Blog {
    Blog::new(set.cache_builder().deadline(DEADLINE))
}

/// Someone who uses the cache all the time, without patterns: for those the sentinels are asked each time.
fn load(blog: &Blog) -> Load {
    let blog = blog.clone();
    Load::start(1, move |client| {
        let blog = blog.clone();
        async move { client.call(uses(&blog)).await }
    })
}

async fn uses(blog: &Blog) {
    blog.caches().await;
    let author = blog.next();
    blog.post(author, 1).await;
    blog.forget(author).await;
}

/// The clients have found nothing wrong, and every function has returned.
fn ends_well(load: Load) {
    let report = load.stop();
    assert!(report.wrong.is_empty(), "{:#?}", report.wrong);
}

/// Whatever a cache would say to it; a sentinel and a replica say none of this.
fn is_used(server: &RedisServer) -> bool {
    let commands = server.commands();
    ["get", "mget", "set", "evalsha", "unlink", "scan"]
        .iter()
        .any(|name| commands.contains_key(*name))
}

fn is_master(server: &RedisServer) -> bool {
    let info: String = server.run(&["INFO", "replication"]);
    info.contains("role:master")
}

/// By then, what was learned before is out of date, and what was sent because of it has arrived: no state shows
/// that, and the deadline promises it.
async fn what_was_learned_is_forgotten() {
    sleep(2 * DEADLINE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failover_by_hand_is_followed_and_the_old_master_is_left_alone() {
    let set = start();
    let blog = on(&set);
    blog.works().await;
    let load = load(&blog);
    load.goes_on(10);
    assert!(is_used(set.server(0)));

    let master = block_in_place(|| set.failover());
    what_was_learned_is_forgotten().await;
    set.server(0).reset_commands();
    assert!(is_master(set.server(0)), "nobody has told it yet");
    load.goes_on(200);
    assert!(!is_used(set.server(0)), "{:?}", set.server(0).commands());
    ends_well(load);

    blog.works().await;
    blog.cache.set("key", &1, MINUTE).await.expect("set");
    assert!(set.server(master).keys().contains(&"key".to_owned()));
    assert_eq!(blog.cache.delete(["key"]).await.expect("delete"), 1);
    assert!(!set.server(master).keys().contains(&"key".to_owned()));
    let mut connection = blog.cache.connection().await.expect("a connection");
    let info: String = redis::cmd("INFO")
        .arg("server")
        .query_async(&mut connection)
        .await
        .expect("it answers");
    let port = format!("tcp_port:{}\r", set.server(master).port());
    assert!(info.contains(&port), "{info}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_master_that_is_killed_is_replaced() {
    let mut set = start();
    let blog = on(&set);
    let page = a_page_that_is_everywhere(&blog, &set).await;
    let load = load(&blog);
    load.goes_on(10);
    set.server_mut(0).kill();
    is_replaced(&blog, &set, load, page).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_master_that_hangs_is_replaced_and_is_left_alone_when_it_is_back() {
    let set = start();
    let blog = on(&set);
    let page = a_page_that_is_everywhere(&blog, &set).await;
    let load = load(&blog);
    load.goes_on(10);
    set.server(0).signal("STOP");
    is_replaced(&blog, &set, load, page).await;

    set.server(0).signal("CONT");
    what_was_learned_is_forgotten().await;
    set.server(0).reset_commands();
    blog.works().await;
    assert!(!is_used(set.server(0)), "{:?}", set.server(0).commands());
}

/// Its author and what it says.
async fn a_page_that_is_everywhere(blog: &Blog, set: &SentinelSet) -> (u64, u64) {
    let author = blog.next();
    let page = blog.page(author, 1).await;
    assert_eq!(blog.page(author, 1).await, page);
    let copies: i64 = set.server(0).run(&["WAIT", "2", "5000"]);
    assert_eq!(copies, 2);
    (author, page)
}

/// The functions answer all the time. What is invalidated while there is no master is delivered to the next.
async fn is_replaced(blog: &Blog, set: &SentinelSet, load: Load, (author, page): (u64, u64)) {
    blog.write(author, 1).await;
    assert!(blog.cache.stats().pending_invalidations > 0);
    assert!(blog.page(author, 1).await > page);
    load.goes_on(10);

    let master = block_in_place(|| set.wait_for_master_other_than(0));
    blog.comes_back().await;
    load.goes_on(10);
    ends_well(load);
    assert_eq!(blog.cache.drain(MINUTE).await, 0);
    let key = format!("{author}_page:1");
    assert!(!set.server(master).keys().contains(&key));
    assert!(blog.page(author, 1).await > page);
    assert!(set.server(master).keys().contains(&key));
    blog.works().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_no_sentinel_left_nothing_is_cached_until_they_are_back() {
    let mut set = start();
    let blog = on(&set);
    blog.works().await;
    for is_hung in [true, false] {
        for index in 0..3 {
            if is_hung {
                set.sentinel(index).signal("STOP");
            } else {
                set.sentinel_mut(index).kill();
            }
        }
        let is_open = async || {
            blog.caches().await;
            blog.cache.stats().breaker == BreakerState::Open
        };
        eventually("the cache is bypassed", is_open).await;
        what_was_learned_is_forgotten().await;
        set.server(0).reset_commands();
        for _ in 0..20 {
            assert!(!blog.caches().await);
        }
        assert!(!is_used(set.server(0)), "{:?}", set.server(0).commands());
        for index in 0..3 {
            if is_hung {
                set.sentinel(index).signal("CONT");
            } else {
                set.sentinel_mut(index).restart();
            }
        }
        blog.comes_back().await;
        blog.works().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_of_three_sentinels_are_enough() {
    let mut set = start();
    let blog = on(&set);
    blog.works().await;
    for is_hung in [true, false] {
        if is_hung {
            set.sentinel(0).signal("STOP");
        } else {
            set.sentinel(0).signal("CONT");
            set.sentinel_mut(1).kill();
        }
        // They are asked several times meanwhile.
        let end = Instant::now() + 5 * DEADLINE;
        while Instant::now() < end {
            assert!(blog.caches().await);
        }
        blog.works().await;
        let stats = blog.cache.stats();
        assert_eq!((stats.errors.total(), stats.bypassed), (0, 0), "{stats:?}");
        assert_eq!(stats.breaker, BreakerState::Closed);
    }
}
