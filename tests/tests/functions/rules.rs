//! `condition`, `unless` and `errors`, which may use parameters that the body takes.

use std::sync::Arc;

use cache_runtime::{Cache, Cached, cache};

struct Shelf {
    cache: Cache,
    limit: usize,
}

/// Not `Copy`.
#[derive(Clone)]
struct Limit {
    most: usize,
}

fn take<T>(_: T) {}

fn longer_than(limit: &Limit) -> impl FnOnce(&String) -> bool + '_ {
    |text| text.len() > limit.most
}

#[cache("conditional:{name}", cache = cache, condition = name.len() < 3 && !name.is_empty())]
async fn conditional(cache: &Cache, name: String) -> String {
    name
}

#[cache("closure:{name}", cache = cache, skip(limit), unless = |text| text.len() > limit.most || *text == name)]
async fn closure(cache: &Cache, name: String, limit: Limit) -> String {
    take(limit);
    name + "!"
}

/// The parameter is the function.
#[cache("function:{name}", cache = cache, skip(is_long), unless = is_long)]
async fn function(cache: &Cache, name: String, is_long: fn(&String) -> bool) -> String {
    name
}

#[cache(
    "tokens:{name}", cache = cache, skip(most),
    unless = |text: &String| matches!(Limit { most: text.len() }, Limit { most: len } if len > *most)
)]
async fn tokens(cache: &Cache, name: String, most: Box<usize>) -> String {
    take(most);
    name
}

/// The parameter `most` is not what stands behind the dot, nor what the closure binds.
#[cache("names:{name}:{most}", cache = cache, unless = |text| { let name = text.as_str(); Limit { most: 3 }.most < name.len() })]
async fn names(cache: &Cache, name: String, most: Most) -> String {
    take(most);
    name
}

/// Not `Clone`.
struct Most;

impl std::fmt::Display for Most {
    fn fmt(&self, text: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        text.write_str("most")
    }
}

/// A field named as the parameter, which stands for both.
#[cache("shorthand:{name}", cache = cache, skip(most), unless = |text| longer_than(&Limit { most })(text))]
async fn shorthand(cache: &Cache, name: String, most: usize) -> String {
    name
}

#[cache(
    "refreshed:{name}", cache = cache, skip(limit), stale_while_revalidate = 60,
    stale_if_error = {60, errors = |error| error.len() > limit.most}, unless = |text| text.len() > limit.most
)]
async fn refreshed(
    cache: Cache,
    name: String,
    limit: Arc<Limit>,
) -> Result<Cached<String>, String> {
    take(limit);
    Ok(Cached::new(name))
}

impl Shelf {
    #[cache("method:{name}", cache = self.cache, skip(self), unless = |text| text.len() > self.limit)]
    async fn method(&self, name: String) -> String {
        name
    }

    #[cache("consumed:{name}", cache = self.cache, skip(self), unless = |text| text.len() > self.limit)]
    async fn consumed(self: Arc<Self>, name: String) -> String {
        take(self);
        name
    }
}

#[tokio::test]
async fn a_condition_may_use_what_the_body_takes() {
    let cache = Cache::in_memory();
    for name in ["a", "a", "abc", ""] {
        assert_eq!(conditional(&cache, name.into()).await, name);
    }
    let stats = cache.stats();
    assert_eq!((stats.fills, stats.hits, stats.bypassed), (1, 1, 2));
}

#[tokio::test]
async fn unless_may_use_what_the_body_takes() {
    let cache = Cache::in_memory();
    let shelf = Arc::new(Shelf {
        cache: cache.clone(),
        limit: 3,
    });
    let limit = || Limit { most: 3 };
    for name in ["ab", "abcd"] {
        closure(&cache, name.into(), limit()).await;
        function(&cache, name.into(), |text| text.len() > 3).await;
        tokens(&cache, name.into(), Box::new(3)).await;
        names(&cache, name.into(), Most).await;
        shorthand(&cache, name.into(), 3).await;
        let value = refreshed(cache.clone(), name.into(), Arc::new(limit())).await;
        value.expect("a value");
        shelf.method(name.into()).await;
        shelf.clone().consumed(name.into()).await;
    }
    assert_eq!(cache.stats().fills, 8, "one of each two is too long");
    for kind in [
        "closure",
        "function",
        "tokens",
        "names:most",
        "shorthand",
        "refreshed",
        "method",
        "consumed",
    ] {
        let (kind, end) = kind.split_once(':').unwrap_or((kind, ""));
        let stored = async |name: &str| {
            let key = format!("{kind}:{name}:{end}");
            let value = cache.get::<String>(key.trim_end_matches(':')).await;
            value.expect("get").is_some()
        };
        assert!(stored("ab").await, "{kind}");
        assert!(!stored("abcd").await, "{kind}");
    }
}
