//! Entries by their keys, without a function.

use std::time::Duration;

use cache_runtime::{Cache, ErrorKind};
use cache_testkit::{MINUTE, RedisServer, eventually, on_every_store};

#[tokio::test]
async fn the_direct_api_does_the_same_on_both() {
    on_every_store(async |cache| {
        assert_eq!(cache.get::<u8>("a").await.expect("get"), None);
        cache.set("a", "text", MINUTE).await.expect("set");
        assert!(matches!(
            cache.get::<u8>("a").await,
            Err(error) if error.kind() == ErrorKind::Json
        ));
        assert!(matches!(
            cache.set("a", &1, Duration::ZERO).await,
            Err(error) if error.kind() == ErrorKind::ZeroTtl
        ));
        cache
            .set("b", &[1, 2], Duration::MAX)
            .await
            .expect("cut to the longest TTL");
        assert_eq!(cache.delete(["a", "b", "c"]).await.expect("deleted"), 2);
        assert_eq!(cache.delete([""; 0]).await.expect("nothing to do"), 0);
        for n in 0..2500 {
            cache
                .set(format!("page:{n}"), &n, MINUTE)
                .await
                .expect("set");
        }
        assert_eq!(cache.delete_pattern("page:*").await.expect("deleted"), 2500);
    })
    .await;
}

#[tokio::test]
async fn an_entry_is_gone_when_its_life_is_over() {
    on_every_store(async |cache| {
        cache
            .set("renewed", &1, Duration::from_millis(1))
            .await
            .expect("set");
        cache
            .set("renewed", &2, MINUTE)
            .await
            .expect("a new TTL with a new value");
        cache
            .set("short", &1, Duration::from_millis(1))
            .await
            .expect("set");
        cache
            .set("shorter", &1, Duration::from_nanos(1))
            .await
            .expect("a millisecond is the least");
        for key in ["short", "shorter"] {
            let is_gone = async || cache.get::<u8>(key).await.expect("get").is_none();
            eventually("a TTL of a millisecond is over", is_gone).await;
        }
        assert_eq!(
            cache
                .delete(["short", "shorter"])
                .await
                .expect("nothing to delete"),
            0
        );
        assert_eq!(cache.get("renewed").await.expect("get"), Some(2));
    })
    .await;
}

#[tokio::test]
async fn the_store_in_the_process_is_bounded() {
    let cache = Cache::builder().in_memory(10_000).build().expect("right");
    for n in 0..1000 {
        cache
            .set(format!("key:{n}"), &"x".repeat(100), MINUTE)
            .await
            .expect("set");
    }
    let mut left = 0;
    for n in 0..1000 {
        left += u32::from(
            cache
                .get::<String>(format!("key:{n}"))
                .await
                .expect("get")
                .is_some(),
        );
    }
    // Making room happens in batches, so the bound may be passed for a moment, but not by all of them.
    assert!(left < 1000, "all of 110 kB are still there");
}

#[tokio::test]
async fn without_a_redis_there_is_no_client() {
    assert!(matches!(
        Cache::in_memory().connection().await,
        Err(error) if error.kind() == ErrorKind::MissingClient
    ));
    let server = RedisServer::start();
    let mut connection = server.cache().connection().await.expect("a connection");
    let outcome: (String, i64) = cache_runtime::redis::pipe()
        .set("key1", "value1")
        .ignore()
        .get("key1")
        .expire("key1", 60)
        .query_async(&mut connection)
        .await
        .expect("a pipeline");
    assert_eq!(outcome, ("value1".to_owned(), 1));
}
