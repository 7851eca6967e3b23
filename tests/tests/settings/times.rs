//! The ends of what a time may be.

use std::time::Duration;

use cache_runtime::{BreakerState, Cache};
use cache_testkit::{Log, RedisServer};

/// The kernel takes whole seconds before it probes an idle connection, from 1 to 32767.
#[tokio::test]
async fn the_shortest_and_the_longest_times_connect() {
    let server = RedisServer::start();
    for interval in [Duration::from_millis(1), Duration::from_secs(86_400)] {
        let day = Duration::from_secs(86_400);
        let cache = Cache::builder().host("127.0.0.1").port(server.port());
        let cache = cache.health_check_interval(interval).deadline(day);
        let cache = cache.response_timeout(day).connect_timeout(day);
        let cache = cache.build().expect("the settings can be used");
        cache.set("key", &1, day).await.expect("it is connected");
        assert_eq!(cache.get("key").await.expect("it is connected"), Some(1));
        assert_eq!(cache.stats().breaker, BreakerState::Closed);
    }
}

#[test]
fn a_deadline_that_was_probably_meant_in_milliseconds_is_told_of() {
    let with = |seconds| {
        let deadline = Duration::from_secs(seconds);
        Cache::builder().deadline(deadline)
    };
    let log = Log::start();
    with(10).build().expect("right");
    with(100).in_memory(1000).build().expect("nobody waits");
    with(100).enabled(false).build().expect("nobody waits");
    assert_eq!(log.lines(), [""; 0]);
    with(100).build().expect("it is a warning");
    log.says(&["WARN", "REDIS_CACHE_DEADLINE", "100s"]);
}
