//! `detached`: a load goes on when its caller has gone.

use std::future::pending;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::rt::System;
use actix_web::test::TestRequest;
use cache_runtime::{Cache, FunctionStats, cache};
use cache_testkit::{Gate, Log, Refused, Runs, SECOND, World, eventually, on_every_store};
use futures_util::FutureExt as _;
use tokio::task::{JoinHandle, yield_now};
use tokio::time::{advance, sleep, timeout};
use tracing::{Instrument as _, Metadata, Span, info_span};

use crate::fleet::on_every_server;

#[cache("value", cache = world.cache, skip(world), detached)]
async fn read(world: World, id: u64) -> u64 {
    world.load().await
}

#[cache("failing", cache = world.cache, skip(world), detached)]
async fn failing(world: World, id: u64) -> Result<u64, u64> {
    Err(world.load().await + id)
}

#[cache("limited", cache = world.cache, skip(world), detached, max_loads = 1)]
async fn limited(world: World, id: u64) -> u64 {
    world.load().await
}

#[cache("outer", cache = world.cache, skip(world))]
async fn outer(world: World, id: u64) -> u64 {
    read(world, 1).await
}

#[cache("written", cache = world.cache, method = "PUT")]
async fn write(world: World, id: u64) -> Result<u64, Refused> {
    Ok(read(world, 1).await)
}

#[cache("again", cache = cache, skip(depth), detached)]
async fn again(cache: Cache, depth: u8) -> u8 {
    match depth {
        0 => 0,
        _ => once_more(cache, depth - 1).await + 1,
    }
}

/// A function that calls itself in a task says itself that it can.
fn once_more(cache: Cache, depth: u8) -> Pin<Box<dyn Future<Output = u8> + Send>> {
    Box::pin(again(cache, depth))
}

#[cache("request", cache = world.cache, skip(request, world), detached)]
async fn of_request(request: HttpRequest, world: World) -> usize {
    world.load().await;
    request.path().len()
}

fn stats_of(world: &World, function: &str) -> FunctionStats {
    let path = format!("{}::{function}", module_path!());
    let stats = world.cache.stats_by_function();
    stats.get(path.as_str()).copied().unwrap_or_default()
}

/// Its caller goes, whatever it has begun.
async fn drop_call<T>(call: JoinHandle<T>) {
    call.abort();
    assert!(call.await.is_err_and(|error| error.is_cancelled()));
}

async fn nobody_runs(world: &World) {
    let runs = timeout(SECOND / 2, world.has_read.pass());
    assert!(runs.await.is_err(), "somebody runs");
}

#[tokio::test]
async fn a_load_whose_caller_has_gone_is_stored() {
    on_every_store(async |cache| {
        let world = World::new(cache);
        let call = tokio::spawn(read(world.clone(), 1));
        world.has_read.pass().await;
        drop_call(call).await;
        world.open();
        eventually("it is stored", async || stats_of(&world, "read").fills == 1).await;
        assert_eq!(read(world.clone(), 1).await, 0);
        let stats = stats_of(&world, "read");
        assert_eq!((stats.loads, stats.detached, stats.hits), (1, 1, 1));
    })
    .await;
}

