//! What an application does with its cache.

use std::sync::atomic::{AtomicU64, Ordering};

use cache_runtime::{Cache, cache};

use crate::{MINUTE, eventually};

/// Every answer of its reads is another one, unless it comes from the cache.
#[derive(Clone)]
pub(crate) struct Blog {
    pub(crate) cache: Cache,
}

impl Blog {
    pub(crate) fn new(cache: Cache) -> Self {
        Self { cache }
    }

    /// A number that there was not yet in any test.
    #[expect(clippy::unused_self, reason = "it reads as what it is for")]
    pub(crate) fn next(&self) -> u64 {
        static LAST: AtomicU64 = AtomicU64::new(0);
        LAST.fetch_add(1, Ordering::SeqCst) + 1
    }

    #[cache("{author}_post", resource_id_name = "id", tags = ["author:{author}"], cache = self.cache)]
    pub(crate) async fn post(&self, author: u64, id: u64) -> u64 {
        self.next()
    }

    #[cache(
        "{author}_page:{page}", cache = self.cache, expiration = MINUTE,
        stale_if_error = "1m"
    )]
    pub(crate) async fn page(&self, author: u64, page: u64) -> u64 {
        self.next()
    }

    #[cache(
        "{author}_post", resource_id_name = "id", method = "PUT", cache = self.cache,
        pattern_to_invalidate_extra = ["{author}_page:*"]
    )]
    pub(crate) async fn write(&self, author: u64, id: u64) -> u64 {
        self.next()
    }

    #[cache(
        "author", method = "DELETE", cache = self.cache,
        tags_to_invalidate = ["author:{author}"]
    )]
    pub(crate) async fn forget(&self, author: u64) -> u64 {
        self.next()
    }

    #[cache("author", resource_id_name = "author", method = "PATCH", cache = self.cache)]
    pub(crate) async fn write_in_vain(&self, author: u64) -> Result<(), u64> {
        Err(self.next())
    }

    /// Asks for something twice, and says whether the second answer came from the cache.
    pub(crate) async fn caches(&self) -> bool {
        let author = self.next();
        let first = self.page(author, 1).await;
        self.page(author, 1).await == first
    }

    /// Reads are hits, and whatever removes them does.
    pub(crate) async fn works(&self) {
        let author = self.next();
        let read = async || (self.post(author, 1).await, self.page(author, 1).await);
        let first = read().await;
        assert_eq!(read().await, first);

        self.write(author, 1).await;
        let second = read().await;
        assert!(second.0 > first.0 && second.1 > first.1, "{second:?}");
        assert_eq!(read().await, second);

        self.forget(author).await;
        let third = read().await;
        assert!(third.0 > second.0, "{third:?}");
        assert_eq!(third.1, second.1);
        assert!(self.write_in_vain(author).await.is_err());
        assert_eq!(read().await, third);
        self.works_by_hand().await;
    }

    async fn works_by_hand(&self) {
        let cache = &self.cache;
        let author = self.next();
        let key = format!("{author}_key");
        cache.set(&key, &author, MINUTE).await.expect("set");
        assert_eq!(cache.get(&key).await.expect("get"), Some(author));
        assert_eq!(cache.delete([&key]).await.expect("delete"), 1);
        cache.set(&key, &author, MINUTE).await.expect("set");
        let removed = cache.delete_pattern(format!("{author}_*")).await;
        assert_eq!(removed.expect("delete_pattern"), 1);
        assert_eq!(cache.get::<u64>(&key).await.expect("get"), None);

        let post = self.post(author, 1).await;
        let tag = format!("author:{author}");
        cache.invalidate_tags([tag]).await.expect("invalidate_tags");
        assert!(self.post(author, 1).await > post);
    }

    pub(crate) async fn comes_back(&self) {
        eventually("the cache is in use", async || self.caches().await).await;
    }

    /// Every function answers, whatever becomes of the cache.
    pub(crate) async fn answers(&self) {
        for _ in 0..20 {
            self.caches().await;
            let author = self.next();
            assert!(self.post(author, 1).await > author);
            assert!(self.write(author, 1).await > author);
            assert!(self.forget(author).await > author);
        }
    }
}
