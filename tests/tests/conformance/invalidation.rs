//! What a write removes, and what it leaves alone.

use cache_testkit::{MINUTE, World, on_every_store};

use crate::posts::write_post;
use crate::world::read_tagged;

#[tokio::test]
async fn a_write_removes_its_key_the_extra_keys_and_what_matches() {
    on_every_store(async |cache| {
        let keys = [
            "post:1",
            "post:2",
            "latest:global",
            "author:9",
            "x_posts:page_1",
            "y_posts:page_1",
        ];
        for key in keys {
            cache.set(key, &0, MINUTE).await.expect("set");
        }
        assert!(write_post(&cache, 1, "x", true).await.is_err());
        for key in keys {
            assert_eq!(
                cache.get::<u8>(key).await.expect("get"),
                Some(0),
                "{key} after a failed write"
            );
        }
        assert!(write_post(&cache, 1, "x", false).await.is_ok());
        for key in keys {
            let kept = matches!(key, "post:2" | "y_posts:page_1");
            assert_eq!(
                cache.get::<u8>(key).await.expect("get").is_some(),
                kept,
                "{key}"
            );
        }
    })
    .await;
}

#[tokio::test]
async fn a_name_with_wildcards_matches_nothing_but_itself() {
    on_every_store(async |cache| {
        for key in ["x_posts:1", "*_posts:1", "[x]_posts:1"] {
            cache.set(key, &0, MINUTE).await.expect("set");
        }
        assert!(write_post(&cache, 5, "*", false).await.is_ok());
        assert!(write_post(&cache, 5, "[x]", false).await.is_ok());
        assert_eq!(cache.get::<u8>("x_posts:1").await.expect("get"), Some(0));
        assert_eq!(cache.get::<u8>("*_posts:1").await.expect("get"), None);
        assert_eq!(cache.get::<u8>("[x]_posts:1").await.expect("get"), None);
    })
    .await;
}

#[tokio::test]
async fn a_tag_invalidates_all_that_was_stored_under_it_and_nothing_else() {
    on_every_store(async |cache| {
        let world = World::new(cache);
        world.open();
        for id in [1, 2] {
            read_tagged(&world, id).await;
            assert_eq!(
                world.cache.get(format!("value:{id}")).await.expect("get"),
                Some(0)
            );
        }
        world
            .cache
            .invalidate_tags(["tag:1"])
            .await
            .expect("invalidated");
        assert_eq!(world.cache.get::<u64>("value:1").await.expect("get"), None);
        for id in [1, 2] {
            read_tagged(&world, id).await;
        }
        assert_eq!((world.stats().misses, world.stats().hits), (3, 1));
    })
    .await;
}
