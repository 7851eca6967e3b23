//! Functions of every kind, none of which is a mistake.

#![expect(dead_code, reason = "the map has what is never called")]

use std::sync::Arc;

use axum::extract::Path;
use axum::http::Method;
use cache_runtime::{Cache, Cached, cache};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

mod names {
    cache_runtime::templates! {
        pub(super) post_key = "{username}_post_cache:{id}";
        pub(super) user_tag = "user:{username}";
    }
}

pub(crate) struct User {
    name: String,
}

#[derive(Clone, Deserialize, Serialize)]
pub(crate) struct Post {
    id: u64,
}

#[derive(Clone, Deserialize, Serialize)]
pub(crate) struct Filter {
    word: String,
}

#[cache(names::post_key!, tags = [names::user_tag!])]
pub(crate) async fn post(username: &str, id: u64) -> Post {
    let _ = username;
    Post { id }
}

#[cache("{username}_posts:page_{page}", resource_id_name = "username")]
pub(crate) async fn posts(username: &str, page: u32) -> Vec<Post> {
    let _ = (username, page);
    Vec::new()
}

#[cache("latest_posts:global")]
pub(crate) async fn latest_posts() -> Vec<Post> {
    Vec::new()
}

#[cache("search:{filter:hash}")]
pub(crate) async fn search(filter: Filter) -> Vec<String> {
    vec![filter.word]
}

#[cache("{username}_post_cache", resource_id_name = "result.id", method = "POST", to_invalidate_extra = {"latest_posts": "global"})]
pub(crate) async fn create_post(username: &str) -> Post {
    let _ = username;
    Post { id: 1 }
}

#[cache(names::post_key!(username = user.name, id = post_id), method = "PUT")]
pub(crate) async fn update_post(user: &User, post_id: u64) {
    let _ = (user, post_id);
}

#[cache(tags_to_invalidate = [names::user_tag!(username = user.name)], pattern_to_invalidate_extra = ["{user.name}_posts:"])]
pub(crate) async fn delete_user(user: &User) {
    let _ = user;
}

#[cache("price", version = 2)]
pub(crate) async fn price(id: u64) -> u64 {
    id
}

#[cache("price", version = 2, method = "PUT")]
pub(crate) async fn update_price(id: u64, price: u64) {
    let _ = (id, price);
}

/// No integer is `latest`: the two below do not share a key.
#[cache("number")]
pub(crate) async fn number(Path(id): Path<i32>) -> Cached<i32> {
    Cached::new(id)
}

#[cache("number:latest")]
pub(crate) async fn latest_number() -> i32 {
    1
}

#[cache("number", method = "PUT", resource_id_name = "id")]
pub(crate) async fn update_number(id: &str) {
    let _ = id;
}

/// Nor is a UUID `current`.
#[cache("session:{id}")]
pub(crate) async fn session(id: Uuid) -> Uuid {
    id
}

#[cache("session:current")]
pub(crate) async fn current_session() -> String {
    String::new()
}

#[cache("by_method")]
pub(crate) async fn by_method(method: Method, Path(id): Path<u32>) -> Cached<u32> {
    let _ = method;
    Cached::new(id)
}

#[expect(clippy::unused_async, reason = "a handler is async, whatever it does")]
#[cache("passed_by", method = "OPTIONS")]
pub(crate) async fn passes_by() -> u32 {
    1
}

/// Generic, and in a trait.
pub(crate) struct Rows<T>(Vec<Arc<T>>);

impl<T: Sync + Send> Rows<T> {
    #[cache("{Self}_row:{id}", tags = ["rows"], skip(self))]
    pub(crate) async fn row(&self, id: u64) -> usize {
        let _ = id;
        self.0.len()
    }
}

#[async_trait::async_trait]
pub(crate) trait Table {
    async fn named(&self, name: &str) -> usize;
    async fn change(&self);
}

#[async_trait::async_trait]
impl Table for User {
    #[cache("table:{self.name}:{name}", tags = ["rows"])]
    async fn named(&self, name: &str) -> usize {
        name.len()
    }

    #[cache(tags_to_invalidate = ["rows"], method = "PUT")]
    async fn change(&self) {}
}

pub(crate) mod jobs {
    use cache_runtime::{Cache, CacheError, key, pattern, tag};

    use super::{Filter, names};

    pub(crate) async fn clean_up(
        cache: &Cache,
        filter: Filter,
        user: &str,
    ) -> Result<(), CacheError> {
        cache.delete([key!("search:{filter:hash}")]).await?;
        cache
            .invalidate_tags([tag!(names::user_tag!, username = user)])
            .await?;
        cache.delete_pattern(pattern!("session:*")).await?;
        Ok(())
    }

    /// What is put there by hand is no typo, though no function reads it.
    pub(crate) async fn set(cache: &Cache, id: u64) -> Result<(), CacheError> {
        cache
            .set(key!("by_hand:{id}"), &id, std::time::Duration::from_secs(1))
            .await
    }
}

/// It removes what is put there by hand.
#[cache("by_hand:{id}", method = "DELETE", cache = cache)]
pub(crate) async fn remove_by_hand(cache: &Cache, id: u64) {
    let _ = id;
}
