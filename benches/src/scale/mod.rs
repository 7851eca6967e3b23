//! What one Redis serves and holds, and what an invalidation costs as the number of keys grows: the tables
//! of `docs/scale.md`, ready to be pasted.
//!
//! A rate is given by the time of the server's processor, since its clients share the machine: of the thread
//! that runs all commands, by the server's own count.

mod articles;
mod growth;
mod memory;
mod operations;

use std::collections::HashMap;
use std::time::Duration;

use cache_runtime::Cache;
use cache_runtime::redis::cmd;
use cache_testkit::RedisServer;
use tokio::task::JoinSet;

/// As many keys as the last row about growth has, at most.
pub(crate) async fn run_all(most: usize) {
    operations::run_all().await;
    memory::run_all().await;
    growth::run_all(most).await;
}

/// With a long deadline: what is slow here is to be measured, not given up.
fn cache(redis: &RedisServer) -> Cache {
    let cache = Cache::builder().url(redis.url()).jitter(0.0);
    let cache = cache.deadline(Duration::from_secs(30)).build();
    cache.expect("the URL is right")
}

/// Calls this for each number below `count`; each of the clients has one call under way.
async fn each<F>(
    clients: &[Cache],
    count: usize,
    work: impl Fn(Cache, usize) -> F + Copy + Send + 'static,
) where
    F: Future<Output = ()> + Send + 'static,
{
    let (mut all, step) = (JoinSet::new(), clients.len());
    for (first, cache) in clients.iter().cloned().enumerate() {
        all.spawn(async move {
            for number in (first..count).step_by(step) {
                work(cache.clone(), number).await;
            }
        });
    }
    while let Some(client) = all.join_next().await {
        client.expect("no client panics");
    }
}

async fn remove_all(cache: &Cache) {
    let mut connection = cache.connection().await.expect("it listens");
    let removed = cmd("FLUSHALL").query_async(&mut connection).await;
    let () = removed.expect("it may be flushed");
}

/// The numbers that a server tells of itself.
struct Info(HashMap<String, f64>);

impl Info {
    fn of(redis: &RedisServer) -> Self {
        let text: String = redis.run(&["INFO"]);
        let fields = text.lines().filter_map(|line| line.split_once(':'));
        let numbers = fields.filter_map(|(name, value)| Some((name.into(), value.parse().ok()?)));
        Self(numbers.collect())
    }

    fn get(&self, field: &str) -> f64 {
        let number = self.0.get(field);
        *number.unwrap_or_else(|| panic!("`INFO` of this server has no {field}"))
    }

    /// Seconds of the thread that runs the commands.
    fn processor_time(&self) -> f64 {
        self.get("used_cpu_user_main_thread") + self.get("used_cpu_sys_main_thread")
    }

    /// Bytes of data and of what finds them.
    fn memory(&self) -> f64 {
        self.get("used_memory") - self.get("mem_clients_normal")
    }
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn number(count: usize) -> f64 {
    count as f64
}
