//! Loads that are no functions of their own.

use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use cache_runtime::{Cache, cache, key, tag};
use cache_testkit::{MINUTE, RedisServer, Runs, World, eventually, on_every_store};
use tokio::task::yield_now;

use crate::world::{read, start, write, write_tag};

const SOON: Duration = Duration::from_millis(50);

/// The same entry as that of `read`.
async fn load(world: &World, id: u64) -> u64 {
    let load = || world.load();
    world
        .cache
        .get_or_load(key!("value:{id}"), MINUTE, load)
        .await
}

async fn load_tagged(world: &World, id: u64) -> u64 {
    let load = || world.load();
    let loaded = world.cache.get_or_load(key!("own:{id}"), MINUTE, load);
    loaded.tags([tag!("tag:{id}")]).await
}

#[tokio::test]
async fn a_hit_does_not_call_the_closure() {
    on_every_store(async |cache| {
        let (called, ran) = (Runs::default(), Runs::default());
        for _ in 0..3 {
            let load = || {
                called.count();
                async { ran.count() }
            };
            assert_eq!(cache.get_or_load("answer", MINUTE, load).await, 1);
        }
        assert_eq!((called.get(), ran.get()), (1, 1));
        assert_eq!((cache.stats().misses, cache.stats().hits), (1, 2));
        assert_eq!(cache.get("answer").await.expect("get"), Some(1));
    })
    .await;
}

#[tokio::test]
async fn loads_by_hand_and_cached_functions_that_come_together_run_once() {
    on_every_store(async |cache| {
        let world = World::new(cache);
        let mut calls: Vec<_> = (0..100).map(|_| start!(world, load(1))).collect();
        calls.extend((0..100).map(|_| start!(world, read(1))));
        world.has_read.pass().await;
        world.open();
        for call in calls {
            assert_eq!(call.await.expect("no panic"), 0);
        }
        let stats = world.stats();
        assert_eq!((world.row.loads(), stats.misses, stats.bypassed), (1, 1, 0));
    })
    .await;
}

#[tokio::test]
async fn no_load_by_hand_brings_back_what_a_write_has_removed() {
    on_every_store(async |cache| {
        let world = World::new(cache);
        world.may_commit.let_pass(2);
        world.may_finish.let_pass(2);
        let [by_key, by_tag] = [start!(world, load(1)), start!(world, load_tagged(1))];
        for _ in 0..2 {
            world.has_read.pass().await;
        }
        write(&world, 1, false).await.expect("written");
        write_tag(&world, 1, false).await.expect("written");
        world.open();
        assert_eq!(by_key.await.expect("no panic"), 0);
        assert_eq!(by_tag.await.expect("no panic"), 0);
        for _ in 0..2 {
            assert_eq!(load(&world, 1).await, 2);
            assert_eq!(load_tagged(&world, 1).await, 2);
        }
        assert_eq!(world.row.loads(), 4);
    })
    .await;
}

#[tokio::test]
async fn an_error_is_returned_and_never_stored() {
    on_every_store(async |cache| {
        let runs = Runs::default();
        let fallible = async || {
            let load = || async { if runs.count() < 3 { Err("no") } else { Ok(7) } };
            cache.get_or_try_load("fallible", MINUTE, load).await
        };
        assert_eq!(fallible().await, Err("no"));
        assert_eq!(fallible().await, Err("no"));
        assert_eq!(fallible().await, Ok(7));
        assert_eq!(fallible().await, Ok(7));
        assert_eq!(runs.get(), 3);
        assert_eq!(cache.get("fallible").await.expect("get"), Some(7));

        // A `Result` whose error has a JSON is not told from a value by its bounds.
        let runs = Runs::default();
        let value = async || {
            let load = || async {
                if runs.count() < 3 {
                    Err("no".to_owned())
                } else {
                    Ok(7)
                }
            };
            cache.get_or_load("value", MINUTE, load).await
        };
        assert_eq!(value().await, Err("no".to_owned()));
        assert_eq!(value().await, Err("no".to_owned()));
        assert_eq!(value().await, Ok(7));
        assert_eq!(value().await, Ok(7));
        assert_eq!(runs.get(), 3);
    })
    .await;
}

