//! One function for each mistake.

#![expect(dead_code, reason = "the map has what is never called")]

use cache_runtime::{Cache, CacheError, cache, pattern, tag};

#[cache("countries")]
pub(crate) async fn countries() -> Vec<String> {
    Vec::new()
}

#[cache("article:{slug}", tags = ["articles"])]
pub(crate) async fn article(slug: &str) -> String {
    slug.to_owned()
}

#[cache("article:newest", tags = ["articles"])]
pub(crate) async fn newest_article() -> String {
    String::new()
}

#[cache(to_invalidate_extra = {"pst": "{id}"}, tags_to_invalidate = ["articles", "usr:{id}"], pattern_to_invalidate_extra = ["articel:{id}:"])]
pub(crate) async fn update(id: u64) {
    let _ = id;
}

pub(crate) async fn by_hand(cache: &Cache, id: u64) -> Result<(), CacheError> {
    cache.invalidate_tags([tag!("artcle:{id}")]).await?;
    cache.delete_pattern(pattern!("artcles:")).await?;
    Ok(())
}
