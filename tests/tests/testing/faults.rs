//! A cache whose operations a test watches, and lets fail or hang.

use std::time::Duration;

use cache_runtime::testing::{self, Event, Operation, Outcome};
use cache_runtime::{ErrorKind, cache};
use cache_testkit::{MINUTE, Runs, SECOND};
use tokio::time::Instant;

const ALL: [Operation; 7] = [
    Operation::Get,
    Operation::Set,
    Operation::Lease,
    Operation::Fill,
    Operation::Fence,
    Operation::Remove,
    Operation::Ping,
];

#[cache("value", tags = ["all"], expiration = 60, skip(runs))]
async fn read(runs: &Runs, id: u64) -> u64 {
    runs.count()
}

#[cache(
    "value", method = "PUT", tags_to_invalidate = ["all"], pattern_to_invalidate_extra = ["values_*"]
)]
async fn write(id: u64) -> Result<(), u64> {
    Ok(())
}

fn seen(events: &[Event]) -> Vec<(Operation, Outcome)> {
    let events = events.iter();
    events
        .map(|event| (event.operation, event.outcome))
        .collect()
}

#[tokio::test]
async fn a_test_sees_what_a_cache_asks_of_its_store_in_its_order() {
    let ((cache, store), runs) = (testing::cache(), Runs::default());
    cache.scope(read(&runs, 1)).await;
    let events = store.take_events();
    assert_eq!(
        seen(&events),
        [
            (Operation::Get, Outcome::Nothing),
            (Operation::Lease, Outcome::Done),
            (Operation::Fill, Outcome::Done),
        ]
    );
    assert_eq!(events[0].names, ["value:1", "all"]);
    assert_eq!(events[2].names, ["value:1"]);
    cache.scope(read(&runs, 1)).await;
    cache.scope(write(1)).await.expect("it succeeds");
    let events = store.take_events();
    assert_eq!(
        seen(&events),
        [
            (Operation::Get, Outcome::Done),
            (Operation::Fence, Outcome::Done),
            (Operation::Remove, Outcome::Done),
        ]
    );
    assert_eq!(events[1].names, ["value:1", "all", "values_*"]);
    assert_eq!(events[2].names, events[1].names);
    cache.set("key", &1, MINUTE).await.expect("set");
    cache.ping().await.expect("it replies");
    let events = store.take_events();
    assert_eq!(
        seen(&events),
        [
            (Operation::Set, Outcome::Done),
            (Operation::Ping, Outcome::Done)
        ]
    );
    assert_eq!(store.take_events(), []);
}

#[tokio::test(start_paused = true)]
async fn whichever_operation_fails_or_hangs_functions_return_what_they_would_without_a_cache() {
    for operation in ALL {
        for hangs in [false, true] {
            let ((cache, store), runs) = (testing::cache(), Runs::default());
            if hangs {
                store.hang(operation);
            } else {
                store.fail(operation);
            }
            let start = Instant::now();
            let read = cache.scope(async {
                let first = read(&runs, 1).await;
                write(1).await.map(|()| first)
            });
            assert_eq!(read.await, Ok(1), "{operation:?}");
            assert!(start.elapsed() < SECOND, "{operation:?}");
            let _ = cache.set("key", &1, MINUTE).await;
            let _ = cache.ping().await;
            let outcome = if hangs {
                Outcome::TimedOut
            } else {
                Outcome::Failed
            };
            let events = seen(&store.take_events());
            assert!(events.contains(&(operation, outcome)), "{events:?}");

            store.restore();
            assert_eq!(cache.drain(MINUTE).await, 0);
            let runs = Runs::default();
            let calls = async { (read2(&runs).await, read2(&runs).await) };
            assert_eq!(cache.scope(calls).await, (1, 1), "{operation:?}");
        }
    }
}

async fn read2(runs: &Runs) -> u64 {
    read(runs, 2).await
}

#[tokio::test(start_paused = true)]
async fn a_removal_that_fails_is_queued_and_what_it_names_is_not_served_meanwhile() {
    let ((cache, store), runs) = (testing::cache(), Runs::default());
    cache.scope(read(&runs, 1)).await;
    store.fail(Operation::Remove);
    cache.scope(write(1)).await.expect("it succeeds");
    assert!(cache.stats().pending_invalidations > 0);
    assert_eq!(cache.scope(read(&runs, 1)).await, 2);
    store.restore();
    assert_eq!(cache.drain(MINUTE).await, 0);
    assert_eq!(cache.scope(read(&runs, 1)).await, 3);
    assert_eq!(cache.scope(read(&runs, 1)).await, 3);
}

#[tokio::test(start_paused = true)]
async fn an_operation_that_hangs_takes_a_deadline_of_the_tests_own_time() {
    let (cache, store) = testing::cache();
    store.hang(Operation::Get);
    let start = Instant::now();
    let error = cache.get::<u64>("key").await.expect_err("it hangs");
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert_eq!(start.elapsed(), Duration::from_millis(100));
    store.fail(Operation::Get);
    let error = cache.get::<u64>("key").await.expect_err("it fails");
    assert_eq!(error.kind(), ErrorKind::Connection);
    assert_eq!(start.elapsed(), Duration::from_millis(100));
}
