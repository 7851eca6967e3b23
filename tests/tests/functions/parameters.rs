//! Parameters of any pattern and type, the arguments of the attribute, and what a body may do.

#![allow(
    clippy::unused_async,
    clippy::needless_pass_by_value,
    reason = "they are shapes, not functions"
)]

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::{self, Display};
use std::sync::Arc;
use std::time::Duration;

use cache_runtime::{Cache, cache};
use uuid::Uuid;

struct PageQuery {
    page: u32,
}

struct Slug<'a>(Cow<'a, str>);

impl Display for Slug<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "slug-{}", self.0)
    }
}

#[cache("{slug}", cache = cache)]
async fn own_display(cache: &Cache, slug: Slug<'_>) -> usize {
    slug.0.len()
}

#[cache(cache = cache, key_prefix = "uuid", resource_id_type = Uuid)]
async fn uuid_id(cache: &Cache, user_id: Uuid) -> Uuid {
    user_id
}

#[cache("tuple:{pair.0}:{pair.1}", cache = cache)]
async fn tuple_parameter(cache: &Cache, pair: (u8, char)) -> (u8, char) {
    pair
}

#[cache("array:{first}:{second}", cache = cache)]
async fn array_pattern(cache: &Cache, [first, second]: [u8; 2]) -> u8 {
    first + second
}

#[cache("struct:{page}", cache = cache)]
async fn struct_pattern(cache: &Cache, PageQuery { page }: PageQuery) -> u32 {
    page
}

#[cache("at:{whole:hash}:{page}", cache = cache, skip(inner))]
async fn at_pattern(cache: &Cache, whole @ inner: u8, page: Option<u8>) -> u8 {
    whole + inner + page.unwrap_or(0)
}

#[cache("reference:{id}", cache = cache)]
async fn reference_pattern(cache: &Cache, &id: &u64) -> u64 {
    id
}

#[cache("map:{filter:hash}", cache = cache)]
async fn map(cache: &Cache, filter: BTreeMap<String, Vec<u8>>) -> BTreeMap<String, Vec<u8>> {
    filter
}

#[cache("smart:{name}:{list:hash}", cache = cache)]
async fn smart_pointers(cache: &Cache, name: Arc<str>, list: &[u8]) -> usize {
    name.len() + list.len()
}

#[cache("const:{N}:{value}", cache = cache)]
async fn const_generic<const N: usize>(cache: &Cache, value: u8) -> Vec<u8> {
    vec![value; N]
}

#[cache("text", cache = cache, expiration = "1h30m")]
async fn literal_expiration(cache: &Cache) -> u8 {
    1
}

#[cache("expression", cache = cache, expiration = Duration::from_secs(u64::from(hours) * 3600), skip(hours))]
async fn expression_of_a_parameter(cache: &Cache, hours: u32) -> u8 {
    1
}

#[cache("early:{n}", cache = cache)]
async fn returns_early(cache: &Cache, n: u8) -> Result<u8, std::num::ParseIntError> {
    if n == 0 {
        return Ok(0);
    }
    let parsed: u8 = "7".parse()?;
    Ok(parsed + n)
}

#[cache("coerced:{n}", cache = cache)]
async fn coerces_its_error(
    cache: &Cache,
    n: u8,
) -> Result<u8, Box<dyn std::error::Error + Send + Sync>> {
    if n == 0 { Err("zero".into()) } else { Ok(n) }
}

#[cache("closure:{n}", cache = cache)]
async fn closures_in_the_body(cache: &Cache, n: u8) -> Vec<u8> {
    (0..n).map(|each| each + n).collect()
}

#[allow(clippy::too_many_arguments)]
#[cache("many:{a}:{b}:{c}:{d}:{e}:{f}:{g}", cache = cache)]
async fn many(
    cache: &Cache,
    a: u8,
    b: i16,
    c: f32,
    d: bool,
    e: char,
    f: &str,
    g: Option<&str>,
) -> u8 {
    a
}

