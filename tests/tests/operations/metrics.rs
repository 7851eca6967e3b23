//! What a recorder of the crate `metrics` is told, as Prometheus scrapes it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use cache_runtime::{BreakerState, Cache, cache};
use cache_testkit::{RedisServer, Runs, World, eventually, free_port};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusRecorder};
use serde_json::Value;
use tokio::task::spawn_blocking;
use tokio::time::{advance, sleep};

use crate::reasons::never;
use crate::world::{LOAD, gated, post, slow, stats_of, update};

const IN_PROCESS: &str = "in-process store";
const POST: &str = "operations::world::post";

#[derive(Debug)]
struct Sample {
    name: String,
    labels: BTreeMap<String, String>,
    value: f64,
}

/// The samples of a scrape, whose labels have no quotes in them.
fn samples(scrape: &str) -> Vec<Sample> {
    let lines = scrape.lines();
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    let sample = |line: &str| {
        let (series, value) = line.rsplit_once(' ').expect("a value");
        let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
        let labels = labels.trim_end_matches('}').split("\",");
        let labels = labels.filter_map(|label| label.split_once("=\""));
        let labels = labels.map(|(name, value)| {
            let value = value.trim_end_matches('"');
            (name.to_owned(), value.to_owned())
        });
        Sample {
            name: name.to_owned(),
            labels: labels.collect(),
            value: value.parse().expect("a number"),
        }
    };
    lines.map(sample).collect()
}

/// The value of the series that has these labels among others; nothing where there is not exactly one.
fn value(scrape: &str, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
    let samples = samples(scrape).into_iter();
    let mut samples = samples.filter(|sample| {
        let has = |&(name, value): &(&str, &str)| {
            let known = sample.labels.get(name);
            known.is_some_and(|known| known == value)
        };
        sample.name == name && labels.iter().all(has)
    });
    let sample = samples.next()?;
    samples.next().is_none().then_some(sample.value)
}

fn assert_value(scrape: &str, name: &str, labels: &[(&str, &str)], expected: f64) {
    let value = value(scrape, name, labels);
    assert_eq!(value, Some(expected), "{name} {labels:?} in {scrape}");
}

fn recorder() -> PrometheusRecorder {
    PrometheusBuilder::new().build_recorder()
}

/// A recorder that is scraped over HTTP, as long as the test's runtime runs, and where.
fn listening() -> (PrometheusRecorder, SocketAddr) {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
    let builder = PrometheusBuilder::new().with_http_listener(address);
    let (recorder, exporter) = builder.build().expect("the port is free");
    tokio::spawn(exporter);
    (recorder, address)
}

async fn scrape(address: SocketAddr) -> String {
    let request = "GET /metrics HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    let scraped = spawn_blocking(move || {
        let mut connection = TcpStream::connect(address)?;
        connection.write_all(request.as_bytes())?;
        let mut response = String::new();
        connection.read_to_string(&mut response)?;
        std::io::Result::Ok(response)
    });
    let response = scraped.await.expect("no panic").expect("a response");
    let (head, body) = response.split_once("\r\n\r\n").expect("a body");
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    body.to_owned()
}

/// A few calls of each kind, on this cache.
async fn call(cache: &Cache) {
    let runs = Runs::default();
    for id in [1, 1, 2, 1] {
        post(cache, &runs, id).await;
    }
    update(cache, 1).await;
    never(cache).await;
    let world = World::new(cache.clone());
    tokio::join!(gated(&world, 1), delete_meanwhile(&world));
}

/// Makes the load of `gated` useless.
async fn delete_meanwhile(world: &World) {
    world.has_read.pass().await;
    world.cache.delete(["gated:1"]).await.expect("deleted");
    world.open();
}

#[tokio::test]
async fn names_and_labels_are_those_of_springs_caches() {
    let (recorder, address) = listening();
    let _recorded = metrics::set_default_local_recorder(&recorder);
    call(&Cache::in_memory()).await;
    let scrape = scrape(address).await;
    // With the labels by which dashboards of Spring's caches choose and name.
    let of = |function| {
        [
            ("cache", function),
            ("name", function),
            ("cache_manager", IN_PROCESS),
        ]
    };
    for (result, expected) in [("hit", 2.0), ("miss", 2.0)] {
        let labels = [&of(POST)[..], &[("result", result)]].concat();
        assert_value(&scrape, "cache_gets_total", &labels, expected);
    }
    assert_value(&scrape, "cache_puts_total", &of(POST), 2.0);
    let update = "operations::world::update";
    assert_value(&scrape, "cache_evictions_total", &of(update), 1.0);
    // One entry and the nonce of its tag.
    assert_value(&scrape, "cache_size", &of(IN_PROCESS), 2.0);
    for (name, kind) in [
        ("cache_gets_total", "counter"),
        ("cache_puts_total", "counter"),
        ("cache_evictions_total", "counter"),
        ("cache_size", "gauge"),
    ] {
        assert!(
            scrape.contains(&format!("# TYPE {name} {kind}\n")),
            "{scrape}"
        );
        assert!(scrape.contains(&format!("# HELP {name} ")), "{scrape}");
    }
    assert!(!scrape.contains("post:1"), "no key: {scrape}");
}

