//! What may come late, or never: what a server tells, and whoever listens to it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use cache_runtime::{Cache, cache};
use cache_testkit::proxy::{Fault, Proxy};
use cache_testkit::{RedisServer, cache_builder};

use crate::{BOUND, Process, read, write};

/// Readers go on all the time, so that a copy is confirmed as soon as it can be.
struct Readers {
    is_over: Arc<AtomicBool>,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

impl Readers {
    fn start<F: Future<Output = u64> + Send>(
        process: &Process,
        read: impl Fn(Process) -> F + Clone + Send + 'static,
    ) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let task = |_| {
            let (process, is_over, read) = (process.clone(), is_over.clone(), read.clone());
            tokio::spawn(async move {
                while !is_over.load(Ordering::SeqCst) {
                    let floor = process.row.floor();
                    assert!(read(process.clone()).await >= floor);
                    tokio::task::yield_now().await;
                }
            })
        };
        let tasks = (0..4).map(task).collect();
        Self { is_over, tasks }
    }

    async fn end(self) {
        self.is_over.store(true, Ordering::SeqCst);
        for task in self.tasks {
            task.await.expect("no panic");
        }
    }
}

fn behind(proxy: &Proxy, deadline: Duration) -> Cache {
    let settings = cache_builder().url(proxy.url()).deadline(deadline);
    settings.build().expect("right")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_server_tells_late_is_waited_for() {
    let server = RedisServer::start();
    let proxy = Proxy::start(server.port());
    let reader = Process::new(behind(&proxy, Duration::from_secs(5)));
    let writer = reader.other(server.cache());
    reader.has_copy(read).await;
    // There and back in less than a copy may be wrong, and sometimes in more.
    for delay in [5, 15, 22, 30] {
        proxy.set(Fault::Delay(Duration::from_millis(delay)));
        let readers = Readers::start(&reader, |process| async move { read(&process).await });
        for _ in 0..20 {
            let version = write(&writer).await;
            reader.row.has_returned(version);
            assert_eq!(read(&reader).await, version);
        }
        readers.end().await;
    }
    assert!(reader.near_hits() > 100, "{:?}", reader.cache.stats());
}

/// Its life is shorter than that of a fence.
#[cache("brief", near = "50ms", expiration = "20s", cache = process.cache, skip(process))]
async fn brief(process: &Process) -> u64 {
    process.row.load()
}

/// It takes so long that nobody has a copy any more when it is done.
#[cache("brief", method = "PUT", cache = process.cache)]
async fn slow_write(process: &Process) -> u64 {
    tokio::time::sleep(BOUND).await;
    process.row.commit()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fence_is_told_of_also_where_it_shortens_nothing() {
    let server = RedisServer::start();
    let proxy = Proxy::start(server.port());
    let reader = Process::new(behind(&proxy, Duration::from_secs(5)));
    let writer = reader.other(server.cache());
    reader.has_copy(brief).await;
    proxy.set(Fault::Delay(Duration::from_millis(15)));
    let readers = Readers::start(&reader, |process| async move { brief(&process).await });
    for _ in 0..20 {
        reader.has_copy(brief).await;
        let version = slow_write(&writer).await;
        reader.row.has_returned(version);
        assert_eq!(brief(&reader).await, version);
    }
    readers.end().await;
}

#[tokio::test]
async fn a_copy_is_of_no_use_when_the_server_tells_nothing_any_more() {
    let server = RedisServer::start();
    let proxy = Proxy::start(server.port());
    let reader = Process::new(behind(&proxy, Duration::from_millis(200)));
    let writer = reader.other(server.cache());
    for (version, fault) in (1..).zip([Fault::Hang, Fault::Refuse, Fault::Reset]) {
        reader.has_copy(read).await;
        proxy.set(fault);
        write(&writer).await;
        for _ in 0..3 {
            assert_eq!(read(&reader).await, version, "{fault:?}");
        }
        proxy.set(Fault::None);
    }
    reader.has_copy(read).await;
    assert!(reader.cache.stats().near.disconnected > 0);
}

#[cache("list", near = "50ms", cache = process.cache, skip(process))]
async fn list(process: &Process) -> u64 {
    process.row.load()
}

/// It reads the list in a task of its own, of which nobody knows what it belongs to.
#[cache("profile", near = "50ms", cache = process.cache, skip(process))]
async fn profile(process: Process) -> u64 {
    let inner = tokio::spawn(async move { list(&process).await });
    inner.await.expect("no panic")
}

#[cache(
    "profile", cache = process.cache, method = "PUT",
    pattern_to_invalidate_extra = ["list*"]
)]
async fn write_by_pattern(process: &Process) -> u64 {
    process.row.commit()
}

#[cache("profile", cache = process.cache, method = "PUT", to_invalidate_extra = {"list": ""})]
async fn write_by_keys(process: &Process) -> u64 {
    process.row.commit()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_loaded_from_a_copy_is_not_stored_while_that_is_removed() {
    let server = RedisServer::start();
    let proxy = Proxy::start(server.port());
    let reader = Process::new(behind(&proxy, Duration::from_secs(5)));
    let writer = reader.other(server.cache());
    reader.has_copy(list).await;
    reader
        .has_copy(async |process| profile(process.clone()).await)
        .await;
    // A copy of the list outlives its entry for so long.
    proxy.set(Fault::Delay(Duration::from_millis(15)));
    let readers = Readers::start(&reader, profile);
    for turn in 0..40 {
        let version = if turn % 2 == 0 {
            write_by_keys(&writer).await
        } else {
            write_by_pattern(&writer).await
        };
        reader.row.has_returned(version);
        assert_eq!(profile(reader.clone()).await, version);
        assert_eq!(list(&reader).await, version);
    }
    readers.end().await;
}
