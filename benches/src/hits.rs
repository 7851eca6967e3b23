//! A hit over HTTP, beside what one would write by hand.

use std::fs;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use cache_runtime::redis::aio::MultiplexedConnection;
use cache_runtime::redis::deadpool_redis::{Config, Pool, Runtime};
use cache_runtime::redis::{AsyncCommands as _, Client};
use cache_runtime::{Cache, Cached, cache};
use cache_testkit::{RedisServer, eventually};
use serde::{Deserialize, Serialize};

use crate::load::{run, serve};

const CLIENTS: usize = 64;
const ROUNDS: usize = 7;
const ROUND: Duration = Duration::from_secs(1);

/// How many records make 200 bytes, 2 KB, 50 KB.
pub(crate) const SIZES: [usize; 3] = [2, 20, 500];

const VARIANTS: [&str; 9] = [
    "raw", "cached", "layer", "json", "hand", "pool", "moka", "near", "barrier",
];

/// Which is compared with which, and what it is to reach at each size.
const GOALS: [(&str, &str, &str); 9] = [
    ("T1", "cached", "raw"),
    ("T1", "layer", "raw"),
    ("T3", "cached", "pool"),
    ("T4", "json", "hand"),
    ("", "cached", "hand"),
    ("", "json", "pool"),
    ("", "layer", "moka"),
    ("", "near", "moka"),
    ("", "barrier", "moka"),
];

#[derive(Clone, Deserialize, Serialize)]
pub(crate) struct Record {
    id: usize,
    name: String,
    email: String,
    score: f64,
    is_active: bool,
}

pub(crate) fn records(count: usize) -> Vec<Record> {
    let record = |id| Record {
        id,
        name: format!("Person {id}"),
        email: format!("person{id}@example.org"),
        score: 0.5,
        is_active: id % 2 == 0,
    };
    (0..count).map(record).collect()
}

#[cache("records", resource_id_name = "count")]
async fn cached(Path(count): Path<usize>) -> Cached<Vec<Record>> {
    records(count).into()
}