#[cache("limited", cache = world.cache, skip(world), max_loads = 1)]
async fn limited(world: &World, id: u64) -> u64 {
    world.load().await
}

#[tokio::test(start_paused = true)]
async fn a_load_beyond_its_limit_is_told() {
    let recorder = recorder();
    let _recorded = metrics::set_default_local_recorder(&recorder);
    let world = World::new(Cache::in_memory());
    let open = async {
        for _ in 0..2 {
            world.has_read.pass().await;
        }
        world.open();
    };
    tokio::join!(limited(&world, 1), limited(&world, 2), open);
    let scrape = recorder.handle().render();
    let labels = [("cache", "operations::metrics::limited")];
    assert_value(&scrape, "cache_loads_shed_total", &labels, 1.0);
}

#[cache("verified", cache = cache, skip(runs), verify = 1)]
async fn verified(cache: Cache, runs: Runs) -> bool {
    runs.count() <= 2
}

#[tokio::test(start_paused = true)]
async fn hits_that_are_verified_are_told_by_what_came_of_it() {
    let recorder = recorder();
    let _recorded = metrics::set_default_local_recorder(&recorder);
    let (cache, runs) = (Cache::in_memory(), Runs::default());
    for _ in 0..3 {
        verified(cache.clone(), runs.clone()).await;
        sleep(Duration::from_secs(6)).await;
    }
    let scrape = recorder.handle().render();
    for result in ["same", "different"] {
        let labels = [
            ("cache", "operations::metrics::verified"),
            ("result", result),
        ];
        assert_value(&scrape, "cache_verifications_total", &labels, 1.0);
    }
}

#[tokio::test(start_paused = true)]
async fn each_result_is_told_and_how_long_loads_took() {
    let recorder = recorder();
    let _recorded = metrics::set_default_local_recorder(&recorder);
    let cache = Cache::in_memory();
    slow(cache.clone(), 1).await;
    advance(Duration::from_secs(60)).await;
    slow(cache.clone(), 1).await;
    while stats_of(&cache, "slow").fills < 2 {
        tokio::time::sleep(LOAD).await;
    }
    never(&cache).await;
    let world = World::new(cache.clone());
    let second = async {
        world.has_read.pass().await;
        let open = async {
            tokio::task::yield_now().await;
            world.open();
        };
        tokio::join!(gated(&world, 1), open);
    };
    tokio::join!(gated(&world, 1), second);
    cache.delete(["gated:1"]).await.expect("deleted");
    let world = World::new(cache.clone());
    tokio::join!(gated(&world, 1), delete_meanwhile(&world));
    let scrape = recorder.handle().render();
    let gated = "operations::world::gated";
    for (function, result) in [
        ("operations::world::slow", "miss"),
        ("operations::world::slow", "stale"),
        (gated, "collapsed"),
        ("operations::reasons::never", "bypass"),
    ] {
        let labels = [("cache", function), ("result", result)];
        assert_value(&scrape, "cache_gets_total", &labels, 1.0);
    }
    assert_value(
        &scrape,
        "cache_bypasses_total",
        &[("reason", "condition")],
        1.0,
    );
    assert_value(
        &scrape,
        "cache_puts_discarded_total",
        &[("cache", gated)],
        1.0,
    );
    let slow = [("cache", "operations::world::slow")];
    assert_value(&scrape, "cache_load_duration_seconds_count", &slow, 2.0);
    let seconds = 2.0 * LOAD.as_secs_f64();
    assert_value(&scrape, "cache_load_duration_seconds_sum", &slow, seconds);
}

