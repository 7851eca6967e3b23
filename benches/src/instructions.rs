//! How many instructions a hit takes, which no other work on the machine changes: this program runs itself under
//! valgrind, twice for each case, and the longer run has so many more hits.

use std::env;
use std::fs;
use std::hint::black_box;
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use axum::Json;
use cache_runtime::{Cache, Cached, cache};
use cache_testkit::RedisServer;

use crate::hits::{Record, SIZES, records};

const STORES: [&str; 2] = ["in-process", "redis"];

/// What the function returns.
const VALUES: [&str; 3] = ["T", "Json<T>", "Cached<T>"];

/// So many hits in the two runs.
const HITS: [u64; 2] = [300, 2300];

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

/// Without arguments all cases; with those of a case, that case alone, in this process.
pub(crate) fn run_all(case: &[String]) -> ExitCode {
    if let [store, value, size, hits] = case {
        let (size, hits) = (size.parse(), hits.parse());
        let hits = run_case(
            store,
            value,
            size.expect("a number"),
            hits.expect("a number"),
        );
        hits.expect("the cache starts");
        return ExitCode::SUCCESS;
    }
    let version = Command::new("valgrind").arg("--version").output();
    if version.is_err() {
        eprintln!("this takes `valgrind`, which is not there");
        return ExitCode::FAILURE;
    }
    let redis = RedisServer::start();
    let columns = SIZES.map(|size| format!(" {size:11}")).concat();
    println!("{:24}{columns} records", "instructions of a hit");
    for store in STORES {
        let store_or_url = if store == "redis" {
            &redis.url()
        } else {
            store
        };
        for value in VALUES {
            print!("{store:12}{value:12}");
            for size in SIZES {
                let [short, long] = HITS.map(|hits| instructions(store_or_url, value, size, hits));
                print!(" {:11}", (long - short) / (HITS[1] - HITS[0]));
            }
            println!();
        }
    }
    ExitCode::SUCCESS
}

/// Of a run with so many hits.
fn instructions(store: &str, value: &str, size: usize, hits: u64) -> u64 {
    let file = env::temp_dir().join(format!("callgrind.out.{}", std::process::id()));
    let status = Command::new("valgrind")
        .args(["--tool=callgrind", "--quiet"])
        .arg(format!("--callgrind-out-file={}", file.display()))
        .arg(env::current_exe().expect("this program has a path"))
        .args(["instructions", store, value])
        .args([size.to_string(), hits.to_string()])
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

fn run_case(store: &str, value: &str, size: usize, hits: u64) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let builder = Cache::builder().jitter(0.0);
        let cache = match store {
            "in-process" => Cache::in_memory(),
            // Everything takes longer under valgrind.
            url => builder
                .url(url)
                .deadline(Duration::from_secs(10))
                .build()
                .expect("the URL is right"),
        };
        cache.install();
        // The entry is there, and known, before what is counted.
        for _ in 0..2 {
            cached(size).await;
        }
        let before = cache.stats().hits;
        for _ in 0..hits {
            match value {
                "T" => drop(black_box(plain(size).await)),
                "Json<T>" => drop(black_box(json(size).await)),
                _ => drop(black_box(cached(size).await)),
            }
        }
        assert_eq!(cache.stats().hits - before, hits);
    });
    Ok(())
}