#[tokio::test]
async fn whoever_comes_meanwhile_waits_for_it() {
    on_every_server(async |[one, other, _]| {
        let world = World::new(one);
        let mut next = world.clone();
        next.cache = other;
        let call = tokio::spawn(read(world.clone(), 1));
        world.has_read.pass().await;
        drop_call(call).await;
        let calls = [&world, &next].map(|world| tokio::spawn(read(world.clone(), 1)));
        nobody_runs(&world).await;
        world.open();
        for call in calls {
            assert_eq!(call.await.expect("no panic"), 0);
        }
        assert_eq!(world.row.loads(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_caller_that_waits_gets_what_the_function_returns() {
    #[derive(Clone, serde::Serialize, serde::Deserialize)]
    struct Partly {
        #[serde(skip)]
        unstored: u64,
    }
    #[cache("partly", cache = cache, detached)]
    async fn partly(cache: Cache) -> Partly {
        yield_now().await;
        Partly { unstored: 7 }
    }
    on_every_store(async |cache| {
        let world = World::new(cache.clone());
        world.open();
        assert_eq!(partly(cache).await.unstored, 7);
        assert_eq!(failing(world.clone(), 1).await, Err(1));
        assert_eq!(stats_of(&world, "failing").detached, 0);
    })
    .await;
}

#[tokio::test]
async fn a_failure_that_nobody_waits_for_is_told_to_the_log() {
    let (log, world) = (Log::start(), World::new(Cache::in_memory()));
    let call = tokio::spawn(failing(world.clone(), 1));
    world.has_read.pass().await;
    drop_call(call).await;
    world.open();
    eventually("it ends", async || {
        stats_of(&world, "failing").detached == 1
    })
    .await;
    assert_eq!(
        log.count("a detached load failed when its caller had gone"),
        1
    );
}

#[tokio::test]
async fn a_panic_of_the_function_is_its_callers() {
    #[cache("panics", cache = cache, detached)]
    async fn panics(cache: Cache) -> u64 {
        yield_now().await;
        std::panic::panic_any("a bad day")
    }
    on_every_store(async |cache| {
        for _ in 0..2 {
            let call = AssertUnwindSafe(panics(cache.clone())).catch_unwind();
            let panic = call.await.expect_err("it panics");
            assert_eq!(panic.downcast_ref(), Some(&"a bad day"));
        }
    })
    .await;
}

#[tokio::test]
async fn a_slow_load_inside_of_others_runs_once() {
    on_every_store(async |cache| {
        let world = World::new(cache);
        for id in 0..10 {
            let call = tokio::spawn(outer(world.clone(), id));
            if id == 0 {
                world.has_read.pass().await;
            } else {
                yield_now().await;
            }
            drop_call(call).await;
        }
        world.open();
        assert_eq!(outer(world.clone(), 10).await, 0);
        assert_eq!(world.row.loads(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_load_that_reads_its_own_key_does_not_wait_for_itself() {
    on_every_store(async |cache| {
        let world = World::new(cache.clone());
        assert_eq!(again(cache, 3).await, 3);
        assert_eq!(stats_of(&world, "again").bypassed.nested, 3);
    })
    .await;
}

/// What it has read may never be committed.
#[tokio::test]
async fn inside_of_a_write_and_of_a_transaction_a_load_ends_with_its_caller() {
    on_every_store(async |cache| {
        let world = World::new(cache.clone());
        let call = tokio::spawn(write(world.clone(), 1));
        world.has_read.pass().await;
        drop_call(call).await;
        let deferred = {
            let (cache, world) = (cache.clone(), world.clone());
            async move { cache.deferred(read(world, 2)).await.0 }
        };
        let call = tokio::spawn(deferred);
        world.has_read.pass().await;
        drop_call(call).await;
        world.open();
        for id in [1, 2] {
            read(world.clone(), id).await;
        }
        assert_eq!(
            (world.row.loads(), stats_of(&world, "read").detached),
            (4, 0)
        );
    })
    .await;
}

#[tokio::test]
async fn a_load_is_where_its_caller_was() {
    #[cache("inner")]
    async fn inner(id: u64) -> u64 {
        id
    }
    #[cache("around", skip(runs), detached)]
    async fn around(runs: Runs) -> String {
        runs.count();
        for _ in 0..2 {
            inner(1).await;
        }
        let span = Span::current();
        span.metadata().map_or("none", Metadata::name).to_owned()
    }
    let _spans = tracing::subscriber::set_default(tracing_subscriber::registry());
    let (cache, runs) = (Cache::in_memory(), Runs::default());
    let call = cache.scope(around(runs.clone()));
    assert_eq!(call.instrument(info_span!("request")).await, "request");
    assert_eq!((cache.stats().misses, cache.stats().hits), (2, 1));
    cache.scope(cache.refreshing(around(runs))).await;
    assert_eq!((cache.stats().misses, cache.stats().hits), (5, 1));
}

#[tokio::test]
async fn it_keeps_its_room_until_it_ends() {
    on_every_store(async |cache| {
        let world = World::new(cache);
        let call = tokio::spawn(limited(world.clone(), 1));
        world.has_read.pass().await;
        drop_call(call).await;
        let next = tokio::spawn(limited(world.clone(), 2));
        nobody_runs(&world).await;
        world.open();
        assert_eq!(next.await.expect("no panic"), 0);
        let stats = stats_of(&world, "limited");
        assert_eq!((stats.loads, stats.queued, stats.shed), (2, 1, 0));
    })
    .await;
}

#[tokio::test]
async fn a_thousand_are_detached_and_more_run_in_their_callers() {
    let world = World::new(Cache::in_memory());
    for id in 0..1000 {
        let call = tokio::spawn(read(world.clone(), id));
        world.has_read.pass().await;
        drop_call(call).await;
    }
    let call = tokio::spawn(read(world.clone(), 1000));
    world.has_read.pass().await;
    drop_call(call).await;
    world.open();
    eventually("they end", async || {
        stats_of(&world, "read").detached == 1000
    })
    .await;
    read(world.clone(), 1000).await;
    assert_eq!(world.row.loads(), 1002);
    // There is room again.
    let world = World {
        may_return: Gate::default(),
        ..world
    };
    let call = tokio::spawn(read(world.clone(), 1001));
    world.has_read.pass().await;
    world.has_read.pass().await;
    drop_call(call).await;
    world.open();
    eventually("it ends", async || {
        stats_of(&world, "read").detached == 1001
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_load_that_hangs_is_given_up_once_nobody_waits_for_it() {
    #[cache("hangs", cache = cache, skip(held), detached)]
    async fn hangs(cache: Cache, held: Arc<()>, id: u64) -> u64 {
        if id == 0 {
            pending::<()>().await;
        }
        sleep(Duration::from_secs(60)).await;
        drop(held);
        id
    }
    let (cache, held) = (Cache::in_memory(), Arc::new(()));
    let call = tokio::spawn(hangs(cache.clone(), held.clone(), 0));
    yield_now().await;
    drop_call(call).await;
    advance(Duration::from_secs(29)).await;
    yield_now().await;
    assert_eq!(Arc::strong_count(&held), 2);
    advance(Duration::from_secs(2)).await;
    for _ in 0..10 {
        yield_now().await;
    }
    assert_eq!(Arc::strong_count(&held), 1);
    // Whoever waits gets what it takes a minute to load.
    assert_eq!(hangs(cache.clone(), held, 1).await, 1);
}

#[test]
fn without_a_runtime_it_runs_in_its_caller() {
    let world = World::new(Cache::in_memory());
    world.open();
    let mut call = Box::pin(read(world.clone(), 1));
    let poll = call.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert_eq!(poll, Poll::Ready(0));
}

#[test]
fn what_cannot_leave_its_thread_goes_on_there() {
    System::new().block_on(on_every_store(async |cache| {
        let world = World::new(cache);
        let request = || TestRequest::get().to_http_request();
        let call = actix_web::rt::spawn(of_request(request(), world.clone()));
        world.has_read.pass().await;
        drop_call(call).await;
        world.open();
        eventually("it is stored", async || {
            stats_of(&world, "of_request").fills == 1
        })
        .await;
        assert_eq!(of_request(request(), world.clone()).await, 1);
        assert_eq!(world.row.loads(), 1);
    }));
}
