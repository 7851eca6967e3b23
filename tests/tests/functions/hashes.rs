//! Values that stand in a key by their hash.

use std::collections::{HashMap, HashSet};

use cache_runtime::{Cache, cache};
use cache_testkit::Log;
use serde::Serialize;

#[derive(Serialize, Default)]
#[expect(clippy::option_option, reason = "it is what is tested")]
struct Filter {
    max: Option<f64>,
    owner: Option<Option<u64>>,
    tags: HashSet<String>,
    budget: u128,
}

#[cache("items:{filter:hash}", cache = cache)]
async fn items(cache: &Cache, filter: Filter) -> usize {
    filter.tags.len()
}

#[tokio::test]
async fn filters_that_json_writes_alike_have_entries_of_their_own() {
    let cache = Cache::in_memory();
    let owners = [None, Some(None), Some(Some(1))];
    for owner in owners {
        items(
            &cache,
            Filter {
                owner,
                ..Filter::default()
            },
        )
        .await;
    }
    for max in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let max = Some(max);
        items(
            &cache,
            Filter {
                max,
                ..Filter::default()
            },
        )
        .await;
    }
    items(
        &cache,
        Filter {
            budget: u128::MAX,
            ..Filter::default()
        },
    )
    .await;
    assert_eq!((cache.stats().fills, cache.stats().hits), (7, 0));
}

#[tokio::test]
async fn a_set_has_one_entry_whatever_its_order() {
    let cache = Cache::in_memory();
    for _ in 0..8 {
        let tags = (0..20).map(|n| n.to_string()).collect();
        items(
            &cache,
            Filter {
                tags,
                ..Filter::default()
            },
        )
        .await;
    }
    assert_eq!((cache.stats().fills, cache.stats().hits), (1, 7));
}

#[derive(Serialize, PartialEq, Eq, Hash)]
#[serde(untagged)]
enum Name {
    Number(u8),
    Text(&'static str),
}

#[cache("names:{names:hash}", cache = cache)]
async fn names(cache: &Cache, names: HashMap<Name, u8>) -> usize {
    names.len()
}

#[tokio::test]
async fn what_can_not_be_told_apart_runs_uncached_and_says_so_once() {
    let cache = Cache::in_memory();
    let log = Log::start();
    for _ in 0..3 {
        let both = HashMap::from([(Name::Number(1), 1), (Name::Text("1"), 2)]);
        assert_eq!(names(&cache, both).await, 2);
    }
    let stats = cache.stats();
    assert_eq!((stats.bypassed, stats.fills, stats.errors.usage), (3, 0, 3));
    log.says(&["make a key", "a map has the same key twice"]);
}
