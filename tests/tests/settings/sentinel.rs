//! A master that sentinels name.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use cache_runtime::{BreakerState, Cache};
use cache_tests::{RedisServer, SentinelSet};
use tokio::task::{JoinHandle, block_in_place};
use tokio::time::sleep;

use crate::blog::Blog;
use crate::{MINUTE, eventually};

/// What sentinels say is good for so long, and a command takes no longer.
const DEADLINE: Duration = Duration::from_secs(1);

fn start() -> SentinelSet {
    block_in_place(SentinelSet::start)
}

fn on(set: &SentinelSet) -> Blog {
    let sentinels = set.sentinels();
    let settings = Cache::builder()
        .sentinels(sentinels.split(','), set.name())
        .deadline(DEADLINE)
        .jitter(0.0);
    Blog::new(settings.build().expect("the settings can be used"))
}

/// Someone who uses the cache all the time, without patterns: for those the sentinels are asked each time.
struct Load {
    stopped: Arc<AtomicBool>,
    answers: Arc<AtomicU64>,
    task: JoinHandle<()>,
}

impl Load {
    fn start(blog: &Blog) -> Self {
        let (blog, stopped) = (blog.clone(), Arc::new(AtomicBool::new(false)));
        let answers = Arc::new(AtomicU64::new(0));
        let (is_over, count) = (stopped.clone(), answers.clone());
        let task = tokio::spawn(async move {
            while !is_over.load(Ordering::SeqCst) {
                blog.caches().await;
                let author = blog.next();
                blog.post(author, 1).await;
                blog.forget(author).await;
                count.fetch_add(1, Ordering::SeqCst);
                // So that what is owed in an outage can be remembered: ten thousand names.
                sleep(Duration::from_millis(2)).await;
            }
        });
        Self {
            stopped,
            answers,
            task,
        }
    }

    /// Waits until it has got so many more answers.
    async fn goes_on(&self, by: u64) {
        let before = self.answers.load(Ordering::SeqCst);
        let has_gone_on = async || self.answers.load(Ordering::SeqCst) >= before + by;
        eventually("functions answer", has_gone_on).await;
    }

    async fn stop(self) {
        self.stopped.store(true, Ordering::SeqCst);
        self.task.await.expect("every function has answered");
    }
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

/// Whatever was learned before is out of date by then, and whatever was sent because of it has arrived.
async fn what_was_learned_is_forgotten() {
    sleep(2 * DEADLINE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failover_by_hand_is_followed_and_the_old_master_is_left_alone() {
    let set = start();
    let blog = on(&set);
    blog.works().await;
    let load = Load::start(&blog);
    load.goes_on(10).await;
    assert!(is_used(set.server(0)));

    let master = block_in_place(|| set.failover());
    what_was_learned_is_forgotten().await;
    set.server(0).reset_commands();
    assert!(is_master(set.server(0)), "nobody has told it yet");
    load.goes_on(200).await;
    assert!(!is_used(set.server(0)), "{:?}", set.server(0).commands());
    load.stop().await;

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
    let load = Load::start(&blog);
    load.goes_on(10).await;
    set.server_mut(0).kill();
    is_replaced(&blog, &set, load, page).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_master_that_hangs_is_replaced_and_is_left_alone_when_it_is_back() {
    let set = start();
    let blog = on(&set);
    let page = a_page_that_is_everywhere(&blog, &set).await;
    let load = Load::start(&blog);
    load.goes_on(10).await;
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
    assert!(blog.cache.stats().owed > 0);
    assert!(blog.page(author, 1).await > page);
    load.goes_on(10).await;

    let master = block_in_place(|| set.wait_for_master_other_than(0));
    blog.comes_back().await;
    load.goes_on(10).await;
    load.stop().await;
    assert_eq!(blog.cache.flush(MINUTE).await, 0);
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
        let patience = Instant::now() + 5 * DEADLINE;
        while Instant::now() < patience {
            assert!(blog.caches().await);
        }
        blog.works().await;
        let stats = blog.cache.stats();
        assert_eq!((stats.errors.total(), stats.bypassed), (0, 0), "{stats:?}");
        assert_eq!(stats.breaker, BreakerState::Closed);
    }
}
