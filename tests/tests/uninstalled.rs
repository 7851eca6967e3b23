//! A process in which no cache is installed. Alone in its binary, since installing is process-wide.

use std::io;
use std::sync::{Arc, Mutex};

use cache_runtime::{Cache, cache};

#[cache("number:{n}")]
async fn number(n: u8) -> u8 {
    n
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no panic").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_function_runs_and_the_log_says_once_that_no_cache_is_installed() {
    let log = Log::default();
    let writer = log.clone();
    tracing_subscriber::fmt()
        .with_writer(move || writer.clone())
        .init();
    assert_eq!(
        (number(1).await, number(2).await, number(3).await),
        (1, 2, 3)
    );
    let text = String::from_utf8(log.0.lock().expect("no panic").clone()).expect("text");
    assert_eq!(text.matches("no cache is installed").count(), 1, "{text}");

    let cache = Cache::in_memory();
    cache.install();
    assert_eq!((number(1).await, number(1).await), (1, 1));
    assert_eq!((cache.stats().misses, cache.stats().hits), (1, 1));
}
