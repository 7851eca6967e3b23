//! How many instructions a hit takes, which no other work on the machine changes: this program runs itself under
//! valgrind, twice for each case, and the longer run has so many more hits.

use std::env;
use std::fs;
use std::hint::black_box;
use std::process::{Command, ExitCode, Stdio};
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Path;
use axum::http::{Request, StatusCode};
use axum::routing::get;
use axum::{Json, Router};
use cache_runtime::{Cache, Cached, cache};
use cache_testkit::RedisServer;
use tower_layer::Identity;
use tower_service::Service as _;

use crate::by_hand::{ByHand, moka, raw};
use crate::records::{Record, SIZES, records};

/// Where the entry is, and what is called: functions by what they return, and handlers behind a router that return a
/// `Cached<T>`. What one would write by hand is beside them, and what axum takes for a layer that does nothing.
const CASES: [(&str, &str); 14] = [
    ("in-process", "T"),
    ("in-process", "Json<T>"),
    ("in-process", "Cached<T>"),
    ("in-process", "router"),
    ("in-process", "layer"),
    ("in-process", "moka behind a router"),
    ("redis", "T"),
    ("redis", "Json<T>"),
    ("redis", "Cached<T>"),
    ("redis", "router"),
    ("redis", "layer"),
    ("redis", "GET"),
    ("redis", "GET behind a router"),
    ("redis", "GET, empty layer"),
];

/// So many hits in the two runs.
const HITS: [u64; 2] = [100, 600];

/// What was counted last, and agreed to.
const RECORDED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/instructions.txt");

/// So much more than what was recorded is too much, in percent.
const TOLERANCE: u64 = 3;

#[cache("records", resource_id_name = "count")]
async fn plain(count: usize) -> Vec<Record> {
    records(count)
}

#[cache("records", resource_id_name = "count", method = "GET")]
async fn json(count: usize) -> Json<Vec<Record>> {
    Json(records(count))
}

#[cache("records", resource_id_name = "count", method = "GET")]
async fn cached(count: usize) -> Cached<Vec<Record>> {
    records(count).into()
}

async fn handler(path: Path<usize>) -> Cached<Vec<Record>> {
    cached(path.0).await
}

/// Without arguments all cases, and whether one takes more than was recorded; with `record` they are recorded; with those
/// of a case, that case alone, in this process.
pub(crate) fn run_all(arguments: &[String]) -> ExitCode {
    if let [store, case, size, hits] = arguments {
        let (size, hits) = (size.parse(), hits.parse());
        let (size, hits) = (size.expect("a number"), hits.expect("a number"));
        run_case(store, case, size, hits).expect("the cache starts");
        return ExitCode::SUCCESS;
    }
    let version = Command::new("valgrind").arg("--version").output();
    if version.is_err() {
        eprintln!("this takes `valgrind`, which is not there");
        return ExitCode::FAILURE;
    }
    let redis = RedisServer::start();
    let columns = SIZES.map(|size| format!(" {size:9}")).concat();
    let mut table = format!("{:34}{columns}\n", "instructions of a hit by records");
    print!("{table}");
    for (store, case) in CASES {
        let counts = SIZES.map(|size| {
            let [short, long] = HITS.map(|hits| instructions(store, &redis, case, size, hits));
            format!(" {:9}", (long - short) / (HITS[1] - HITS[0]))
        });
        let line = format!("{store:12}{case:22}{}\n", counts.concat());
        print!("{line}");
        table += &line;
    }
    if arguments == ["record"] {
        fs::write(RECORDED, table).expect("the file can be written");
        return ExitCode::SUCCESS;
    }
    let recorded = fs::read_to_string(RECORDED).unwrap_or_default();
    // What is by hand tells whether this machine, and its client library, count as those did that were recorded.
    let by_hand = [
        more_than(&recorded, &table, true),
        more_than(&table, &recorded, true),
    ];
    if let Some(case) = by_hand.concat().first() {
        println!(
            "{case}: what is by hand is counted differently here, so nothing can be said: record it anew"
        );
        return ExitCode::SUCCESS;
    }
    let more = more_than(&recorded, &table, false);
    for case in &more {
        eprintln!("{case}: more than {TOLERANCE} % above what `benches/instructions.txt` has");
    }
    if more.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Whether it is what one would write by hand.
fn is_by_hand(case: &str) -> bool {
    case.contains("GET") || case.contains("moka")
}

/// The cases that take more than was recorded: those by hand, or ours.
fn more_than(recorded: &str, counted: &str, by_hand: bool) -> Vec<String> {
    let counts = |line: &str| -> Vec<u64> {
        let numbers = line.get(34..).unwrap_or_default().split_whitespace();
        numbers.filter_map(|number| number.parse().ok()).collect()
    };
    let mut more = Vec::new();
    let lines = counted.lines().skip(1);
    for line in lines.filter(|line| is_by_hand(line) == by_hand) {
        let name = &line[..34];
        let before = recorded.lines().find(|before| before.starts_with(name));
        let before = before.map(counts).unwrap_or_default();
        for (place, count) in counts(line).into_iter().enumerate() {
            let most = before.get(place).map(|before| before * (100 + TOLERANCE));
            if most.is_none_or(|most| count * 100 > most) {
                let name = name.split_whitespace().collect::<Vec<_>>().join(" ");
                let before = before.get(place).copied().unwrap_or_default();
                more.push(format!(
                    "{name}, {} records: {count}, {before} before",
                    SIZES[place]
                ));
            }
        }
    }
    more
}

/// Of a run with so many hits.
fn instructions(store: &str, redis: &RedisServer, case: &str, size: usize, hits: u64) -> u64 {
    let file = env::temp_dir().join(format!("callgrind.out.{}", std::process::id()));
    let status = Command::new("valgrind")
        .args(["--tool=callgrind", "--quiet"])
        .arg(format!("--callgrind-out-file={}", file.display()))
        .arg(env::current_exe().expect("this program has a path"))
        .args(["instructions", store, case])
        .args([size.to_string(), hits.to_string()])
        .env("REDIS_CACHE_URL", redis.url())
        .stdout(Stdio::null())
        .status();
    assert!(status.expect("valgrind starts").success());
    let counted = fs::read_to_string(&file).expect("callgrind writes what it has counted");
    let _ = fs::remove_file(&file);
    let total = counted
        .lines()
        .find_map(|line| line.strip_prefix("totals: "));
    total.expect("a total").parse().expect("a number")
}

/// What a case calls, again and again.
struct Calls {
    router: Router,
    by_hand: Arc<ByHand>,
    size: usize,
}

fn run_case(store: &str, case: &str, size: usize, hits: u64) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        // Everything takes longer under valgrind.
        let builder = Cache::builder()
            .jitter(0.0)
            .deadline(Duration::from_secs(10));
        let url = env::var("REDIS_CACHE_URL").expect("where Redis is");
        let cache = match store {
            "in-process" => Cache::in_memory(),
            _ => builder.url(&url).build().expect("the URL is right"),
        };
        cache.install();
        let calls = Calls::new(&cache, &url, size).await;
        // All is there, and known, before what is counted.
        for _ in 0..2 {
            calls.call(case).await;
            cached(size).await;
        }
        let before = cache.stats().hits;
        for _ in 0..hits {
            calls.call(case).await;
        }
        let hits = if is_by_hand(case) { 0 } else { hits };
        assert_eq!(cache.stats().hits - before, hits);
    });
    Ok(())
}

