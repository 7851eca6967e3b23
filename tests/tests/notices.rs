//! What debug builds tell: of functions that meet at one key, of writes that name what nobody stores, of what may be a
//! handler, and of errors without a status. Alone in its binary, since what has been told is known process-wide.

#![cfg(debug_assertions)]

use std::fmt;
use std::marker::PhantomData;

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use cache_runtime::{Cache, HttpStatus, cache};
use cache_testkit::{Log, MINUTE};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tower::ServiceExt as _;

/// More than the writes after which the log is told.
const WRITES: u64 = 40;

const MEETING: &str = "two functions read one key";
const INSTANCES: &str = "a generic function reads one key for two types";
const NEVER_STORED: &str = "a write names what no function of this process has stored";

/// How many of these lines have all of these parts.
fn count(lines: &[String], parts: &[&str]) -> usize {
    let has_all = |line: &&String| parts.iter().all(|part| line.contains(part));
    lines.iter().filter(has_all).count()
}

#[cache("article:{slug}", cache = cache)]
async fn by_slug(cache: &Cache, slug: &str) -> u64 {
    7
}

#[cache("article:latest", cache = cache)]
async fn latest(cache: &Cache) -> u64 {
    8
}

#[cache("article:{slug}", cache = cache)]
async fn title(cache: &Cache, slug: impl AsRef<str> + std::fmt::Display) -> String {
    slug.to_string()
}

#[tokio::test]
async fn two_functions_that_read_one_key_are_told_of_once_with_both_names() {
    let (log, cache) = (Log::start(), Cache::in_memory());
    by_slug(&cache, "first").await;
    latest(&cache).await;
    assert_eq!(count(&log.lines(), &[MEETING]), 0, "they have not met");
    for _ in 0..3 {
        by_slug(&cache, "latest").await;
        latest(&cache).await;
        title(&cache, "own").await;
        title(&cache, "own".to_owned()).await;
    }
    let lines = log.lines();
    let both = ["notices::latest", "notices::by_slug", "value=u64"];
    assert_eq!(count(&lines, &[&[MEETING][..], &both].concat()), 1);
    assert_eq!(count(&lines, &[MEETING]), 1, "{lines:?}");
    title(&cache, "first").await;
    let lines = log.lines();
    let values = ["notices::title", "notices::by_slug", "String", "u64"];
    assert_eq!(count(&lines, &[&[MEETING][..], &values].concat()), 1);
    assert_eq!(count(&lines, &[MEETING]), 2, "{lines:?}");
    let other = Cache::in_memory();
    title(&other, "latest").await;
    assert_eq!(count(&log.lines(), &[MEETING]), 2, "another cache");
}

struct Table<T>(Cache, PhantomData<T>);

impl<T: Default + Serialize + DeserializeOwned> Table<T> {
    #[cache("row:{id}", cache = self.0, skip(self))]
    async fn row(&self, id: u64) -> T {
        T::default()
    }

    #[cache("named_row:{Self}:{id}", cache = self.0, skip(self))]
    async fn named_row(&self, id: u64) -> T {
        T::default()
    }
}

#[tokio::test]
async fn a_generic_function_that_reads_one_key_for_two_types_is_told_what_to_add() {
    let (log, cache) = (Log::start(), Cache::in_memory());
    let numbers = Table::<u64>(cache.clone(), PhantomData);
    let texts = Table::<String>(cache, PhantomData);
    for id in [1, 1, 2] {
        numbers.named_row(id).await;
        texts.named_row(id).await;
    }
    assert_eq!(count(&log.lines(), &[INSTANCES]), 0, "they have not met");
    for id in [1, 1, 2] {
        numbers.row(id).await;
        texts.row(id).await;
    }
    let lines = log.lines();
    let parts = [
        INSTANCES,
        "notices::Table",
        "row",
        "String",
        "u64",
        "add `{T}`",
        "`{Self}`",
    ];
    assert_eq!(count(&lines, &parts), 1, "{lines:?}");
    assert_eq!(count(&lines, &[MEETING]), 0, "{lines:?}");
}

#[cache("account:{id}", tags = ["owner:{id}"], cache = cache)]
async fn account(cache: &Cache, id: u64) -> u64 {
    id
}

#[cache(
    "account:{id}", method = "PUT", cache = cache, to_invalidate_extra = {"acount": "{id}", "by_hand": "{id}"},
    tags_to_invalidate = ["owner:{id}", "ovner:{id}"],
    pattern_to_invalidate_extra = ["acc?unt:1", "[ab]ccount:{id}:", "accounts:{id}:"]
)]
async fn update(cache: &Cache, id: u64) -> u64 {
    id
}

#[cache("summary_of:{result}", method = "PUT", cache = cache)]
async fn late(cache: &Cache, id: u64) -> u64 {
    id
}

