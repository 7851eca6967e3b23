//! What entries take of the process, beside what they may take.

use std::sync::Arc;

use allocation_counter::measure;
use axum::http::StatusCode;
use cache_runtime::{Cache, cache};
use cache_testkit::MINUTE;
use tokio::runtime::Builder;

const LIMIT: u64 = 512 * 1024;

/// Room has to be made for them several times over, however small they are.
const MANY: u32 = 20_000;

/// What an allocation costs at most beside what was asked for: a word of the allocator's own, and the rest of 16 bytes.
const SLACK: u64 = 16;

fn limited(limit: u64) -> Cache {
    let cache = Cache::builder().in_memory(limit).jitter(0.0).build();
    cache.expect("right")
}

/// What is allocated by a cache that is filled with more than there is room for, less what each cache has beside its
/// entries, is no more than its limit, and not so much less that there would have been room for more.
fn assert_within_limit(fill: &impl AsyncFn(&Cache)) {
    let runtime = Builder::new_current_thread().enable_time().build();
    let runtime = runtime.expect("a runtime");
    let taken = |limit: u64| {
        let cache = limited(limit);
        let left = measure(|| runtime.block_on(fill(&cache)));
        let [bytes, count] = [left.bytes_current, left.count_current].map(u64::try_from);
        bytes.expect("bytes") + SLACK * count.expect("allocations")
    };
    // What is made once in a process is no cache's.
    taken(LIMIT);
    let [one, four] = [taken(LIMIT), taken(4 * LIMIT)];
    let (three, most) = (four - one, 3 * (LIMIT + LIMIT / 20));
    assert!((3 * LIMIT / 2..=most).contains(&three), "{three} of {most}");
}

#[cache("untagged", resource_id_name = "n", cache = cache)]
async fn untagged(cache: &Cache, n: u32) -> u32 {
    n % 10
}

#[cache("tagged", resource_id_name = "n", cache = cache, tags = ["all"])]
async fn tagged(cache: &Cache, n: u32) -> u32 {
    n % 10
}

#[cache("own", resource_id_name = "n", cache = cache, tags = ["all", "{n}"])]
async fn with_tags_of_their_own(cache: &Cache, n: u32) -> u32 {
    n % 10
}

#[cache("text", resource_id_name = "n", cache = cache)]
async fn text(cache: &Cache, n: u32) -> Arc<str> {
    "x".repeat(n as usize % 3000).into()
}

#[test]
fn tiny_entries_take_no_more_than_the_limit() {
    assert_within_limit(&async |cache: &Cache| {
        for n in 0..MANY {
            let key = format!("n:{n:08}");
            cache.set(key, &1, MINUTE).await.expect("set");
        }
    });
}

#[test]
fn neither_do_entries_that_are_read_again() {
    assert_within_limit(&async |cache: &Cache| {
        for n in 0..MANY {
            untagged(cache, n).await;
            untagged(cache, n).await;
        }
        assert!(cache.stats().hits > u64::from(MANY / 10 * 9));
    });
}

#[test]
fn neither_do_entries_with_tags() {
    assert_within_limit(&async |cache: &Cache| {
        for n in 0..MANY {
            tagged(cache, n).await;
            tagged(cache, n).await;
        }
    });
    assert_within_limit(&async |cache: &Cache| {
        for n in 0..MANY / 2 {
            with_tags_of_their_own(cache, n).await;
            with_tags_of_their_own(cache, n).await;
        }
    });
}

#[test]
fn neither_do_entries_of_all_sizes() {
    assert_within_limit(&async |cache: &Cache| {
        for n in 0..MANY / 5 {
            text(cache, n).await;
            text(cache, n).await;
        }
    });
}

#[test]
fn neither_do_large_ones_in_the_place_of_tiny_ones() {
    assert_within_limit(&async |cache: &Cache| {
        for n in 0..MANY {
            let key = format!("n:{n:08}");
            cache.set(key, &1, MINUTE).await.expect("set");
        }
        let value = "x".repeat(8000);
        for n in 0..1000 {
            let key = format!("large:{n}");
            cache.set(key, &value, MINUTE).await.expect("set");
        }
    });
}

#[cache("nothing", resource_id_name = "n", cache = cache)]
async fn nothing(cache: &Cache, n: u32) -> Result<u32, u32> {
    Err(n)
}

#[cache("untagged", resource_id_name = "n", cache = cache, method = "PUT")]
async fn write(cache: &Cache, n: u32) -> Result<(), StatusCode> {
    if n.is_multiple_of(2) {
        Ok(())
    } else {
        Err(StatusCode::NOT_FOUND)
    }
}

/// What is known of a key that has no entry: who loads it, and who writes.
#[test]
fn misses_and_writes_of_ever_new_keys_leave_nothing_behind_that_grows() {
    const FLOOD: u32 = 10_000;
    let runtime = Builder::new_current_thread().enable_time().build();
    let runtime = runtime.expect("a runtime");
    let cache = limited(LIMIT);
    let flood = |turn: u32| {
        let calls = async {
            for n in turn * FLOOD..(turn + 1) * FLOOD {
                nothing(&cache, n).await.expect_err("nothing");
                let written = write(&cache, n).await;
                assert_eq!(written.is_ok(), n.is_multiple_of(2));
            }
        };
        measure(|| runtime.block_on(calls)).bytes_current
    };
    // As many are remembered as there may be. From then on that goes up and down, by no more than a few of these floods.
    for turn in 0..4 {
        flood(turn);
    }
    let left: i64 = (4..16).map(flood).sum();
    assert!(left < 12 * 40 * i64::from(FLOOD), "{left}");
}
