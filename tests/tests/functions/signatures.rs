//! Methods, generic functions, lifetimes, futures that are not `Send`, and names that the attribute's output
//! might use.

#![allow(
    clippy::unused_async,
    reason = "the attribute wants async functions, whatever they do"
)]

use std::fmt::Display;
use std::rc::Rc;

use cache_runtime::{Cache, cache};
use cache_testkit::{MINUTE, Runs};
use serde::Serialize;

use crate::page::{Page, page};

/// Names that the attribute's output might use are the user's own here.
mod shadowed {
    #![allow(
        non_camel_case_types,
        dead_code,
        non_snake_case,
        reason = "to shadow what the output might name"
    )]

    use cache_runtime::cache;

    mod core {}
    mod std {}
    mod cache_runtime_shadow {}
    struct Result;
    struct Option;
    struct Some;
    struct Duration;
    struct Read;
    fn Ok() {}
    fn key() {}
    fn read() {}

    #[cache("shadowed:{call}:{handler}:{codec}", cache = store)]
    pub(super) async fn shadowed(store: &super::Cache, call: u32, handler: u32, codec: u32) -> u32 {
        call + handler + codec
    }
}

struct Service {
    cache: Cache,
    tenant: String,
    runs: Runs,
}

impl Service {
    #[cache("tenant_{self.tenant}", cache = self.cache)]
    async fn by_reference(&self, id: u64) -> u64 {
        id + self.runs.count()
    }

    #[cache("tenant", cache = self.cache, skip(self), expiration = MINUTE * 2)]
    async fn by_mutable_reference(&mut self, id: u64) -> u64 {
        self.tenant.push('x');
        id + self.runs.count()
    }
}

trait Source {
    async fn load(&self, id: u64) -> u64;
}

impl Source for Service {
    #[cache("source", cache = self.cache, skip(self))]
    async fn load(&self, id: u64) -> u64 {
        id + self.runs.count()
    }
}

#[cache("generic:{key}", cache = cache, skip(value, K, V))]
async fn generic<K: Display + Send, V>(cache: &Cache, key: K, value: V) -> V
where
    V: Serialize + serde::de::DeserializeOwned,
{
    value
}

#[cache("impl:{name}", cache = cache, skip(runs))]
async fn impl_trait(cache: &Cache, name: impl AsRef<str> + Display, runs: &Runs) -> u64 {
    runs.count()
}

#[cache("lifetimes:{maybe}", resource_id_name = "name", cache = cache, skip(runs))]
async fn lifetimes<'a>(
    cache: &'a Cache,
    name: &'a str,
    maybe: Option<&'a str>,
    runs: &Runs,
) -> Option<String>
where
    'a: 'a,
{
    let maybe = maybe?;
    runs.count();
    Some(format!("{name}{maybe}"))
}

/// Rows of one type, as any service of many tables has them.
struct Rows<T> {
    cache: Cache,
    row: std::marker::PhantomData<T>,
}

impl<T> Rows<T> {
    #[cache("row:{Self}", cache = self.cache, skip(self))]
    async fn name(&self, id: u64) -> String {
        std::any::type_name::<T>().to_owned()
    }
}

#[cache("parsed:{N}:{T}:{text}", cache = cache)]
async fn parsed<const N: usize, T: std::str::FromStr>(cache: &Cache, text: &str) -> bool {
    N > 1 && text.parse::<T>().is_ok()
}

#[cache("local", cache = cache)]
async fn not_send(cache: &Cache, id: u64) -> u64 {
    let local = Rc::new(id);
    tokio::task::yield_now().await;
    *local
}

#[tokio::test]
async fn methods_of_types_and_traits_are_cached() {
    let mut service = Service {
        cache: Cache::in_memory(),
        tenant: "a".into(),
        runs: Runs::default(),
    };
    assert_eq!(
        (
            service.by_reference(10).await,
            service.by_reference(10).await
        ),
        (11, 11)
    );
    assert_eq!((service.load(10).await, service.load(10).await), (12, 12));
    assert_eq!(service.by_mutable_reference(10).await, 13);
    assert_eq!(
        (
            service.by_mutable_reference(10).await,
            service.tenant.as_str()
        ),
        (13, "ax")
    );
    assert_eq!(
        service.cache.get("tenant_a:10").await.expect("get"),
        Some(11)
    );
}

#[tokio::test]
async fn generics_lifetimes_and_shadowed_names_are_no_matter() {
    let (cache, runs) = (Cache::in_memory(), Runs::default());
    assert_eq!(generic(&cache, 'k', page()).await, page());
    assert_eq!(
        cache.get::<Page>("generic:k").await.expect("get"),
        Some(page())
    );
    assert_eq!(
        (
            impl_trait(&cache, "n", &runs).await,
            impl_trait(&cache, "n", &runs).await
        ),
        (1, 1)
    );
    assert_eq!(shadowed::shadowed(&cache, 1, 2, 3).await, 6);
    assert_eq!(not_send(&cache, 4).await, 4);
    assert_eq!(cache.get("local:4").await.expect("get"), Some(4));
}

#[tokio::test]
async fn types_and_constants_are_told_apart_by_their_names() {
    let cache = Cache::in_memory();
    let numbers = Rows::<u64> {
        cache: cache.clone(),
        row: std::marker::PhantomData,
    };
    let texts = Rows::<String> {
        cache: cache.clone(),
        row: std::marker::PhantomData,
    };
    assert_eq!(numbers.name(1).await, "u64");
    assert_eq!(texts.name(1).await, "alloc::string::String");
    assert!(!parsed::<2, u8>(&cache, "-1").await);
    assert!(parsed::<2, i8>(&cache, "-1").await);
    assert!(!parsed::<1, i8>(&cache, "-1").await);
    assert_eq!(cache.get("parsed:2:i8:-1").await.expect("get"), Some(true));
}

#[test]
fn the_future_of_a_call_is_small() {
    #[cache("value", cache = cache)]
    async fn read(cache: &Cache, id: u64) -> u64 {
        id
    }

    let cache = Cache::in_memory();
    assert!(size_of_val(&read(&cache, 1)) < 4096);
}
