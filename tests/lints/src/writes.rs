//! Functions that remove what they make wrong.

use core::future::ready;
use std::io;

use cache_runtime::{Cache, cache};

use crate::reads::Page;

/// All arguments of a write.
///
/// # Errors
///
/// There is no such page.
#[cache(
    key_prefix = "{owner}_page",
    resource_id_name = "page_id",
    method = "PUT",
    to_invalidate_extra = {"latest": "global", "{owner}_latest": ""},
    pattern_to_invalidate_extra = ["{owner}_pages:*"],
    tags_to_invalidate = ["owner:{owner}"]
)]
pub async fn update_page(owner: &str, page_id: u32, page: Page) -> io::Result<()> {
    ready(()).await;
    if page_id == page.number && owner == page.owner {
        Ok(())
    } else {
        Err(io::ErrorKind::NotFound.into())
    }
}

/// Keys and tags out of what the function returned.
///
/// # Errors
///
/// The page has no number.
#[cache(
    "{owner}_pages",
    method = "POST",
    to_invalidate_extra = {"{owner}_page": "{result.number}"},
    tags_to_invalidate = ["owner:{result.owner}"]
)]
pub async fn create_page(owner: String, page: Page) -> Result<Page, io::Error> {
    ready(()).await;
    if page.number == 0 {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    Ok(Page { owner, ..page })
}

/// Nothing to return, and a cache of its own.
#[cache("page", method = "DELETE", cache = cache)]
pub async fn delete_page(cache: &Cache, page_id: u32) {
    ready(()).await;
}

/// A method that passes the cache by.
#[cache("page", method = "OPTIONS")]
pub async fn describe_page(page_id: u32) -> u32 {
    ready(page_id).await
}
