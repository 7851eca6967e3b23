//! Spans and events of single calls.

use std::time::Duration;

use cache_runtime::{Cache, CacheBuilder};
use cache_testkit::log::{Step, Steps};
use cache_testkit::{Log, MINUTE, RedisServer, Runs, World, on_every_store};
use tokio::time::advance;
use tracing::Level;

use crate::reasons::never;
use crate::world::{LOAD, fail, gated, post, refuse, slow, update, update_all};

/// The last part of the function's path, hit or success, size and reason of each.
fn told(step: &Step) -> (&str, &str, &str, &str, &str) {
    let function = step.field("cache.function");
    let is_well = match step.field("cache.hit") {
        "" => step.field("cache.success"),
        hit => hit,
    };
    (
        &step.name,
        function.rsplit("::").next().unwrap_or_default(),
        is_well,
        step.field("cache.item_size"),
        step.field("cache.reason"),
    )
}

#[tokio::test]
async fn a_call_is_told_as_a_span_and_as_an_event_in_it() {
    on_every_store(async |cache| {
        let steps = Steps::start(Level::DEBUG);
        let runs = Runs::default();
        for _ in 0..2 {
            post(&cache, &runs, 1).await;
        }
        update(&cache, 1).await;
        let spans = steps.spans();
        let expected = [
            ("cache.get", "post", "false", "", "miss"),
            ("cache.put", "post", "true", "1", "stored"),
            ("cache.get", "post", "true", "1", "hit"),
            ("cache.remove", "update", "true", "", "removed"),
        ];
        assert_eq!(spans.iter().map(told).collect::<Vec<_>>(), expected);
        assert_eq!(
            spans[0].field("cache.function"),
            "operations::world::post",
            "the whole path"
        );
        let removed = &spans[3];
        // `post:1`, `top` and `feed`.
        assert_eq!(removed.field("cache.names"), "3");
        assert_eq!(removed.field("cache.entries"), "1");
        let events = steps.events();
        assert_eq!(events.len(), spans.len());
        for ((event, inside), span) in events.into_iter().zip(spans) {
            assert_eq!(told(&event), told(&span));
            assert_eq!(inside, span.name);
            assert_eq!(event.field("message"), span.name);
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn reasons_are_told() {
    let cache = Cache::in_memory();
    let steps = Steps::start(Level::DEBUG);
    let reasons = || {
        let events = steps.events().into_iter();
        let reasons = events.map(|(step, _)| step.field("cache.reason").to_owned());
        reasons.collect::<Vec<_>>().join(" ")
    };
    let runs = Runs::default();
    never(&cache).await;
    assert_eq!(reasons(), "condition");
    post(&cache, &runs, 1).await;
    cache.invalidate_tags(["posts"]).await.expect("done");
    post(&cache, &runs, 1).await;
    assert_eq!(reasons(), "miss stored tag stored");

    slow(cache.clone(), 1).await;
    advance(Duration::from_secs(60)).await;
    slow(cache.clone(), 1).await;
    tokio::time::sleep(2 * LOAD).await;
    assert_eq!(reasons(), "miss stored stale stored");

    refuse(&cache, 1).await.expect_err("refused");
    fail(&cache, 1).await.expect_err("in doubt");
    assert_eq!(reasons(), "", "nothing was removed");

    let world = World::new(cache.clone());
    let writer = async {
        world.has_read.pass().await;
        cache.delete(["gated:1"]).await.expect("deleted");
        world.open();
    };
    tokio::join!(gated(&world, 1), writer);
    assert_eq!(reasons(), "miss discarded");

    let both = async {
        update(&cache, 7).await;
        update_all(&cache).await;
    };
    let ((), stale) = cache.deferred(both).await;
    stale.apply().await;
    let events = steps.events();
    let [(removal, _)] = &events[..] else {
        panic!("not one removal: {events:?}");
    };
    assert_eq!(removal.field("cache.function"), "", "it is that of two");
    assert_eq!(removal.field("cache.names"), "4");
}

#[tokio::test]
async fn a_removal_that_has_to_be_tried_again_is_told() {
    let server = RedisServer::start();
    let (cache, runs) = (server.cache(), Runs::default());
    post(&cache, &runs, 1).await;
    server.run::<()>(&["ACL", "SETUSER", "default", "-eval", "-evalsha"]);
    let steps = Steps::start(Level::DEBUG);
    update(&cache, 1).await;
    let (removal, _) = steps.events().pop().expect("an event");
    let expected = ("cache.remove", "update", "false", "", "queued");
    assert_eq!(told(&removal), expected);
}

#[tokio::test]
async fn keys_are_told_where_a_setting_says_so() {
    let settings = || Cache::builder().namespace("blog").in_memory(1_000_000);
    let keys_of = async |settings: CacheBuilder| {
        let cache = settings.build().expect("a cache");
        let steps = Steps::start(Level::DEBUG);
        post(&cache, &Runs::default(), 1).await;
        update(&cache, 1).await;
        let keys = |step: &Step| step.field("cache.key").to_owned();
        let spans: Vec<_> = steps.spans().iter().map(keys).collect();
        let events = steps.events();
        assert_eq!(
            events
                .iter()
                .map(|(step, _)| keys(step))
                .collect::<Vec<_>>(),
            spans
        );
        spans
    };
    assert_eq!(keys_of(settings()).await, [""; 3]);
    let keys = keys_of(settings().trace_keys(true)).await;
    let of_entry = "blog:post:1";
    assert_eq!(keys, [of_entry, of_entry, "blog:post:1, blog:top, feed"]);
}

#[tokio::test]
async fn nothing_is_told_of_single_calls_above_debug() {
    let steps = Steps::start(Level::INFO);
    let (cache, runs) = (Cache::in_memory(), Runs::default());
    for _ in 0..2 {
        post(&cache, &runs, 1).await;
    }
    update(&cache, 1).await;
    assert_eq!((steps.spans().len(), steps.events().len()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn an_entry_that_does_not_decode_is_told_of_with_its_function() {
    let cache = Cache::in_memory();
    cache.set("slow:1", &7, MINUTE).await.expect("set");
    let log = Log::start();
    slow(cache.clone(), 1).await;
    log.says(&[
        "stored JSON is not what the function returns",
        "function=operations::world::slow",
        "value=alloc::string::String",
    ]);
    cache.set("slow:1", &7, MINUTE).await.expect("set");
    let steps = Steps::start(Level::DEBUG);
    slow(cache.clone(), 1).await;
    let (get, _) = &steps.events()[0];
    assert_eq!(told(get), ("cache.get", "slow", "false", "", "decode"));
}
