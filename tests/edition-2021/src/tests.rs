use remember::{key, Cache};

use crate::generated::{First, Second};
use crate::{bare, borrowed, text, write};

#[tokio::test]
async fn a_crate_of_edition_2021_reads_and_writes() {
    let cache = Cache::in_memory();
    for hits in 0..2 {
        let text = text(cache.clone(), 1, "a".into()).await.expect("a text");
        assert_eq!((text.as_str(), cache.stats().hits), ("a!", hits));
    }
    assert_eq!(write(&cache, 1).await.to_string(), "1");
    text(cache.clone(), 1, "a".into()).await.expect("a text");
    text(cache.clone(), 1, "abc".into()).await.expect("a text");
    text(cache.clone(), 0, "a".into()).await.expect_err("none");
    assert_eq!((cache.stats().fills, cache.stats().hits), (2, 1));
    assert_eq!(borrowed(&cache, 1).await, "1");
    let stored = cache.get::<String>(key!("borrowed:{id}", id = 1)).await;
    assert_eq!(stored.expect("get").as_deref(), Some("1"));
}

#[tokio::test]
async fn a_module_without_the_prelude_reads_and_writes() {
    let cache = Cache::in_memory();
    for name in ["ab", "abcd", "ab"] {
        let read = bare::read(&cache, name.into(), "abc".into()).await;
        assert_eq!(read.as_deref(), Ok(name));
    }
    assert_eq!((cache.stats().fills, cache.stats().hits), (1, 1));
    bare::remove(&cache, "ab").await;
    let stored = cache.get::<String>("bare:ab").await;
    assert_eq!(stored.expect("get"), None);
}

#[tokio::test]
async fn functions_that_a_macro_writes_read_and_write() {
    let first = First {
        cache: Cache::in_memory(),
    };
    for suffix in ["a", "ab", "abc", "a"] {
        first.first(1, suffix.into()).await;
    }
    first.first(0, "a".into()).await;
    let stats = first.cache.stats();
    assert_eq!((stats.fills, stats.hits, stats.bypassed), (1, 1, 1));
    first.write_first(1, "a").await;
    let stored = first.cache.get::<String>("first:a:1").await;
    assert_eq!(stored.expect("get"), None);
    let second = Second {
        cache: Cache::in_memory(),
    };
    second.second(1, "a".into()).await;
    second.second(1, "bb".into()).await;
    second.write_second(1, "bb").await;
    second.cached().await.expect("one");
    second.by_path(1).await;
    assert_eq!(
        (second.cache.stats().fills, second.cache.stats().hits),
        (3, 0)
    );
}

#[cfg(feature = "map")]
#[test]
fn the_map_has_the_functions_of_this_crate() {
    let map = remember::map();
    let removals: Vec<String> = map.removals().map(|removal| removal.to_string()).collect();
    for expected in [
        "cache_edition_2021::write removes what cache_edition_2021::text reads: key text:{gen}:a",
        "cache_edition_2021::write removes what cache_edition_2021::text reads: tag gen:{gen}",
        "cache_edition_2021::bare::remove removes what cache_edition_2021::bare::read reads: key bare:{name}",
    ] {
        assert!(removals.iter().any(|removal| removal == expected), "{removals:#?}");
    }
}
