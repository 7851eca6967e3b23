//! Lints as strict as they get, which nothing may allow: the attribute's output breaks none of them.

use axum::extract::Path;
use cache_runtime::Cache;

use self::strict::{item, text, write};

mod strict {
    #![forbid(clippy::all, clippy::absolute_paths, clippy::needless_update)]
    #![forbid(unused_braces, unused_qualifications, trivial_casts)]

    use axum::extract::Path;
    use cache_runtime::{Cache, cache};
    use tokio::task::yield_now;

    #[cache("item", cache = cache, stale_while_revalidate = "1m", stale_if_error = "2m")]
    pub(super) async fn item(cache: Cache, id: u64) -> Result<u64, String> {
        yield_now().await;
        if id == 0 { Err("none".into()) } else { Ok(id) }
    }

    #[cache("text:{name}:{rest:hash}", cache = cache, tags = ["all:{name}"], stale_if_error = 60)]
    pub(super) async fn text(
        cache: &Cache,
        Path(name): Path<String>,
        rest: &[u8],
    ) -> Option<String> {
        yield_now().await;
        (!rest.is_empty()).then_some(name)
    }

    #[cache(
        "item", method = "PUT", cache = cache,
        to_invalidate_extra = {"text:{result.0}": "{id}"}, tags_to_invalidate = ["all:{result.1}"],
        pattern_to_invalidate_extra = ["text:{id}:*"]
    )]
    pub(super) async fn write(cache: &Cache, id: u64) -> (u64, String) {
        yield_now().await;
        (id, id.to_string())
    }
}

#[tokio::test]
async fn the_output_breaks_no_lint_that_can_not_be_allowed() {
    let cache = Cache::in_memory();
    assert_eq!(item(cache.clone(), 1).await, Ok(1));
    assert_eq!(text(&cache, Path("a".into()), &[]).await, None);
    assert_eq!(write(&cache, 1).await, (1, "1".into()));
    assert_eq!(cache.get::<u64>("item:1").await.expect("get"), None);
}
