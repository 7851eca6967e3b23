//! A process in which no cache is installed. Alone in its binary, since installing is process-wide.

use std::future::{Future as _, pending};
use std::task::{Context, Waker};
use std::time::Duration;

use axum::http::Method;
use cache_runtime::{Cache, HttpStatus, cache};
use cache_testkit::Log;
use cache_testkit::log::messages::NO_CACHE_INSTALLED;

#[cache("number:{n}")]
async fn number(n: u8) -> u8 {
    n
}

#[cache(
    "number:{n}", method = "PUT", to_invalidate_extra = {"late": "{result}"},
    tags_to_invalidate = ["all"], pattern_to_invalidate_extra = ["numbers_{n}_*"]
)]
async fn write(n: u8) -> Result<u8, String> {
    (n > 0).then_some(7).ok_or_else(String::new)
}

#[cache("number:{n}")]
async fn by_method(method: Method, n: u8) -> u8 {
    n
}

#[cache("number:{n}", method = "PUT")]
async fn endless(n: u8) {
    pending::<()>().await;
}

#[derive(Debug, PartialEq)]
struct NotThere;

impl HttpStatus for NotThere {
    fn http_status(&self) -> u16 {
        404
    }
}

#[cache("number:{n}", method = "PUT")]
async fn refused(n: u8) -> Result<(), NotThere> {
    Err(NotThere)
}

async fn write_in_a_task(n: u8) {
    tokio::spawn(write(n))
        .await
        .expect("no panic")
        .expect("written");
}

#[tokio::test]
async fn without_an_installed_cache_reads_run_and_no_write_loses_its_invalidations_silently() {
    let log = Log::start();
    assert_eq!(
        (number(1).await, number(2).await, number(3).await),
        (1, 2, 3)
    );
    assert_eq!(number(4).await, 4);
    let count = log.count(NO_CACHE_INSTALLED);
    assert_eq!(count, 1, "{:#?}", log.events());
    log.says(&["function=uninstalled::number"]);

    let log = Log::start();
    write_in_a_task(1).await;
    log.says(&[
        "ERROR cache_runtime: no cache is installed, and no layer is around this call, so a write removed nothing: call `Cache::install`, put `cache.layer()` around all that calls it, or give the function a cache by `cache = …`",
        r#"caches=0 keys=["number:1", "late:7"] tags=["all"] patterns=["numbers_1_*"]"#,
    ]);
    drop(log);
    let log = Log::start();
    assert_eq!(by_method(Method::GET, 1).await, 1);
    log.says(&["function=uninstalled::by_method", NO_CACHE_INSTALLED]);
    drop(log);
    let log = Log::start();
    assert_eq!(by_method(Method::GET, 1).await, 1);
    assert_eq!(log.lines(), [""; 0], "told once");
    assert_eq!(by_method(Method::PUT, 1).await, 1);
    log.says(&[r#"keys=["number:1"] tags=[] patterns=[]"#]);
    drop(log);
    let log = Log::start();
    let mut dropped = Box::pin(endless(1));
    let mut context = Context::from_waker(Waker::noop());
    assert!(dropped.as_mut().poll(&mut context).is_pending());
    drop(dropped);
    log.says(&[r#"keys=["number:1"]"#]);
    assert_eq!(refused(1).await, Err(NotThere));
    log.says(&[]);
    drop(log);

    let (off, more) = (Cache::off(), Cache::off());
    let log = Log::start();
    write_in_a_task(1).await;
    assert_eq!(log.lines(), [""; 0], "there is nothing to be removed");
    drop((log, more));

    let cache = Cache::in_memory();
    let is_there = async || cache.get::<u8>("number:1").await.expect("get").is_some();
    let store = async || cache.set("number:1", &1, Duration::from_secs(60)).await;
    let log = Log::start();
    store().await.expect("set");
    write_in_a_task(1).await;
    assert!(!is_there().await, "it is the only one");
    assert_eq!(log.lines(), [""; 0]);

    let other = Cache::in_memory();
    store().await.expect("set");
    assert!(write(0).await.is_err(), "in doubt");
    write_in_a_task(1).await;
    assert!(is_there().await, "it might be the other one");
    assert_eq!(log.count("caches=2"), 2, "{:#?}", log.lines());
    drop(other);
    write_in_a_task(1).await;
    assert!(!is_there().await, "it is the only one again");
    drop(off);

    cache.install();
    assert_eq!((number(1).await, number(1).await), (1, 1));
    assert_eq!((cache.stats().misses, cache.stats().hits), (1, 1));
}
