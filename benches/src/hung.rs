//! A server that hangs, under load: what its callers wait at first, and afterwards.

use std::time::Duration;

use axum::routing::get;
use axum::{Json, Router};
use cache_runtime::{Cache, cache};
use cache_testkit::RedisServer;

use crate::load::{Times, run, serve};

const CLIENTS: usize = 64;
const ROUNDS: usize = 7;
const ROUND: Duration = Duration::from_secs(1);

#[cache("numbers")]
async fn cached() -> Json<Vec<u64>> {
    uncached().await
}

/// What it makes takes it a little while.
async fn uncached() -> Json<Vec<u64>> {
    tokio::time::sleep(Duration::from_millis(1)).await;
    Json((0..200).collect())
}

pub(crate) async fn run_all() {
    let redis = RedisServer::start();
    let cache = Cache::builder().url(redis.url()).build().expect("right");
    cache.install();
    let router = Router::new()
        .route("/cached", get(cached))
        .route("/uncached", get(uncached));
    let address = serve(router).await;
    let hits = run(address, "/cached", CLIENTS, ROUND).await;
    show("hits, before", &hits);
    redis.signal("STOP");
    let first = run(address, "/cached", CLIENTS, ROUND).await;
    show("hung, first", &first);
    let mut worse = Vec::new();
    for _ in 0..ROUNDS {
        let without = run(address, "/uncached", CLIENTS, ROUND).await;
        let hung = run(address, "/cached", CLIENTS, ROUND).await;
        show("no cache", &without);
        show("hung", &hung);
        worse.push(hung.quantile(0.99).saturating_sub(without.quantile(0.99)));
    }
    worse.sort_unstable();
    let stats = cache.stats();
    println!(
        "median of (p99 hung - p99 without a cache), {ROUNDS} rounds: {:.2?}; {} calls waited",
        worse[ROUNDS / 2],
        stats.errors.timeouts
    );
    redis.signal("CONT");
}

fn show(what: &str, times: &Times) {
    println!(
        "{what:14} {:7} requests, p50 {:>8.2?}, p99 {:>8.2?}, slowest {:>8.2?}",
        times.count(),
        times.quantile(0.5),
        times.quantile(0.99),
        times.quantile(1.0)
    );
}
