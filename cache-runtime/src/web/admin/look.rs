//! Looking up a key, a tag or a pattern.

use std::collections::BTreeMap;
use std::error::Error;
use std::time::Duration;

use serde_json::{Value, json};

use super::answer::Answer;
use super::{Kind, Named, shown};
use crate::cache::Cache;
use crate::codec::envelope;
use crate::error::CacheError;
use crate::key::{Pattern, Tag};
use crate::store::{Beginning, Fenced, Inspected, Targets};

pub(super) async fn up(cache: &Cache, named: &Named) -> Answer {
    let name = named.name.as_str();
    let found = match named.kind {
        Kind::Key => key(cache, name).await,
        Kind::Tag => tag(cache, name).await,
        Kind::Pattern => pattern(cache, name).await,
    };
    match found {
        Ok(found) => Answer::json(200, &found),
        Err(error) => Answer::error(503, &with_causes(&error)),
    }
}

/// What the error says, and what is behind it.
pub(super) fn with_causes(error: &CacheError) -> String {
    match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

async fn key(cache: &Cache, name: &str) -> Result<Value, CacheError> {
    let key = cache.0.key(name);
    let targets = Targets {
        keys: vec![key.clone()],
        ..Targets::default()
    };
    let inspected = one(cache, &targets).await?;
    let mut about = at_work(&inspected);
    let mut recorded = BTreeMap::new();
    if let Some(value) = &inspected.value {
        let (entry, is_whole) = (&value.bytes[..], value.is_whole());
        let (tags, value_bytes) =
            envelope::beginning(entry, is_whole).unwrap_or((BTreeMap::new(), entry));
        recorded = tags;
        about["value"] = self::value(value, value_bytes);
    }
    let tags: Vec<Tag> = recorded.keys().map(Tag::new).collect();
    let tag_states = tag_states(cache, &tags, &recorded).await?;
    let is_current = tag_states.iter().all(|tag| tag["valid"] == true);
    let is_pending = cache.0.invalidation.is_pending(&key, &tags);
    about["tags"] = tag_states.into();
    about["pending"] = is_pending.into();
    about["served"] = (inspected.value.is_some() && is_current && !is_pending).into();
    Ok(about)
}

/// What is shown of a value.
fn value(entry: &Beginning, value: &[u8]) -> Value {
    let is_cut = !entry.is_whole();
    let (text, is_utf8) = shown::text(value, is_cut);
    json!({ "text": text, "utf8": is_utf8, "cut": is_cut, "size": entry.size })
}

/// Each tag of an entry, and whether it has the nonce that it had when the entry was stored.
async fn tag_states(
    cache: &Cache,
    tags: &[Tag],
    recorded: &BTreeMap<String, String>,
) -> Result<Vec<Value>, CacheError> {
    if tags.is_empty() {
        return Ok(Vec::new());
    }
    let targets = Targets {
        tags: tags.to_vec(),
        ..Targets::default()
    };
    let now = cache.0.store.inspect(&targets).await?;
    let states = recorded.iter().zip(now).map(|((tag, nonce), now)| {
        let nonce_now = now.value.map(|value| value.bytes);
        let is_valid = nonce_now.is_some_and(|now| now == nonce.as_bytes());
        json!({ "name": shown::name(tag.as_bytes()), "valid": is_valid })
    });
    Ok(states.collect())
}

async fn tag(cache: &Cache, name: &str) -> Result<Value, CacheError> {
    let tag = Tag::new(name);
    let targets = Targets {
        tags: vec![tag.clone()],
        ..Targets::default()
    };
    let inspected = one(cache, &targets).await?;
    let mut about = at_work(&inspected);
    about["known"] = inspected.value.is_some().into();
    about["pending"] = cache.0.invalidation.is_tag_pending(&tag).into();
    Ok(about)
}

async fn pattern(cache: &Cache, name: &str) -> Result<Value, CacheError> {
    let keyspace = cache.0.store.keyspace();
    let found = cache
        .0
        .store
        .find(&keyspace.pattern(Pattern::glob(name)))
        .await?;
    let namespace = keyspace.namespace().as_bytes();
    let keys = found.keys.iter().map(|key| {
        let key = key.strip_prefix(namespace).unwrap_or(key);
        shown::name(key)
    });
    Ok(json!({ "keys": keys.collect::<Vec<_>>(), "all": found.is_all }))
}

async fn one(cache: &Cache, targets: &Targets) -> Result<Inspected, CacheError> {
    let inspected = cache.0.store.inspect(targets).await?;
    Ok(inspected.into_iter().next().unwrap_or_default())
}

/// How long it lives, and what is at work on it. Times are in milliseconds.
fn at_work(inspected: &Inspected) -> Value {
    json!({
        "ttl": inspected.remaining.map(milliseconds),
        "foreign": inspected.is_foreign,
        "lease": inspected.lease.map(milliseconds),
        "fence": inspected.fence.map(|fence| {
            let Fenced { writers, remaining, is_closed } = fence;
            json!({ "writers": writers, "ms": milliseconds(remaining), "closed": is_closed })
        }),
    })
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