#[tokio::test]
async fn a_value_for_which_unless_holds_is_not_stored() {
    let (cache, runs) = (Cache::in_memory(), Runs::default());
    let least = 3;
    let call = async || {
        let loaded = cache.get_or_load("value", MINUTE, || async { runs.count() });
        loaded.unless(|run| *run < least).await
    };
    for expected in [1, 2, 3, 3] {
        assert_eq!(call().await, expected);
    }
}

#[tokio::test]
async fn a_load_that_fails_is_answered_with_the_old_value() {
    on_every_store(async |cache| {
        let (runs, fails) = (Runs::default(), AtomicBool::new(false));
        let call = async || {
            let load = || async {
                let run = runs.count();
                if fails.load(Ordering::SeqCst) {
                    Err(run)
                } else {
                    Ok(run)
                }
            };
            let loaded = cache.get_or_try_load("kept", SOON, load);
            loaded.stale_if_error(MINUTE, |run| *run < 1000).await
        };
        assert_eq!(call().await, Ok(1));
        fails.store(true, Ordering::SeqCst);
        eventually("the load is asked again", async || {
            assert_eq!(call().await, Ok(1));
            runs.get() > 1
        })
        .await;
        assert!(cache.stats().errors_hidden > 0);
        while runs.get() < 1000 {
            runs.count();
        }
        assert_eq!(call().await, Err(1001), "this error is none that it hides");
    })
    .await;
}

#[tokio::test]
async fn a_stale_value_is_served_while_it_is_loaded_in_the_background() {
    on_every_store(async |cache| {
        let runs = Runs::default();
        let call = async || {
            let runs = runs.clone();
            let loaded = cache.get_or_load("stale", SOON, move || async move { runs.count() });
            loaded.stale_while_revalidate(MINUTE).await
        };
        assert_eq!(call().await, 1);
        eventually("the value is stale", async || {
            call().await;
            cache.stats().stale > 0
        })
        .await;
        eventually("the refresh is seen", async || call().await > 1).await;
        assert_eq!(cache.stats().misses, 1, "nobody waited for the load again");
    })
    .await;
}

