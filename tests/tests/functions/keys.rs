//! Keys, as they are found on a server.

use cache_runtime::{Cache, cache};
use cache_testkit::{MINUTE, RedisServer};
use serde_json::Value;

/// Declares readers that differ in attribute and parameters, and calls them with arguments.
macro_rules! key_of {
    ($server:ident, [$($attribute:tt)*], ($($param:ident : $ty:ty = $value:expr),*)) => {{
        let handle: Cache = $server.cache();
        #[cache($($attribute)*, cache = handle)]
        #[allow(unused_variables, reason = "only the key sees them")]
        async fn reader(handle: &Cache, $($param: $ty),*) -> u32 {
            7
        }
        let () = $server.run(&["FLUSHALL"]);
        assert_eq!(reader(&handle, $($value),*).await, 7);
        let keys = $server.keys();
        assert_eq!(keys.len(), 1, "{keys:?}");
        let ttl: i64 = $server.run(&["PTTL", &keys[0]]);
        (keys[0].clone(), ttl)
    }};
}

#[tokio::test]
async fn the_decorators_of_the_reference_make_their_documented_keys() {
    let server = RedisServer::start();
    let (key, ttl) =
        key_of!(server, [key_prefix = "post_cache", expiration = 3600], (post_id: i64 = 123));
    assert_eq!(key, "post_cache:123");
    assert!(ttl > 3_590_000 && ttl <= 3_600_000, "{ttl}");
    let (key, _) = key_of!(server, [key_prefix = "user_data"], (id: i64 = -5));
    assert_eq!(key, "user_data:-5");
    let (key, _) = key_of!(server, [key_prefix = "{username}_posts"], (username: &str = "johndoe", id: u32 = 456));
    assert_eq!(key, "johndoe_posts:456");
    let (key, _) = key_of!(
        server, [key_prefix = "user_{user_id}_posts_page_{page}", resource_id_name = "post_id"],
        (user_id: i64 = 123, page: u32 = 2, post_id: i64 = 789)
    );
    assert_eq!(key, "user_123_posts_page_2:789");
    let (key, _) = key_of!(server, [key_prefix = "user_cache", resource_id_name = "username"], (username: String = "johndoe".into()));
    assert_eq!(key, "user_cache:johndoe");
    let (key, _) = key_of!(
        server, [key_prefix = "search", resource_id_type = (i64, String), skip(page)],
        (query: String = "rust".into(), page: u32 = 1)
    );
    assert_eq!(key, "search:rust");
    let (key, ttl) = key_of!(
        server, [key_prefix = "{username}_posts:page_{page}:items_per_page_{items_per_page}", resource_id_name = "username", expiration = 300],
        (username: &str = "john", page: u32 = 1, items_per_page: u32 = 10)
    );
    assert_eq!(key, "john_posts:page_1:items_per_page_10:john");
    assert!(ttl <= 300_000, "{ttl}");
    let (key, ttl) = key_of!(
        server, [key_prefix = "org_{org_id}_dept_{dept_id}_employees", resource_id_name = "dept_id", expiration = "30m"],
        (org_id: i64 = 7, dept_id: i64 = 42)
    );
    assert_eq!(key, "org_7_dept_42_employees:42");
    assert!(ttl > 1_790_000 && ttl <= 1_800_000, "{ttl}");
    let (key, ttl) = key_of!(server, ["countries", expiration = MINUTE], ());
    assert_eq!(key, "countries");
    assert!(ttl > 50_000 && ttl <= 60_000, "{ttl}");
}

/// The cases of `keys.json`, made by the Python original, through the same rendering as the attribute.
#[test]
fn the_keys_of_the_python_original_are_ours() {
    use cache_runtime::__private::{CacheKey, Value as Placed, dispatch::*, key};
    let cases: Vec<Value> = serde_json::from_str(include_str!("keys.json")).expect("JSON");
    assert_eq!(cases.len(), 14);
    for case in cases {
        let template = format!(
            "{}:{{{}}}",
            case["key_prefix"].as_str().expect("text"),
            case["resource_id_name"].as_str().expect("text")
        );
        // As in generated code, the text of a template lives for ever.
        let mut literals: Vec<&'static str> = Vec::new();
        let mut names = Vec::new();
        let mut rest = template.as_str();
        while let Some((literal, more)) = rest.split_once('{') {
            let (name, behind) = more.split_once('}').expect("a closing brace");
            literals.push(literal.to_owned().leak());
            names.push(match &case["params"][name] {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            });
            rest = behind;
        }
        literals.push(rest.to_owned().leak());
        let literals: &'static [_] = literals.leak();
        let part = |at: usize| Placed(&names[at]).part();
        let made = match names.len() {
            1 => key(literals, [part(0)]),
            2 => key(literals, [part(0), part(1)]),
            3 => key(literals, [part(0), part(1), part(2)]),
            4 => key(literals, [part(0), part(1), part(2), part(3)]),
            n => panic!("no case has {n} placeholders"),
        };
        assert_eq!(CacheKey::new(made), case["key"].as_str().expect("text"));
    }
}

#[tokio::test]
async fn none_a_long_value_and_a_hash_have_keys_that_no_text_has() {
    let server = RedisServer::start();
    let (none, _) = key_of!(server, ["search:{tag}"], (tag: Option<String> = None));
    let (text, _) = key_of!(server, ["search:{tag}"], (tag: Option<String> = Some("%-".into())));
    assert_eq!((none.as_str(), text.as_str()), ("search:%-", "search:%25-"));
    let (long, _) = key_of!(server, ["search:{tag}"], (tag: &str = &"x".repeat(10_000)));
    assert_eq!(long.len(), "search:%~".len() + 64);
    let (hash, _) = key_of!(server, ["search:{tags:hash}"], (tags: Vec<String> = vec!["a".into()]));
    assert_eq!(hash.len(), "search:".len() + 64);
}

#[tokio::test]
async fn a_namespace_goes_in_front() {
    let server = RedisServer::start();
    let cache = server
        .cache_builder()
        .namespace("blog")
        .build()
        .expect("right");
    cache.set("post:1", &1, MINUTE).await.expect("set");
    assert_eq!(server.keys(), ["blog:post:1"]);
    assert_eq!(cache.delete_pattern("post:*").await.expect("deleted"), 1);
}