#[cache("braces:{{{id}}}", cache = cache, resource_id_name = "id")]
async fn braces(cache: &Cache, id: u8) -> u8 {
    id
}

#[cache("odd", crate = ::cache_runtime, cache = cache)]
async fn named_crate(cache: &Cache, id: u8) -> u8 {
    id
}

#[cache(method = "OPTIONS")]
async fn passes() -> std::thread::ThreadId {
    std::thread::current().id()
}

#[async_trait::async_trait]
trait Repository {
    async fn find(&self, id: u64) -> u64;
    async fn change(&mut self, id: u64, name: &str) -> Result<(), String>;
}

struct Database(Cache);

#[async_trait::async_trait]
impl Repository for Database {
    #[cache("find:{Self}", cache = self.0, skip(self))]
    async fn find(&self, id: u64) -> u64 {
        if id == 0 {
            return 1;
        }
        id
    }

    #[cache(to_invalidate_extra = {"find:{Self}": "{id}"}, cache = self.0)]
    async fn change(&mut self, id: u64, name: &str) -> Result<(), String> {
        if name.is_empty() {
            return Err(format!("no name for {id}"));
        }
        Ok(())
    }
}

#[tokio::test]
async fn a_method_of_an_async_trait_is_cached_where_it_stands() {
    let cache = Cache::in_memory();
    let mut database: Box<dyn Repository + Send> = Box::new(Database(cache.clone()));
    assert_eq!(database.find(0).await, 1);
    assert_eq!(database.find(0).await, 1);
    assert_eq!((cache.stats().hits, cache.stats().misses), (1, 1));
    assert!(database.change(0, "").await.is_err());
    assert_eq!(database.find(0).await, 1);
    assert_eq!((cache.stats().hits, cache.stats().misses), (2, 1));
    assert!(database.change(0, "a").await.is_ok());
    assert_eq!(database.find(0).await, 1);
    assert_eq!((cache.stats().hits, cache.stats().misses), (2, 2));
}

#[tokio::test]
async fn every_shape_makes_its_entry() {
    let cache = Cache::in_memory();
    let c = &cache;
    own_display(c, Slug("a:b".into())).await;
    uuid_id(c, Uuid::nil()).await;
    tuple_parameter(c, (1, 'x')).await;
    array_pattern(c, [1, 2]).await;
    struct_pattern(c, PageQuery { page: 5 }).await;
    at_pattern(c, 1, None).await;
    reference_pattern(c, &6).await;
    map(c, BTreeMap::new()).await;
    smart_pointers(c, "n".into(), &[1]).await;
    assert_eq!(const_generic::<2>(c, 3).await, [3, 3]);
    literal_expiration(c).await;
    expression_of_a_parameter(c, 1).await;
    assert_eq!(returns_early(c, 0).await, Ok(0));
    assert_eq!(returns_early(c, 1).await, Ok(8));
    assert!(coerces_its_error(c, 0).await.is_err());
    assert_eq!(closures_in_the_body(c, 1).await, [1]);
    many(c, 1, -2, 0.5, true, 'c', "f", Some("g")).await;
    braces(c, 9).await;
    named_crate(c, 1).await;
    for key in [
        "slug-a:b",
        "uuid:00000000-0000-0000-0000-000000000000",
        "tuple:1:x",
        "array:1:2",
        "struct:5",
        "reference:6",
        "const:2:3",
        "text",
        "expression",
        "early:0",
        "early:1",
        "closure:1",
        "many:1:-2:0.5:true:c:f:g",
        "braces:{9}:9",
        "odd:1",
    ] {
        let entry = cache.delete([key]).await.expect("deleted");
        assert_eq!(entry, 1, "{key}");
    }
    assert_eq!(
        cache.delete_pattern("*").await.expect("deleted"),
        3,
        "a map, a list and a hashed number are left"
    );
    assert_eq!(passes().await, std::thread::current().id());
}