impl Calls {
    async fn new(cache: &Cache, url: &str, size: usize) -> Self {
        let by_hand = ByHand::new(url).await;
        let router = Router::new()
            .route("/router/{count}", get(handler))
            .route("/layer/{count}", get(handler).layer(cache.layer()))
            .route("/raw/{count}", get(raw))
            .route("/empty/{count}", get(raw).layer(Identity::new()))
            .route("/moka/{count}", get(moka))
            .with_state(by_hand.clone());
        by_hand.store(size).await;
        Self {
            router,
            by_hand,
            size,
        }
    }

    async fn call(&self, case: &str) {
        let size = self.size;
        match case {
            "T" => drop(black_box(plain(size).await)),
            "Json<T>" => drop(black_box(json(size).await)),
            "Cached<T>" => drop(black_box(cached(size).await)),
            "GET" => drop(black_box(self.by_hand.raw(size).await)),
            "router" => self.request("router").await,
            "layer" => self.request("layer").await,
            "GET behind a router" => self.request("raw").await,
            "GET, empty layer" => self.request("empty").await,
            _ => self.request("moka").await,
        }
    }

    async fn request(&self, path: &str) {
        let request = Request::get(format!("/{path}/{}", self.size)).body(Body::empty());
        let mut router = self.router.clone();
        let response = router.call(request.expect("a path")).await;
        let Ok(response) = response;
        assert_eq!(response.status(), StatusCode::OK);
        drop(black_box(response));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_that_takes_more_than_was_recorded_is_named() {
        let table = |case: &str, counts: [u64; 3]| {
            let counts = counts.map(|count| format!(" {count:9}")).concat();
            format!("head\n{:12}{case:22}{counts}\n", "redis")
        };
        let recorded = table("T", [100, 1000, 10_000]);
        assert_eq!(more_than(&recorded, &recorded, false), [""; 0]);
        assert_eq!(
            more_than(&recorded, &table("T", [103, 1, 10_300]), false),
            [""; 0]
        );
        assert_eq!(
            more_than(&recorded, &table("T", [104, 1000, 10_000]), false),
            ["redis T, 2 records: 104, 100 before"]
        );
        assert_eq!(
            more_than(&recorded, &table("Json<T>", [1, 1, 1]), false).len(),
            3
        );
        let by_hand = |counts| table("GET", counts);
        let slower = by_hand([104, 1000, 10_000]);
        let recorded = by_hand([100, 1000, 10_000]);
        assert_eq!(more_than(&recorded, &slower, true).len(), 1);
        assert_eq!(more_than(&recorded, &slower, false), [""; 0]);
    }
}