#[tokio::test]
async fn what_a_write_names_and_nobody_stores_is_told_of_once_with_its_template() {
    let (log, cache) = (Log::start(), Cache::in_memory());
    account(&cache, 1).await;
    cache.set("by_hand:0", &1, MINUTE).await.expect("set");
    update(&cache, 2).await;
    late(&cache, 2).await;
    assert_eq!(count(&log.lines(), &[NEVER_STORED]), 0, "it is early");
    for id in 0..WRITES {
        update(&cache, id).await;
        late(&cache, id).await;
    }
    let lines = log.lines();
    for parts in [
        ["kind=key", "template=acount:{}"],
        ["kind=tag", "template=ovner:{}"],
        ["kind=pattern", "template=accounts:{}:*"],
        ["kind=key", "template=summary_of:{}"],
    ] {
        let parts = [&[NEVER_STORED, "notices.rs:"][..], &parts].concat();
        assert_eq!(count(&lines, &parts), 1, "{parts:?}: {lines:#?}");
    }
    assert_eq!(count(&lines, &[NEVER_STORED]), 4, "{lines:#?}");
}

async fn loaded_number(cache: &Cache) {
    let loaded = cache.get_or_load("loaded", MINUTE, || async { 7 });
    loaded.tags(["of_hand"]).await;
}

async fn loaded_text(cache: &Cache) {
    let loaded = cache.get_or_load("loaded", MINUTE, || async { String::new() });
    loaded.tags(["of_hand"]).await;
}

#[tokio::test]
async fn what_is_loaded_by_hand_is_stored_and_has_its_functions_name() {
    let (log, cache) = (Log::start(), Cache::in_memory());
    #[cache(key_prefix = "loaded", method = "PUT", tags_to_invalidate = ["of_{kind}"], cache = cache)]
    async fn write_loaded(cache: &Cache, kind: &str) {}
    for _ in 0..WRITES {
        loaded_number(&cache).await;
        loaded_text(&cache).await;
        write_loaded(&cache, "hand").await;
    }
    let lines = log.lines();
    assert_eq!(count(&lines, &[NEVER_STORED, "loaded"]), 0, "{lines:?}");
    assert_eq!(count(&lines, &[NEVER_STORED, "of_"]), 0, "{lines:?}");
    let names = [MEETING, "notices::loaded_number", "notices::loaded_text"];
    assert_eq!(count(&lines, &names), 1, "{lines:?}");
}

/// It takes nothing, and returns what axum sends.
#[cache("motto")]
async fn motto() -> String {
    "motto".to_owned()
}

#[cache("motto", method = "GET")]
async fn helper() -> String {
    "motto".to_owned()
}

#[cache("motto")]
async fn number() -> u64 {
    7
}

#[tokio::test]
async fn a_function_that_may_be_the_handler_of_a_write_is_told_how_to_be_a_helper() {
    const TAKEN: &str = "a function that may be the handler of a request that writes was run";
    let (log, cache) = (Log::start(), Cache::in_memory());
    let send = async |method: Method| {
        let handler = any(async || {
            helper().await;
            number().await;
            motto().await
        });
        let app: Router = Router::new().route("/", handler).layer(cache.layer());
        let mut request = Request::new(Body::empty());
        *request.method_mut() = method;
        app.oneshot(request).await.expect("infallible");
    };
    send(Method::GET).await;
    assert_eq!(count(&log.lines(), &[TAKEN]), 0, "it reads");
    send(Method::POST).await;
    send(Method::POST).await;
    let lines = log.lines();
    assert_eq!(count(&lines, &[TAKEN]), 1, "{lines:?}");
    assert_eq!(count(&lines, &[TAKEN, "notices::motto"]), 1);
}

struct Refused;

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        StatusCode::CONFLICT.into_response()
    }
}

struct RefusedAloud;

impl IntoResponse for RefusedAloud {
    fn into_response(self) -> Response {
        StatusCode::CONFLICT.into_response()
    }
}

impl HttpStatus for RefusedAloud {
    fn http_status(&self) -> u16 {
        409
    }
}

#[cache("motto", method = "PUT", cache = cache)]
async fn refuse(cache: &Cache) -> Result<(), Refused> {
    Err(Refused)
}

#[cache("motto", method = "PUT", cache = cache)]
async fn refuse_aloud(cache: &Cache) -> Result<(), RefusedAloud> {
    Err(RefusedAloud)
}

#[cache("motto", method = "PUT", cache = cache)]
async fn fail(cache: &Cache) -> Result<(), fmt::Error> {
    Err(fmt::Error)
}

#[tokio::test]
async fn an_error_that_becomes_a_response_is_told_of_if_it_tells_no_status() {
    const SILENT: &str = "an error told no status";
    let (log, cache) = (Log::start(), Cache::in_memory());
    assert!(refuse_aloud(&cache).await.is_err());
    assert!(fail(&cache).await.is_err(), "nobody sends such an error");
    let lines = log.lines();
    assert_eq!(count(&lines, &[SILENT]), 0, "{lines:?}");
    for _ in 0..2 {
        assert!(refuse(&cache).await.is_err());
    }
    let lines = log.lines();
    assert_eq!(count(&lines, &[SILENT]), 1, "{lines:?}");
    assert_eq!(count(&lines, &["notices::refuse", "notices::Refused"]), 1);
}
