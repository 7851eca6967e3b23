//! What becomes of a call of a reader.

use cache_runtime::{Cache, cache};
use cache_testkit::{RedisServer, Runs, on_every_store};

use crate::posts::read_post;

#[tokio::test]
async fn a_hit_does_not_run_the_function() {
    on_every_store(async |cache| {
        let runs = Runs::default();
        assert_eq!(read_post(&cache, &runs, 1).await, Ok(1));
        assert_eq!(read_post(&cache, &runs, 1).await, Ok(1));
        assert_eq!(read_post(&cache, &runs, 2).await, Ok(2));
        let stats = cache.stats();
        assert_eq!((stats.hits, stats.misses, stats.fills), (1, 2, 2));
    })
    .await;
}

#[tokio::test]
async fn an_error_is_not_cached() {
    on_every_store(async |cache| {
        let runs = Runs::default();
        assert_eq!(read_post(&cache, &runs, 0).await, Err("failure 1".into()));
        assert_eq!(read_post(&cache, &runs, 0).await, Err("failure 2".into()));
    })
    .await;
}

#[tokio::test]
async fn conditions_bypass_and_unless_does_not_store() {
    #[cache("n:{n}", cache = cache, skip(runs), condition = n < 10, unless = |value| *value == 5)]
    async fn number(cache: &Cache, runs: &Runs, n: u64) -> u64 {
        runs.count();
        n
    }
    on_every_store(async |cache| {
        let runs = Runs::default();
        for (n, runs_after) in [(1, 1), (1, 1), (5, 2), (5, 3), (10, 4), (10, 5)] {
            let key_is_whole = number(&cache, &runs, n).await;
            assert_eq!((key_is_whole, runs.get()), (n, runs_after));
        }
        assert_eq!(cache.stats().bypassed, 2);
    })
    .await;
}

#[test]
fn without_a_tokio_runtime_a_function_answers() {
    let server = RedisServer::start();
    let (cache, runs) = (server.cache(), Runs::default());
    let mut call = std::pin::pin!(read_post(&cache, &runs, 1));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert_eq!(
        call.as_mut().poll(&mut context),
        std::task::Poll::Ready(Ok(1))
    );
}
