//! `key!`, `tag!` and `pattern!` make what the attribute makes of the same template.

use std::fmt;

use cache_runtime::{Cache, CacheKey, ErrorKind, cache, key, pattern, tag};
use cache_testkit::MINUTE;

/// What a value has to be encoded for, in one place or another.
const NAMES: [&str; 8] = ["john", "a:b", "{x}", "100%", "_post_cache", "*", "名前", ""];

struct User {
    name: String,
    id: u64,
}

#[cache("{username}_post_cache", resource_id_name = "id", tags = ["user:{username}:posts"], cache = cache)]
async fn post(cache: &Cache, username: &str, id: u64) -> u64 {
    id
}

#[cache("{user.name}_profile:{tag}:{filter:hash}", resource_id_name = "user.id", cache = cache)]
async fn profile(cache: &Cache, user: &User, tag: Option<&str>, filter: &[f64]) -> u64 {
    user.id
}

#[cache(
    method = "PUT", to_invalidate_extra = {"{username}_latest": "{id}"},
    pattern_to_invalidate_extra = ["{username}_posts:"], cache = cache
)]
async fn write(cache: &Cache, username: &str, id: u64) -> u64 {
    id
}

#[tokio::test]
async fn a_key_by_hand_is_that_of_the_function() {
    let cache = Cache::in_memory();
    for username in NAMES {
        let id = 7;
        assert_eq!(post(&cache, username, id).await, 7);
        let key = key!("{username}_post_cache:{id}");
        assert_eq!(
            cache.get::<u64>(&key).await.expect("get"),
            Some(7),
            "{key:?}"
        );
        assert_eq!(cache.delete([key]).await.expect("deleted"), 1);
    }
}

#[tokio::test]
async fn fields_options_and_hashes_are_those_of_the_function() {
    let cache = Cache::in_memory();
    for name in NAMES {
        for tag in [None, Some("%-")] {
            let (user, filter) = (
                User {
                    name: name.to_owned(),
                    id: 1,
                },
                [f64::NAN],
            );
            profile(&cache, &user, tag, &filter).await;
            let key = key!("{user.name}_profile:{tag}:{filter:hash}:{user.id}");
            assert_eq!(cache.delete([&key]).await.expect("deleted"), 1, "{key:?}");
            profile(&cache, &user, tag, &filter).await;
            let key = key!(
                "{name}_profile:{label}:{all:hash}:{id}",
                name = &user.name,
                label = tag,
                all = filter,
                id = user.id
            );
            assert_eq!(cache.delete([&key]).await.expect("deleted"), 1, "{key:?}");
        }
    }
}

#[tokio::test]
async fn a_tag_and_a_pattern_by_hand_find_what_the_function_stored() {
    let cache = Cache::in_memory();
    for username in NAMES {
        post(&cache, username, 1).await;
        cache
            .invalidate_tags([tag!("user:{username}:posts")])
            .await
            .expect("invalidated");
        assert_eq!(
            cache
                .get::<u64>(key!("{username}_post_cache:{id}", id = 1))
                .await
                .expect("get"),
            None
        );
        for other in NAMES {
            cache
                .set(key!("{other}_posts:page_1"), &1, MINUTE)
                .await
                .expect("set");
        }
        let removed = cache.delete_pattern(pattern!("{username}_posts:")).await;
        assert_eq!(removed.expect("deleted"), 1, "{username}");
    }
}

#[tokio::test]
async fn a_write_removes_what_was_set_by_hand() {
    let cache = Cache::in_memory();
    for username in NAMES {
        let keys = || {
            [
                key!("{username}_latest:{id}", id = 3),
                key!("{username}_posts:page_{n}", n = 1),
            ]
        };
        for key in keys() {
            cache.set(key, &1, MINUTE).await.expect("set");
        }
        write(&cache, username, 3).await;
        for key in keys() {
            assert_eq!(cache.get::<u8>(&key).await.expect("get"), None, "{key:?}");
        }
    }
}

struct NoText;

impl fmt::Display for NoText {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        Err(fmt::Error)
    }
}

#[tokio::test]
async fn a_name_that_can_not_be_made_is_an_error_and_keeps_nothing_else_from_its_end() {
    let cache = Cache::in_memory();
    cache.set("post:1", &1, MINUTE).await.expect("set");
    let keys = [key!("post:{id}", id = NoText), key!("post:{id}", id = 1)];
    assert!(keys[0].as_str().is_err() && keys[0] != "post:");
    let failed = cache.delete(&keys).await.expect_err("one has no text");
    assert_eq!(failed.kind(), ErrorKind::Key);
    assert_eq!(cache.get::<u8>("post:1").await.expect("get"), None);
    let failed = [
        cache.get::<u8>(&keys[0]).await.map(drop),
        cache.set(&keys[0], &1, MINUTE).await,
        cache
            .invalidate_tags([tag!("post:{id}", id = NoText)])
            .await,
        cache
            .delete_pattern(pattern!("post:{id}:", id = NoText))
            .await
            .map(drop),
    ];
    for failed in failed {
        assert_eq!(failed.expect_err("no text").kind(), ErrorKind::Key);
    }
    assert_eq!(cache.stats().pending_invalidations, 0);
}

/// A value is made once, however often the template names it, and not in the macro's own scope.
#[test]
fn a_given_value_is_made_once_and_in_its_own_scope() {
    let mut made = 0;
    let given0 = "outer";
    let mut next = || {
        made += 1;
        made
    };
    let key: CacheKey = key!(
        "{n}:{n}:{given0}:{text}",
        n = next(),
        text = given0.to_owned()
    );
    assert_eq!(key, "1:1:outer:outer");
    assert_eq!(String::try_from(key).expect("text"), "1:1:outer:outer");
    assert_eq!(key!("countries"), "countries");
    assert_eq!(tag!("{{{kind}}}", kind = "a"), "{a}");
}

struct Repo<T> {
    rows: Vec<T>,
}

impl<T> Repo<T> {
    #[cache("rows:{Self}:{self.rows:hash}:{By}:{N}", cache = cache)]
    async fn rows<By, const N: usize>(&self, cache: &Cache) -> usize
    where
        T: serde::Serialize,
    {
        let _ = cache;
        N
    }

    fn key<By, const N: usize>(&self) -> CacheKey
    where
        T: serde::Serialize,
    {
        key!(
            "rows:{Self}:{self.rows:hash}:{By}:{N}",
            By = std::any::type_name::<By>()
        )
    }
}

#[tokio::test]
async fn self_and_generics_are_those_of_the_function() {
    let cache = Cache::in_memory();
    let repo = Repo { rows: vec![1_u8] };
    assert_eq!(repo.rows::<u8, 3>(&cache).await, 3);
    assert_eq!(
        cache.delete([repo.key::<u8, 3>()]).await.expect("deleted"),
        1
    );
    let other = Repo { rows: vec![1_u16] };
    assert_eq!(repo.rows::<u8, 3>(&cache).await, 3);
    assert_eq!(
        cache.delete([other.key::<u8, 3>()]).await.expect("deleted"),
        0
    );
}
