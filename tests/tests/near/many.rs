//! As many reads as there can be, beside writes of every kind and connections that are cut. `SOAK_SECONDS=600 cargo test
//! --release -p cache-tests --all-features --test near -- many --nocapture` says how many there were.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use cache_runtime::{Cache, cache};
use cache_testkit::proxy::{Fault, Proxy};
use cache_testkit::{RedisServer, Row, SECOND, cache_builder};
use futures_util::future::join_all;

/// While a write of a row is under way, it is read from the server. There are so many that most are in memory.
const ROWS: usize = 128;

/// So many reads follow each other before others have their turn: connections are looked after in between.
const TOGETHER: u64 = 16;

/// One of several caches in front of a database.
#[derive(Clone)]
struct Process {
    cache: Cache,
    rows: Arc<[Row]>,
    /// The row whose write was the last to return: whoever serves less than that is most likely to do it there.
    last: Arc<AtomicUsize>,
}

#[cache("row:{id}:key", near = "10ms", cache = process.cache, skip(process))]
async fn by_key(process: &Process, id: usize) -> u64 {
    process.rows[id].load()
}

#[cache("row:{id}:tag", near = "5ms", tags = ["row:{id}"], cache = process.cache, skip(process))]
async fn by_tag(process: &Process, id: usize) -> u64 {
    process.rows[id].load()
}

/// It is loaded from another, which may be a copy.
#[cache("row:{id}:outer", near = "10ms", tags = ["row:{id}"], cache = process.cache, skip(process))]
async fn outer(process: &Process, id: usize) -> u64 {
    by_key(process, id).await
}

#[cache("row:{id}:barrier", near = "0ms", tags = ["row:{id}"], cache = process.cache, skip(process))]
async fn barrier(process: &Process, id: usize) -> u64 {
    process.rows[id].load()
}

#[cache("row:{id}:key", method = "PUT", tags_to_invalidate = ["row:{id}"], cache = process.cache)]
async fn write(process: &Process, id: usize, time: Option<Duration>) -> u64 {
    if let Some(time) = time {
        tokio::time::sleep(time).await;
    }
    process.rows[id].commit()
}

#[cache(
    method = "PUT", cache = process.cache,
    pattern_to_invalidate_extra = ["row:{id}:*"]
)]
async fn write_by_pattern(process: &Process, id: usize) -> u64 {
    process.rows[id].commit()
}

impl Process {
    async fn read(&self, reads: &AtomicU64) {
        for read in 0..TOGETHER {
            let id = match read / 8 % 2 {
                0 => self.last.load(Ordering::Relaxed),
                _ => fastrand::usize(..ROWS),
            };
            let floor = self.rows[id].floor();
            let (kind, version) = match read % 8 {
                0 if fastrand::u8(..) == 0 => ("barrier", barrier(self, id).await),
                0 | 1 => ("outer", outer(self, id).await),
                2..5 => ("tag", by_tag(self, id).await),
                _ => ("key", by_key(self, id).await),
            };
            assert!(version >= floor, "{kind} {id}: {version} after {floor}");
        }
        reads.fetch_add(TOGETHER, Ordering::Relaxed);
        tokio::task::yield_now().await;
    }

    async fn write(&self) {
        let id = fastrand::usize(..ROWS);
        let version = if fastrand::u8(..) < 16 {
            write_by_pattern(self, id).await
        } else {
            let time = Duration::from_millis(fastrand::u64(..15));
            write(self, id, fastrand::bool().then_some(time)).await
        };
        self.rows[id].has_returned(version);
        self.last.store(id, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_millis(fastrand::u64(..40))).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_reads_none_sees_less_than_was_written() {
    let seconds = std::env::var("SOAK_SECONDS");
    let seconds = seconds.map_or(6, |text| text.parse().expect("a number"));
    let server = RedisServer::start();
    let rows: Arc<[Row]> = (0..ROWS).map(|_| Row::default()).collect();
    let last = Arc::default();
    // One of them hears of everything a little later.
    let proxy = Proxy::start(server.port());
    proxy.set(Fault::Delay(Duration::from_millis(2)));
    let far = cache_builder().url(proxy.url()).deadline(SECOND).build();
    let caches = [far.expect("right"), server.cache(), server.cache()];
    let processes = caches.map(|cache| Process {
        cache,
        rows: rows.clone(),
        last: Arc::clone(&last),
    });
    let (is_over, reads) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicU64::new(0)),
    );
    let mut tasks = Vec::new();
    for process in &processes {
        for is_writer in [false, false, true] {
            let (process, is_over, reads) = (process.clone(), is_over.clone(), reads.clone());
            tasks.push(tokio::spawn(async move {
                while !is_over.load(Ordering::Relaxed) {
                    if is_writer {
                        process.write().await;
                    } else {
                        process.read(&reads).await;
                    }
                }
            }));
        }
    }
    let hits = || -> u64 {
        let hits = |process: &Process| process.cache.stats().near.hits;
        processes.iter().map(hits).sum()
    };
    // On a busy machine it takes longer until there are enough to say something.
    let mut passed = 0;
    while passed < seconds || (hits() <= 1000 && passed < seconds + 60) {
        tokio::time::sleep(Duration::from_secs(1)).await;
        passed += 1;
        if fastrand::u8(..) < 32 {
            let _: u64 = server.run(&["CLIENT", "KILL", "TYPE", "normal"]);
        }
    }
    is_over.store(true, Ordering::Relaxed);
    for ended in join_all(tasks).await {
        ended.expect("no read saw less");
    }
    let hits = hits();
    let writes: u64 = rows.iter().map(Row::version).sum();
    let reads = reads.load(Ordering::Relaxed);
    println!("{reads} reads, {hits} of them from memory; {writes} writes");
    assert!(hits > 1000 && writes > 10);
}
