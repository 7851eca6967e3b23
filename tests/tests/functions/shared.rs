//! Templates that are written once: readers, writers and names by hand share them.

use cache_runtime::{Cache, cache, key, pattern, tag};

mod names {
    cache_runtime::templates! {
        /// A post of a user.
        pub(crate) post_key = "{username}_shared:{id}";
        pub(super) user_tag = "shared_user:{username}";
        pub(crate) posts = "{username}_shared:*";
        pub(crate) braces = "{{{filter:hash}}}";
    }
}

cache_runtime::templates! {
    latest = "latest_shared";
    r#type = "type:{type}";
}

struct User {
    name: String,
    pair: (u8, u64),
}

#[cache(names::post_key!, tags = ["other", names::user_tag!], cache = cache)]
async fn post(cache: &Cache, username: &str, id: u64) -> u64 {
    id
}

#[cache(key_prefix = latest!, cache = cache, condition = matches!(cache.stats().errors_hidden, 0..9))]
async fn latest_post(cache: &Cache) -> u64 {
    1
}

#[cache(
    self::names::post_key!(username = user.name, id = user.pair.1), method = "PUT",
    to_invalidate_extra = {latest!: "", "x": "{user.name}"}, cache = cache
)]
async fn update(cache: &Cache, user: &User) -> Result<u64, ()> {
    Ok(1)
}

#[cache(to_invalidate_extra = {names::post_key!(id = result): ""}, cache = cache)]
async fn add(cache: &Cache, username: &str) -> u64 {
    7
}

struct Posts {
    cache: Cache,
    owner: User,
}

impl Posts {
    #[cache(tags_to_invalidate = [crate::shared::names::user_tag!(username = self.owner.name,)], cache = self.cache)]
    async fn delete_owner(&self) {}

    #[cache(
        pattern_to_invalidate_extra = [names::posts!(username = self.owner.name), "unused_*"], cache = self.cache
    )]
    async fn delete_posts(&self) {}

    #[cache(names::braces!(filter = self.owner.pair), cache = self.cache)]
    async fn filtered(&self) -> u64 {
        1
    }

    #[cache(r#type!, cache = self.cache, skip(self))]
    async fn typed(&self, r#type: &str) -> u64 {
        1
    }
}

#[tokio::test]
async fn what_names_one_template_means_one_entry() {
    let cache = Cache::in_memory();
    let (username, id) = ("a:b", 7);
    let posts = Posts {
        cache: cache.clone(),
        owner: User {
            name: username.to_owned(),
            pair: (0, id),
        },
    };
    let is_there = async || {
        let found = cache.get::<u64>("a%3Ab_shared:7").await.expect("get");
        found.is_some()
    };
    let mut removals = 0;
    for removal in 0..7 {
        post(&cache, username, id).await;
        latest_post(&cache).await;
        assert!(is_there().await, "{removal}");
        match removal {
            0 => assert_eq!(update(&cache, &posts.owner).await, Ok(1)),
            1 => assert_eq!(add(&cache, username).await, 7),
            2 => posts.delete_owner().await,
            3 => posts.delete_posts().await,
            4 => assert_eq!(
                cache.delete([key!(names::post_key!)]).await.expect("one"),
                1
            ),
            5 => {
                let tag = tag!(names::user_tag!, username = posts.owner.name.as_str());
                cache.invalidate_tags([tag]).await.expect("invalidated");
            }
            _ => {
                let pattern = pattern!(names::posts!(username = posts.owner.name));
                assert_eq!(cache.delete_pattern(pattern).await.expect("deleted"), 1);
            }
        }
        removals += u32::from(!is_there().await);
        let latest = cache.get::<u64>(key!(latest!)).await.expect("get");
        assert_eq!(latest.is_some(), removal != 0, "{removal}");
    }
    assert_eq!(removals, 7);
}

#[tokio::test]
async fn braces_hashes_and_keywords_are_kept_where_a_placeholder_has_another_name() {
    let posts = Posts {
        cache: Cache::in_memory(),
        owner: User {
            name: "john".to_owned(),
            pair: (0, 7),
        },
    };
    posts.filtered().await;
    posts.typed("new").await;
    let key = key!("{{{filter:hash}}}", filter = (0, 7));
    assert_eq!(posts.cache.delete([key]).await.expect("deleted"), 1);
    let r#type = "new";
    let keys = [key!(r#type!), key!("type:{text}", text = r#type)];
    assert_eq!(keys[1], "type:new");
    assert_eq!(posts.cache.delete(keys).await.expect("deleted"), 1);
}
