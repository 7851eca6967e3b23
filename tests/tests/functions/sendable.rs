//! Futures that are `Send` although the function's error is not.

use axum::http::Method;
use cache_runtime::{Cache, HttpStatus, cache};
use cache_testkit::{RedisServer, eventually};
use std::error::Error;
use std::rc::Rc;
use std::time::Duration;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn is_send<F: Future + Send>(future: F) -> F {
    future
}

#[cache("number:{n}", cache = cache)]
async fn read(cache: Cache, n: u8) -> Result<u8> {
    if n == 0 {
        return Err("none".into());
    }
    Ok(n)
}

#[cache("number:{n}", cache = cache, stale_while_revalidate = 30, stale_if_error = 30)]
async fn with_windows(cache: Cache, n: u8) -> Result<u8> {
    read(cache, n).await
}

#[cache("number:{n}", cache = cache)]
async fn by_method(method: Method, cache: Cache, n: u8) -> std::result::Result<u8, Rc<str>> {
    Ok(n)
}

#[cache("number:{n}", method = "PUT", cache = cache, tags_to_invalidate = ["all"])]
async fn write(cache: Cache, n: u8) -> Result<()> {
    if n == 0 {
        return Err("none".into());
    }
    Ok(())
}

#[cache("number:{E}:{n}", cache = cache)]
async fn generic<E: From<u8>>(cache: Cache, n: u8) -> std::result::Result<u8, E> {
    Err(n.into())
}

#[tokio::test]
async fn a_function_whose_error_is_not_send_keeps_its_send_future() {
    let cache = Cache::in_memory();
    let cloned = || cache.clone();
    for hits in 0..2 {
        assert_eq!(is_send(read(cloned(), 1)).await.ok(), Some(1));
        assert_eq!(cache.stats().hits, hits);
    }
    assert!(is_send(read(cloned(), 0)).await.is_err());
    assert_eq!(is_send(with_windows(cloned(), 1)).await.ok(), Some(1));
    let written = is_send(by_method(Method::PUT, cloned(), 1)).await;
    assert_eq!(written.ok(), Some(1));
    is_send(read(cloned(), 1)).await.expect("a number");
    assert_eq!(cache.stats().fills, 2, "it was removed");
    is_send(write(cloned(), 1)).await.expect("written");
    is_send(read(cloned(), 1)).await.expect("a number");
    assert_eq!(cache.stats().fills, 3, "it was removed");
    assert_eq!(generic::<u32>(cloned(), 2).await, Err(2));
}

#[derive(Debug)]
struct Refusal(std::marker::PhantomData<Rc<()>>);

impl HttpStatus for Refusal {
    fn http_status(&self) -> u16 {
        404
    }
}

#[cache("number:{n}", method = "PUT", cache = cache)]
async fn refused(cache: Cache, n: u8) -> std::result::Result<(), Refusal> {
    Err(Refusal(std::marker::PhantomData))
}

#[tokio::test]
async fn a_refusal_that_is_not_send_takes_its_fence_away_in_the_background() {
    let redis = RedisServer::start();
    let cache = Cache::builder().url(redis.url()).build().expect("a cache");
    read(cache.clone(), 1).await.expect("a number");
    refused(cache.clone(), 1).await.expect_err("refused");
    let ttl = || redis.run::<i64>(&["TTL", "number:1"]);
    eventually("the entry has its TTL back", async || ttl() > 3000).await;
}

#[tokio::test]
async fn a_write_in_doubt_whose_error_is_not_send_leaves_its_fence() {
    let redis = RedisServer::start();
    let cache = Cache::builder().url(redis.url()).build().expect("a cache");
    read(cache.clone(), 0).await.expect_err("none");
    cache
        .set("number:0", &0, Duration::from_secs(3600))
        .await
        .expect("set");
    write(cache.clone(), 0).await.expect_err("in doubt");
    let ttl: i64 = redis.run(&["TTL", "number:0"]);
    assert!(ttl <= 30, "it is fenced");
    assert_eq!(cache.get::<u8>("number:0").await.expect("get"), Some(0));
}