#[tokio::test]
async fn hits_by_hand_come_from_memory_where_they_may() {
    let server = RedisServer::start();
    let cache = server.cache();
    let call = async || {
        let loaded = cache.get_or_load("near", MINUTE, || async { 7 });
        loaded.near(Duration::from_millis(100)).await
    };
    eventually("a hit is in memory", async || {
        assert_eq!(call().await, 7);
        cache.stats().near.hits > 0
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_stored_is_loaded_all_the_same() {
    let (cache, runs) = (Cache::in_memory(), Runs::default());
    let load = || async { runs.count() };
    assert_eq!(cache.get_or_load("zero", Duration::ZERO, load).await, 1);
    assert_eq!(cache.get_or_load("zero", Duration::ZERO, load).await, 2);
    assert_eq!(cache.stats().errors.usage, 2);
    let off = Cache::off();
    assert_eq!(off.get_or_load("key", MINUTE, load).await, 3);
    assert_eq!(off.get_or_load("key", MINUTE, load).await, 4);
}

#[tokio::test]
async fn a_method_means_the_cache_that_it_is_called_on() {
    let (cache, scope, runs) = (Cache::in_memory(), Cache::in_memory(), Runs::default());
    #[cache("inner", skip(runs))]
    async fn inner(runs: &Runs) -> u64 {
        runs.count()
    }
    let load = || inner(&runs);
    let both = async {
        cache.get_or_load("outer", MINUTE, load).await;
        cache.get_or_load("outer", MINUTE, load).await
    };
    assert_eq!(scope.scope(both).await, 1);
    assert_eq!((cache.stats().misses, cache.stats().hits), (1, 1));
    assert_eq!((scope.stats().misses, scope.stats().hits), (1, 0));
}

#[tokio::test]
async fn a_load_is_counted_by_its_place_or_by_its_name() {
    let cache = Cache::in_memory();
    let mut lines = Vec::new();
    for key in ["a", "b"] {
        lines.push(line!() + 1);
        cache.get_or_load(key, MINUTE, || async { 1 }).await;
    }
    for key in ["a", "c"] {
        let loaded = cache.get_or_load(key, MINUTE, || async { 1 });
        loaded.name("token").await;
    }
    let stats = cache.stats_by_function();
    assert_eq!(stats.len(), 2);
    let at_place = stats[&*format!("{}:{}", file!(), lines[0])];
    assert_eq!((at_place.misses, at_place.fills, at_place.hits), (2, 2, 0));
    let named = stats["token"];
    assert_eq!((named.misses, named.fills, named.hits), (1, 1, 1));
}

#[tokio::test]
async fn a_load_need_not_be_send_and_neither_need_its_error() {
    let cache = Cache::in_memory();
    let here = Rc::new(7);
    let load = || async {
        yield_now().await;
        *here
    };
    assert_eq!(cache.get_or_load("here", MINUTE, load).local().await, 7);

    let task = async move {
        let load = || async { Err::<u8, Rc<u8>>(Rc::new(7)) };
        let loaded = cache.get_or_try_load("error", MINUTE, load).await;
        *loaded.expect_err("it fails")
    };
    assert_eq!(tokio::spawn(task).await.expect("no panic"), 7);
}

#[tokio::test]
async fn a_value_says_itself_how_long_it_is_stored() {
    on_every_store(async |cache| {
        let (short, long, zero, runs) = (SOON, 2 * MINUTE, Duration::ZERO, Runs::default());
        let call = async |key: &'static str, own: Duration| {
            let loaded = cache.get_or_load(key, MINUTE, || async { runs.count() });
            loaded.tags(["tag"]).ttl_of(|_| own).await
        };
        for key in ["long", "unlike"] {
            let first = call(key, long).await;
            assert_eq!(
                call(key, short).await,
                first,
                "it is the stored value that tells"
            );
        }
        let first = call("short", short).await;
        let is_over = async || call("short", long).await > first;
        eventually("its own TTL is over", is_over).await;
        let second = call("short", short).await;
        assert_eq!(call("short", short).await, second);

        let errors = cache.stats().errors;
        assert!(call("zero", zero).await < call("zero", zero).await);
        assert_eq!(cache.stats().errors, errors);
        cache.invalidate_tags(["tag"]).await.expect("invalidated");
        assert!(call("long", long).await > second);
    })
    .await;
}

#[tokio::test]
async fn its_own_ttl_is_never_longer_than_asked_and_jitter_only_shortens_it() {
    let server = RedisServer::start();
    let cache = server.cache_builder().jitter(0.5).build().expect("right");
    let mut ttls = Vec::new();
    for n in 0..50 {
        let loaded = cache.get_or_load(format!("own:{n}"), MINUTE, || async { n });
        loaded.ttl_of(|_| MINUTE / 2).await;
        ttls.push(server.run::<u64>(&["PTTL", &format!("own:{n}")]));
    }
    let (shortest, longest) = (ttls.iter().min(), ttls.iter().max());
    assert!(
        longest <= Some(&30_000) && longest > Some(&22_500),
        "{ttls:?}"
    );
    assert!(
        (Some(&14_000)..Some(&22_500)).contains(&shortest),
        "{ttls:?}"
    );

    let loaded = cache.get_or_load("cut", MINUTE, || async { 7 });
    loaded.ttl_of(|_| Duration::MAX).await;
    assert!(server.run::<u64>(&["PTTL", "cut"]) <= 60_000);
}

#[tokio::test]
async fn windows_come_behind_its_own_ttl() {
    on_every_store(async |cache| {
        let runs = Runs::default();
        let call = async || {
            let runs = runs.clone();
            let loaded = cache.get_or_load("own", MINUTE, move || async move { runs.count() });
            let loaded = loaded.ttl_of(|_| SOON);
            loaded.stale_while_revalidate(MINUTE).await
        };
        assert_eq!(call().await, 1);
        eventually("a refresh is seen", async || call().await > 1).await;
        assert_eq!(cache.stats().misses, 1);
        assert!(cache.stats().stale > 0);
    })
    .await;
}
