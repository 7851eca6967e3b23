//! Values behind pointers and of other crates, as they are returned from cached functions.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use cache_runtime::{Cache, Cached, cache};
use cache_testkit::Log;
use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use time::{Date, OffsetDateTime};

#[cache("shared:{id}", cache = cache)]
async fn shared(cache: &Cache, id: u64) -> Arc<Vec<u64>> {
    Arc::new(vec![id])
}

#[cache("shared_text:{id}", cache = cache)]
async fn shared_text(cache: &Cache, id: u64) -> Result<Cached<Arc<str>>, String> {
    Ok(Cached::new(id.to_string().into()))
}

#[cache("cow:{id}", cache = cache)]
async fn cow(cache: &Cache, id: u64) -> Cow<'static, str> {
    id.to_string().into()
}

#[cache("bytes:{id}", cache = cache)]
async fn bytes(cache: &Cache, id: u8) -> Bytes {
    vec![id, 0, 255].into()
}

#[cache("chrono:{id}", cache = cache)]
async fn of_chrono(cache: &Cache, id: i64) -> BTreeMap<NaiveDate, DateTime<Utc>> {
    let moment = DateTime::from_timestamp(id, 5).expect("a moment");
    BTreeMap::from([(moment.date_naive(), moment)])
}

#[cache("time:{id}", cache = cache)]
async fn of_time(cache: &Cache, id: i64) -> (Date, OffsetDateTime) {
    let moment = OffsetDateTime::from_unix_timestamp(id).expect("a moment");
    (moment.date(), moment)
}

#[cache("decimal:{id}", cache = cache)]
async fn decimal(cache: &Cache, id: i64) -> Decimal {
    Decimal::new(id, 2)
}

#[tokio::test]
async fn what_is_shared_borrowed_or_of_another_crate_comes_back_as_it_was() {
    let (log, cache) = (Log::start(), Cache::in_memory());
    for _ in ["a miss", "a hit"] {
        assert_eq!(*shared(&cache, 1).await, [1]);
        let text = shared_text(&cache, 1).await.expect("a text");
        assert_eq!(&*text.into_inner().expect("a text"), "1");
        assert_eq!(cow(&cache, 1).await, "1");
        assert_eq!(*bytes(&cache, 1).await, [1, 0, 255]);
        let (date, moment) = of_chrono(&cache, 1).await.pop_first().expect("one");
        assert_eq!(date.to_string(), "1970-01-01");
        assert_eq!(moment.timestamp_subsec_nanos(), 5);
        let (date, moment) = of_time(&cache, 1).await;
        assert_eq!((date.ordinal(), moment.unix_timestamp()), (1, 1));
        assert_eq!(decimal(&cache, 110).await.to_string(), "1.10");
    }
    assert_eq!((cache.stats().fills, cache.stats().hits), (7, 7));
    assert_eq!(log.lines(), [""; 0]);
}

#[derive(serde::Deserialize, serde::Serialize)]
struct Picture {
    name: String,
    pixels: Vec<u8>,
}

#[cache("picture:{id}", cache = cache)]
async fn picture(cache: &Cache, id: u8) -> Picture {
    Picture {
        name: "a".into(),
        pixels: vec![id; 1_000_000],
    }
}

#[cache("smaller:{id}", cache = cache)]
async fn smaller(cache: &Cache, id: u8) -> Vec<u8> {
    vec![id; 999_999]
}

#[cache("numbers:{id}", cache = cache)]
async fn numbers(cache: &Cache, id: u64) -> Vec<u64> {
    (0..1_000_000).collect()
}

#[tokio::test]
async fn a_million_bytes_are_told_of_once_for_each_function() {
    let (log, cache) = (Log::start(), Cache::in_memory());
    for id in [1, 2] {
        assert_eq!(picture(&cache, id).await.pixels.len(), 1_000_000);
        smaller(&cache, id).await;
        numbers(&cache, id.into()).await;
    }
    let lines = log.lines().into_iter();
    let lines: Vec<String> = lines.filter(|line| line.contains("base64")).collect();
    let [line] = lines.as_slice() else {
        panic!("there is not one line: {lines:?}");
    };
    assert!(
        line.contains("values::picture") && line.contains("bytes=1000000"),
        "{line}"
    );
}
