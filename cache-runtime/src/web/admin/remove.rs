//! Removing a key, what has a tag, or what matches a pattern: by the cache's own methods, so with all that they promise.

use serde_json::json;

use super::answer::Answer;
use super::look::with_causes;
use super::{Kind, Named};
use crate::cache::Cache;
use crate::log;

/// What can't be removed is queued, and so is all of it where the request is dropped.
pub(super) async fn remove(cache: &Cache, named: &Named) -> Answer {
    let Named { kind, name } = named;
    let (word, removed) = match kind {
        Kind::Key => ("key", cache.delete([name]).await.map(Some)),
        Kind::Tag => ("tag", cache.invalidate_tags([name]).await.map(|()| None)),
        Kind::Pattern => ("pattern", cache.delete_pattern(name).await.map(Some)),
    };
    log::removed_by_hand(
        word,
        cache.0.traced([name.as_str()]).as_deref(),
        removed.is_ok(),
    );
    match removed {
        Ok(entries) => Answer::json(200, &json!({ "removed": entries })),
        Err(error) => {
            let error = with_causes(&error);
            Answer::json(503, &json!({ "error": error, "queued": true }))
        }
    }
}
