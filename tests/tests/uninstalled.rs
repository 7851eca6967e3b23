//! A process in which no cache is installed. Alone in its binary, since installing is process-wide.

use cache_runtime::{Cache, cache};
use cache_testkit::Log;
use cache_testkit::log::messages::NO_CACHE_INSTALLED;

#[cache("number:{n}")]
async fn number(n: u8) -> u8 {
    n
}

#[tokio::test]
async fn a_function_runs_and_the_log_says_once_that_no_cache_is_installed() {
    let log = Log::start();
    assert_eq!(
        (number(1).await, number(2).await, number(3).await),
        (1, 2, 3)
    );
    let count = log.count(NO_CACHE_INSTALLED);
    assert_eq!(count, 1, "{:#?}", log.events());

    let cache = Cache::in_memory();
    cache.install();
    assert_eq!((number(1).await, number(1).await), (1, 1));
    assert_eq!((cache.stats().misses, cache.stats().hits), (1, 1));
}