#[tokio::test]
async fn pending_invalidations_and_breakers_are_told() {
    let recorder = recorder();
    let _recorded = metrics::set_default_local_recorder(&recorder);
    let server = RedisServer::start();
    let (name, address) = (server.url(), server.address());
    let port = server.port();
    let cache = server.cache_builder().namespace("blog").build();
    let cache = cache.expect("the URL is right");
    let runs = Runs::default();
    let pending = |expected| {
        let labels = [("cache_manager", &*format!("{name} blog"))];
        let scrape = recorder.handle().render();
        assert_value(&scrape, "cache_invalidations_pending", &labels, expected);
    };
    let breaker = |expected| {
        let labels = [("server", &*address)];
        let scrape = recorder.handle().render();
        assert_value(&scrape, "cache_breaker_open", &labels, expected);
    };
    post(&cache, &runs, 1).await;
    pending(0.0);
    breaker(0.0);
    server.run::<()>(&["ACL", "SETUSER", "default", "-eval", "-evalsha"]);
    update(&cache, 1).await;
    // `post:1`, `top` and `feed`.
    pending(3.0);
    drop(server);
    eventually("it is not asked any more", async || {
        post(&cache, &runs, 1).await;
        cache.stats().breaker == BreakerState::Open
    })
    .await;
    breaker(1.0);
    let _back = RedisServer::start_on(port);
    assert_eq!(cache.drain(Duration::from_secs(30)).await, 0);
    pending(0.0);
    breaker(0.0);
}

#[tokio::test]
async fn a_recorder_that_comes_late_is_told_from_then_on() {
    let (cache, runs) = (Cache::in_memory(), Runs::default());
    post(&cache, &runs, 1).await;
    let recorder = recorder();
    let _recorded = metrics::set_default_local_recorder(&recorder);
    for _ in 0..2 {
        post(&cache, &runs, 1).await;
    }
    let scrape = recorder.handle().render();
    let labels = [("cache", POST), ("result", "hit")];
    assert_value(&scrape, "cache_gets_total", &labels, 2.0);
    assert_eq!(stats_of(&cache, "post").misses, 1);
}

/// The selectors of a query: a metric's name, and the names of its labels.
fn selectors(query: &str) -> Vec<(&str, Vec<&str>)> {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    let selector = |(at, _)| {
        let name: &str = query[..at].rsplit(|c| !is_part(c)).next().expect("a name");
        let labels = query[at + 1..].split('}').next().expect("an end");
        let labels = labels
            .split(',')
            .filter_map(|label| label.split('=').next());
        let labels = labels.map(str::trim).filter(|label| !label.is_empty());
        (name, labels.collect())
    };
    query.match_indices('{').map(selector).collect()
}

/// The labels that a query groups by.
fn groups(query: &str) -> Vec<&str> {
    let groups = query.split("by (").skip(1);
    let groups = groups.filter_map(|rest| rest.split(')').next());
    groups.flat_map(|group| group.split(", ")).collect()
}

#[tokio::test]
async fn what_the_dashboard_asks_for_is_in_a_scrape() {
    let (recorder, address) = listening();
    let _recorded = metrics::set_default_local_recorder(&recorder);
    call(&Cache::in_memory()).await;
    let (cache, runs) = (Cache::in_memory(), Runs::default());
    eventually("a hit is verified", async || {
        verified(cache.clone(), runs.clone()).await;
        cache.stats().verified > 0
    })
    .await;
    let server = RedisServer::start();
    call(&server.cache()).await;
    let scrape = scrape(address).await;
    let mut known = BTreeMap::<String, BTreeSet<String>>::new();
    for sample in samples(&scrape) {
        known
            .entry(sample.name)
            .or_default()
            .extend(sample.labels.into_keys());
    }
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/grafana.json");
    let dashboard = fs::read_to_string(file).expect("the dashboard");
    let dashboard: Value = serde_json::from_str(&dashboard).expect("JSON");
    let list = |value: &Value| value.as_array().expect("a list").clone();
    let panels = list(&dashboard["panels"]);
    let targets = panels.iter().flat_map(|panel| list(&panel["targets"]));
    let mut queries: Vec<Value> = targets.map(|target| target["expr"].clone()).collect();
    let variables = list(&dashboard["templating"]["list"]);
    queries.extend(
        variables
            .iter()
            .map(|variable| variable["definition"].clone()),
    );
    let mut asked_for = BTreeSet::new();
    for query in queries.iter().filter_map(Value::as_str) {
        let selectors = selectors(query);
        assert!(!selectors.is_empty(), "{query}");
        for (name, labels) in selectors {
            let of_metric = known
                .get(name)
                .unwrap_or_else(|| panic!("{name}: {scrape}"));
            for label in labels.into_iter().chain(groups(query)) {
                assert!(of_metric.contains(label), "{label} of {query}");
            }
            asked_for.insert(name.to_owned());
        }
    }
    let forgotten: Vec<_> = known
        .keys()
        .filter(|name| !asked_for.contains(*name))
        .collect();
    assert_eq!(forgotten, ["cache_load_duration_seconds"], "its quantiles");
}