#[cache("records", resource_id_name = "count")]
async fn json(Path(count): Path<usize>) -> Json<Vec<Record>> {
    Json(records(count))
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

#[derive(Clone)]
struct ByHand {
    bodies: moka::sync::Cache<String, Bytes>,
    connection: MultiplexedConnection,
    pool: Pool,
}

async fn raw(State(mut by_hand): State<ByHand>, Path(count): Path<usize>) -> impl IntoResponse {
    let entry = by_hand.connection.get(format!("records:{count}")).await;
    let entry: Vec<u8> = entry.expect("it was stored");
    ([(CONTENT_TYPE, "application/json")], entry)
}

async fn hand(State(mut by_hand): State<ByHand>, Path(count): Path<usize>) -> Json<Vec<Record>> {
    let entry = by_hand.connection.get(format!("records:{count}")).await;
    let entry: Vec<u8> = entry.expect("it was stored");
    Json(serde_json::from_slice(&entry).expect("it is JSON"))
}

async fn pool(State(by_hand): State<ByHand>, Path(count): Path<usize>) -> Json<Vec<Record>> {
    let mut connection = by_hand.pool.get().await.expect("a connection");
    let entry: Vec<u8> = connection
        .get(format!("records:{count}"))
        .await
        .expect("it was stored");
    Json(serde_json::from_slice(&entry).expect("it is JSON"))
}

async fn moka(State(by_hand): State<ByHand>, Path(count): Path<usize>) -> impl IntoResponse {
    let body = by_hand.bodies.get(&format!("records:{count}"));
    (
        [(CONTENT_TYPE, "application/json")],
        body.expect("it was stored"),
    )
}

/// What one round has measured: requests in a second, and the time of the processor for each.
#[derive(Clone, Copy)]
struct Measured {
    rate: f64,
    cpu: f64,
}

pub(crate) async fn run_all() {
    let redis = RedisServer::start();
    let cache = Cache::builder().url(redis.url()).jitter(0.0).build();
    let cache = cache.expect("the URL is right");
    cache.install();
    let client = Client::open(redis.url()).expect("the URL is right");
    let connection = client.get_multiplexed_async_connection().await;
    let pool_of_its_own = Config::from_url(redis.url()).create_pool(Some(Runtime::Tokio1));
    let by_hand = ByHand {
        bodies: moka::sync::Cache::new(100),
        connection: connection.expect("it listens"),
        pool: pool_of_its_own.expect("the URL is right"),
    };
    let router = Router::new()
        .route("/cached/{count}", get(cached))
        .route("/layer/{count}", get(cached).layer(cache.layer()))
        .route("/json/{count}", get(json))
        .route("/raw/{count}", get(raw))
        .route("/hand/{count}", get(hand))
        .route("/pool/{count}", get(pool))
        .route("/moka/{count}", get(moka))
        .route("/near/{count}", get(near).layer(cache.layer()))
        .route("/barrier/{count}", get(barrier).layer(cache.layer()))
        .with_state(by_hand.clone());
    let address = serve(router).await;
    for size in SIZES {
        cached(Path(size)).await;
        let bytes: usize = redis.run(&["STRLEN", &format!("records:{size}")]);
        println!("{bytes} bytes");
        let body: String = redis.run(&["GET", &format!("records:{size}")]);
        by_hand
            .bodies
            .insert(format!("records:{size}"), body.into());
        eventually("hits come from memory", async || {
            let before = cache.stats().near.hits;
            near(Path(size)).await;
            cache.stats().near.hits > before
        })
        .await;
        redis.reset_commands();
        let before = cache.stats().near.hits;
        run(address, &format!("/near/{size}"), CLIENTS, ROUND).await;
        let (hits, commands) = (cache.stats().near.hits - before, redis.commands());
        let commands: u64 = commands.values().sum();
        println!("  {hits} hits from memory, {commands} commands");
        let mut rounds = Vec::new();
        for _ in 0..ROUNDS {
            let mut round = Vec::new();
            for variant in VARIANTS {
                let (path, before) = (format!("/{variant}/{size}"), processor_time());
                let times = run(address, &path, CLIENTS, ROUND).await;
                round.push(Measured::of(
                    times.count(),
                    processor_time().saturating_sub(before),
                ));
            }
            rounds.push(round);
        }
        report(&rounds);
    }
}

impl Measured {
    #[expect(clippy::cast_precision_loss, reason = "counts of a second")]
    fn of(count: usize, cpu: Duration) -> Self {
        Self {
            rate: count as f64 / ROUND.as_secs_f64(),
            cpu: cpu.as_secs_f64() * 1e6 / count as f64,
        }
    }
}

fn report(rounds: &[Vec<Measured>]) {
    let of = |name: &str, value: fn(&Measured) -> f64| -> Vec<f64> {
        let index = VARIANTS.iter().position(|variant| *variant == name);
        let index = index.expect("a variant");
        rounds.iter().map(|round| value(&round[index])).collect()
    };
    for variant in VARIANTS {
        let (rate, cpu) = (of(variant, |it| it.rate), of(variant, |it| it.cpu));
        println!(
            "  {variant:14} {:9.0} requests/s, {:6.1} us",
            median(rate),
            median(cpu)
        );
    }
    for (goal, one, other) in GOALS {
        let (ones, others) = (of(one, |it| it.rate), of(other, |it| it.rate));
        let ratios = ones.iter().zip(&others).map(|(one, other)| one / other);
        let ratio = median(ratios.collect());
        let (ones, others) = (of(one, |it| it.cpu), of(other, |it| it.cpu));
        let more = ones.iter().zip(&others).map(|(one, other)| one - other);
        let more = median(more.collect());
        println!("  {goal:2} {one} / {other}: {ratio:.2}, {more:+.1} us");
    }
}

pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Of this process, clients and server: nothing where the system does not tell.
fn processor_time() -> Duration {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(") ").next().unwrap_or_default().split(' ');
    let ticks = fields
        .skip(11)
        .take(2)
        .filter_map(|field| field.parse::<u64>().ok());
    // A tick is a hundredth of a second.
    Duration::from_millis(ticks.sum::<u64>() * 10)
}
