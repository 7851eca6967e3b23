//! A hit over HTTP, beside what one would write by hand.

use std::io;
use std::path::Path as FilePath;
use std::time::Duration;

use axum::extract::Path;
use axum::routing::get;
use axum::{Json, Router};
use cache_runtime::{Cache, Cached, cache};
use cache_testkit::{RedisServer, eventually};

use crate::by_hand::{self, ByHand};
use crate::load::{run, serve};
use crate::measured::{Goal, Measured, Report};
use crate::records::{Record, SIZES, json as stored, records};

const CALLERS: [usize; 4] = [1, 8, 64, 256];
const ROUNDS: usize = 7;
const ROUND: Duration = Duration::from_millis(400);

const LAYER: &str = "#[cache], Cached<T>, layer";
const TAGGED: &str = "#[cache], two tags, layer";
const BARE: &str = "#[cache], Cached<T>";
const DECODED: &str = "#[cache], Json<T>";
const IN_PROCESS: &str = "#[cache], in-process, layer";
const NEAR: &str = "#[cache], near = \"10ms\", layer";
const BARRIER: &str = "#[cache], near = \"0ms\", layer";
const RAW: &str = "GET by hand, raw bytes";
const BY_HAND: &str = "GET by hand, Json<T>";
const POOL: &str = "deadpool by hand, Json<T>";
const CACHED: &str = "cached 4, Redis, Json<T>";
const CLIENT_SIDE: &str = "cached 4, client-side, Json<T>";
const MOKA_AND_PING: &str = "moka and one PING by hand";
const MOKA: &str = "moka by hand, raw bytes";

/// Each with its path, from what is slow to what is fast.
const VARIANTS: [(&str, &str); 14] = [
    (CACHED, "peer"),
    (POOL, "pool"),
    (BY_HAND, "decoded"),
    (DECODED, "json"),
    (RAW, "raw"),
    (BARE, "cached"),
    (LAYER, "layer"),
    (TAGGED, "tagged"),
    (CLIENT_SIDE, "client-side"),
    (BARRIER, "barrier"),
    (MOKA_AND_PING, "moka-and-ping"),
    (NEAR, "near"),
    (IN_PROCESS, "in-process"),
    (MOKA, "moka"),
];

const GOALS: [Goal; 13] = [
    goal(LAYER, RAW, 64, [1.0; 3]),
    goal(LAYER, RAW, 256, [1.15; 3]),
    goal(BARE, RAW, 64, [1.0; 3]),
    goal(LAYER, RAW, 1, [0.9; 3]),
    goal(LAYER, CACHED, 64, [1.15, 1.6, 2.5]),
    goal(DECODED, BY_HAND, 64, [0.98; 3]),
    goal(DECODED, CACHED, 64, [1.0; 3]),
    goal(IN_PROCESS, MOKA, 64, [0.95; 3]),
    goal(NEAR, MOKA, 64, [0.9; 3]),
    goal(BARRIER, MOKA, 64, [0.0, 0.0, 0.8]),
    goal(BARRIER, MOKA_AND_PING, 64, [0.9; 3]),
    goal(BARRIER, CLIENT_SIDE, 64, [1.0; 3]),
    goal(NEAR, CLIENT_SIDE, 64, [1.0; 3]),
];

const fn goal(one: &'static str, other: &'static str, callers: usize, at_least: [f64; 3]) -> Goal {
    Goal {
        one,
        other,
        callers,
        at_least,
    }
}

#[cache("records", resource_id_name = "count")]
async fn cached(Path(count): Path<usize>) -> Cached<Vec<Record>> {
    records(count).into()
}

#[cache("records", resource_id_name = "count")]
async fn json(Path(count): Path<usize>) -> Json<Vec<Record>> {
    Json(records(count))
}

#[cache("tagged", resource_id_name = "count", tags = ["records", "records:{count}"])]
async fn tagged(Path(count): Path<usize>) -> Cached<Vec<Record>> {
    records(count).into()
}

/// From memory, where the time that a copy may be wrong lets most hits go without a command.
#[cache("records", resource_id_name = "count", near = "10ms")]
async fn near(Path(count): Path<usize>) -> Cached<Vec<Record>> {
    records(count).into()
}

/// From memory, once Redis has said that nothing has changed.
#[cache("records", resource_id_name = "count", near = "0ms")]
async fn barrier(Path(count): Path<usize>) -> Cached<Vec<Record>> {
    records(count).into()
}

pub(crate) async fn run_all(folder: &FilePath) -> io::Result<()> {
    let redis = RedisServer::start();
    let cache = Cache::builder().url(redis.url()).jitter(0.0).build();
    let cache = cache.expect("the URL is right");
    cache.install();
    let by_hand = ByHand::new(&redis.url()).await;
    let in_process = Cache::in_memory();
    let router = Router::new()
        .route("/cached/{count}", get(cached))
        .route("/layer/{count}", get(cached).layer(cache.layer()))
        .route("/tagged/{count}", get(tagged).layer(cache.layer()))
        .route("/json/{count}", get(json))
        .route("/near/{count}", get(near).layer(cache.layer()))
        .route("/barrier/{count}", get(barrier).layer(cache.layer()))
        .route("/in-process/{count}", get(cached).layer(in_process.layer()))
        .route("/raw/{count}", get(by_hand::raw))
        .route("/decoded/{count}", get(by_hand::decoded))
        .route("/pool/{count}", get(by_hand::pool))
        .route("/peer/{count}", get(by_hand::cached))
        .route("/client-side/{count}", get(by_hand::client_side))
        .route("/moka-and-ping/{count}", get(by_hand::moka_and_ping))
        .route("/moka/{count}", get(by_hand::moka))
        .with_state(by_hand.clone());
    let address = serve(router).await;
    let mut measured = Vec::new();
    for size in SIZES {
        by_hand.store(size).await;
        cached(Path(size)).await;
        eventually("hits come from memory", async || {
            let before = cache.stats().near.hits;
            near(Path(size)).await;
            cache.stats().near.hits > before
        })
        .await;
        for callers in CALLERS {
            let mut rows = VARIANTS.map(|(variant, _)| Measured {
                variant: variant.to_owned(),
                bytes: stored(size).len(),
                callers,
                rates: Vec::new(),
            });
            for _ in 0..ROUNDS {
                for (row, (_, path)) in rows.iter_mut().zip(VARIANTS) {
                    let times = run(address, &format!("/{path}/{size}"), callers, ROUND).await;
                    row.rates.push(times.rate(ROUND));
                }
            }
            measured.extend(rows);
        }
    }
    let title = "A hit over HTTP (axum)".to_owned();
    Report { title, measured }.tell("hits", &GOALS, folder)
}
