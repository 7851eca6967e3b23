//! What a hit does not do again.

use std::future;
use std::time::Duration;

use crate::cache::Cache;
use crate::call::Windows;
use crate::call::handler::{Handler, Sent};
use crate::call::read::{Read, read};
use crate::call::refresh::Disabled;
use crate::codec::Cached;
use crate::codec::body::tests::digests;
use crate::codec::dispatch::{AnyLayer as _, output_of};
use crate::key::key;
use crate::stats::Function;

type Numbers = Vec<u64>;

static FUNCTION: Function = Function::new("numbers");

/// A tag without a placeholder.
const TAGS: [&[&str]; 1] = [&["tag"]];

/// A call of a function with these tags, and how many digests it has made.
async fn call(cache: &Cache, tags: &[&'static [&'static str]]) -> u32 {
    let body = future::ready(Cached::<Numbers>::new(vec![1, 2, 3]));
    let (body, output) = output_of(body);
    let codec = output.layer().inner().codec();
    let call = Read {
        function: &FUNCTION,
        cache: Some(cache.clone()),
        access: None,
        handler: Handler::Never,
        key: key(&["numbers"], []),
        tags: tags.iter().map(|tag| key(tag, [])).collect(),
        expiration: Duration::from_secs(60),
        own_ttl: None,
        windows: Windows::default(),
        near: None,
        max_loads: None,
        verify: None,
        condition: true,
    };
    let before = digests();
    let errors = None::<fn(&_) -> bool>;
    let cached = read(call, codec, Sent::Never, |_| false, errors, body, Disabled).await;
    let made = digests() - before;
    let (body, status) = cached.into_parts().expect("JSON");
    assert_eq!(body.bytes(), &b"[1,2,3]"[..]);
    assert!(status.is_some());
    // For an `ETag`.
    body.digest();
    made
}

#[tokio::test]
async fn a_hit_in_this_process_makes_a_digest_once() {
    for tags in [&TAGS[..0], &TAGS] {
        let cache = Cache::in_memory();
        let mut made = Vec::new();
        for _ in 0..4 {
            made.push(call(&cache, tags).await);
        }
        assert_eq!(made, [0, 1, 0, 0]);
        assert_eq!(cache.stats().hits, 3);
        let before = digests();
        call(&cache, tags).await;
        assert_eq!(digests(), before, "nor for an `ETag`");
        // What is stored anew is another entry.
        cache.delete(["numbers"]).await.expect("removed");
        assert_eq!(call(&cache, tags).await, 0);
        assert_eq!(call(&cache, tags).await, 1);
        assert_eq!(call(&cache, tags).await, 0);
    }
}
