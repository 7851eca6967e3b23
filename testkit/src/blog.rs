//! What an application does with its cache.

use std::sync::atomic::{AtomicU64, Ordering};

use cache_runtime::{Cache, CacheBuilder, cache};

use crate::{MINUTE, eventually};

/// Cached functions of every kind. Each value that they make is another one: a value that comes twice comes
/// from the cache. A cheap clone.
#[derive(Clone, Debug)]
pub struct Blog {
    /// Of its functions.
    pub cache: Cache,
}

impl Blog {
    /// With a cache of these settings.
    #[must_use]
    pub fn new(settings: CacheBuilder) -> Self {
        Self {
            cache: settings.build().expect("the settings can be used"),
        }
    }

    /// A number that there was not yet in any test.
    #[must_use]
    pub fn next(&self) -> u64 {
        static LAST: AtomicU64 = AtomicU64::new(0);
        LAST.fetch_add(1, Ordering::SeqCst) + 1
    }

    /// A reader with a tag.
    #[cache("{author}_post", resource_id_name = "id", tags = ["author:{author}"], cache = self.cache, skip(self))]
    pub async fn post(&self, author: u64, id: u64) -> u64 {
        self.next()
    }

    /// A reader whose old value is kept for when it fails.
    #[cache(
        "{author}_page:{page}", cache = self.cache, skip(self), expiration = MINUTE,
        stale_if_error = "1m"
    )]
    pub async fn page(&self, author: u64, page: u64) -> u64 {
        self.next()
    }

    /// A writer that removes a post and, by a pattern, the author's pages.
    #[cache(
        "{author}_post", resource_id_name = "id", method = "PUT", cache = self.cache,
        pattern_to_invalidate_extra = ["{author}_page:*"]
    )]
    pub async fn write(&self, author: u64, id: u64) -> u64 {
        self.next()
    }

    /// A writer that removes an author's posts by their tag.
    #[cache(tags_to_invalidate = ["author:{author}"], cache = self.cache)]
    pub async fn forget(&self, author: u64) -> u64 {
        self.next()
    }

    /// A writer that fails.
    ///
    /// # Errors
    ///
    /// Always.
    #[cache("{author}_page:1", method = "PATCH", cache = self.cache)]
    pub async fn write_in_vain(&self, author: u64) -> Result<(), u64> {
        Err(self.next())
    }

    /// Asks for something twice, and says whether the second value came from the cache.
    pub async fn caches(&self) -> bool {
        let author = self.next();
        let first = self.page(author, 1).await;
        self.page(author, 1).await == first
    }

    /// Asserts that reads are hits, and that whatever removes entries does.
    pub async fn works(&self) {
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

    /// Waits until values come from the cache again.
    pub async fn comes_back(&self) {
        eventually("the cache is in use", async || self.caches().await).await;
    }

    /// Asserts that every function makes its values, whatever becomes of the cache.
    pub async fn answers(&self) {
        for _ in 0..20 {
            self.caches().await;
            let author = self.next();
            assert!(self.post(author, 1).await > author);
            assert!(self.write(author, 1).await > author);
            assert!(self.forget(author).await > author);
        }
    }
}
