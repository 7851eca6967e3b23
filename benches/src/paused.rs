//! A cluster with one node that hangs: how many reads of keys on all three nodes come to an end meanwhile, by
//! `cache-runtime` and by redis-rs' cluster client with the same deadline, in turns.

use std::time::{Duration, Instant};

use cache_runtime::Cache;
use cache_testkit::RedisCluster;
use redis::cluster::ClusterClientBuilder;
use redis::cluster_async::ClusterConnection;
use tokio::task::JoinSet;

const READERS: usize = 16;
const ROUNDS: usize = 7;
const DEADLINE: Duration = Duration::from_millis(100);
/// Shorter than it takes the others to promote the replica.
const OUTAGE: Duration = Duration::from_millis(700);

/// How many reads were answered, and how many were not.
#[derive(Clone, Copy, Default)]
struct Reads {
    answered: u32,
    failed: u32,
    slowest: Duration,
}

pub(crate) async fn run_all() {
    let cluster = RedisCluster::start_with(&["--cluster-node-timeout", "60000"]);
    let keys: Vec<String> = (0..100).map(|n| format!("key:{n}")).collect();
    let nodes = cluster.nodes();
    let nodes: Vec<&str> = nodes.split(',').collect();
    let cache = Cache::builder()
        .cluster_nodes(nodes.clone())
        .deadline(DEADLINE);
    let cache = cache.build().expect("right");
    for key in &keys {
        cache
            .set(key, &1, Duration::from_secs(3600))
            .await
            .expect("set");
    }
    let urls = nodes.iter().map(|node| format!("redis://{node}"));
    let client = ClusterClientBuilder::new(urls)
        .connection_timeout(DEADLINE)
        .response_timeout(DEADLINE);
    let client = client.build().expect("right");
    let client = client.get_async_connection().await.expect("it is there");
    let mut ratios = Vec::new();
    for _ in 0..ROUNDS {
        cluster.node(0).signal("STOP");
        let ours = read(&keys, |key| get(cache.clone(), key)).await;
        cluster.node(0).signal("CONT");
        rest(&cache).await;
        cluster.node(0).signal("STOP");
        let theirs = read(&keys, |key| get_by_client(client.clone(), key)).await;
        cluster.node(0).signal("CONT");
        rest(&cache).await;
        show("cache-runtime", ours);
        show("redis-rs' cluster client", theirs);
        ratios.push(f64::from(ours.answered) / f64::from(theirs.answered));
    }
    ratios.sort_by(f64::total_cmp);
    println!(
        "median of {ROUNDS} rounds: cache-runtime answers {:.1} times as many",
        ratios[ROUNDS / 2]
    );
}

/// Until both have found the node again.
async fn rest(cache: &Cache) {
    for _ in 0..100 {
        if cache.stats().breaker == cache_runtime::BreakerState::Closed {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
}

async fn read<F>(keys: &[String], get: impl Fn(String) -> F) -> Reads
where
    F: Future<Output = bool> + Send + 'static,
{
    let mut readers = JoinSet::new();
    let end = Instant::now() + OUTAGE;
    for reader in 0..READERS {
        let mut calls = Vec::new();
        for turn in 0..5000 {
            calls.push(get(keys[(reader * 31 + turn) % keys.len()].clone()));
        }
        readers.spawn(async move {
            let mut reads = Reads::default();
            for call in calls {
                if Instant::now() > end {
                    break;
                }
                let start = Instant::now();
                if call.await {
                    reads.answered += 1;
                } else {
                    reads.failed += 1;
                }
                reads.slowest = reads.slowest.max(start.elapsed());
            }
            reads
        });
    }
    let mut all = Reads::default();
    while let Some(reads) = readers.join_next().await {
        let reads = reads.expect("no panic");
        all.answered += reads.answered;
        all.failed += reads.failed;
        all.slowest = all.slowest.max(reads.slowest);
    }
    all
}

async fn get(cache: Cache, key: String) -> bool {
    matches!(cache.get::<u8>(key).await, Ok(Some(1)))
}

async fn get_by_client(mut client: ClusterConnection, key: String) -> bool {
    let get = redis::cmd("GET").arg(key).to_owned();
    matches!(
        get.query_async::<Option<u8>>(&mut client).await,
        Ok(Some(1))
    )
}

fn show(who: &str, reads: Reads) {
    println!(
        "{who:25} {:6} answered, {:5} not, slowest {:>8.2?}",
        reads.answered, reads.failed, reads.slowest
    );
}
