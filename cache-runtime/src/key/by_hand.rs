//! Keys, tags and patterns that are made by hand, and what the cache's methods take in their place.

use super::from_template::FromTemplate;
use super::pattern::Pattern;
use crate::error::CacheError;

/// Makes a key by hand, as `#[cache]` makes it of the same template: for jobs, webhooks, bulk imports and tests.
///
/// The template is the whole key. Where the attribute has `key_prefix = "{username}_post_cache"` and
/// `resource_id_name = "id"`, the key is `"{username}_post_cache:{id}"`; of an entry of `to_invalidate_extra` it is the
/// prefix, a colon and the id. Placeholders name what is in scope, or what is given behind the template:
///
/// ```
/// use std::time::Duration;
/// use cache_runtime::{Cache, cache, key};
///
/// struct Post { id: u64 }
///
/// #[cache("{username}_post_cache", resource_id_name = "id", cache = cache)]
/// async fn post(cache: &Cache, username: &str, id: u64) -> String {
///     format!("post {id} of {username}")
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), cache_runtime::CacheError> {
/// let cache = Cache::in_memory();
/// let username = "a:b";
/// post(&cache, username, 7).await;
///
/// let imported = [Post { id: 7 }, Post { id: 8 }];
/// let keys = imported.iter().map(|post| key!("{username}_post_cache:{post.id}"));
/// assert_eq!(cache.delete(keys).await?, 1);
///
/// let key = key!("{author}_post_cache:{id}", author = username.trim(), id = 6 + 1);
/// assert_eq!(key, "a%3Ab_post_cache:7");
/// cache.set(&key, "a post", Duration::from_secs(60)).await?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// It evaluates to a [`CacheKey`](crate::CacheKey). A value that can't be written into a key is an error of the method
/// that the key is given to, or of [`CacheKey::as_str`](crate::CacheKey::as_str).
///
/// A brace that is not closed, a name that is not in scope, a value that has no `Display`, a secret that is not hashed,
/// and a value that no placeholder names don't compile.
#[macro_export]
macro_rules! key {
    ($($template:tt)*) => { $crate::__private::macros::key!([$crate] $($template)*) };
}

/// Makes a tag by hand, as `tags` and `tags_to_invalidate` make it of the same template. See [`key!`](crate::key!).
///
/// ```
/// use cache_runtime::{Cache, cache, tag};
///
/// #[cache("user", tags = ["user:{user_id}"], cache = cache)]
/// async fn name(cache: &Cache, user_id: u64) -> String {
///     format!("user {user_id}")
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), cache_runtime::CacheError> {
/// let cache = Cache::in_memory();
/// name(&cache, 5).await;
/// let user_id = 5;
/// cache.invalidate_tags([tag!("user:{user_id}")]).await?;
/// name(&cache, 5).await;
/// assert_eq!(cache.stats().misses, 2);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// It evaluates to a [`CacheTag`](crate::CacheTag), whose error is that of
/// [`Cache::invalidate_tags`](crate::Cache::invalidate_tags).
#[macro_export]
macro_rules! tag {
    ($($template:tt)*) => { $crate::__private::macros::tag!([$crate] $($template)*) };
}

/// Makes a pattern by hand, as `pattern_to_invalidate_extra` makes it of the same template. See
/// [`key!`](crate::key!).
///
/// The text may have wildcards, and `*` is appended where it does not end in one. Values can't be wildcards, and the
/// pattern finds them however their keys had to encode them.
///
/// ```
/// use cache_runtime::{Cache, cache, pattern};
///
/// #[cache("{username}_posts:page_{page}", cache = cache)]
/// async fn posts(cache: &Cache, username: &str, page: u32) -> String {
///     format!("page {page} of {username}")
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), cache_runtime::CacheError> {
/// let cache = Cache::in_memory();
/// posts(&cache, "*", 1).await;
/// posts(&cache, "john", 1).await;
/// let username = "*";
/// assert_eq!(cache.delete_pattern(pattern!("{username}_posts:")).await?, 1);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// It evaluates to a [`CachePattern`](crate::CachePattern), whose error is that of
/// [`Cache::delete_pattern`](crate::Cache::delete_pattern).
#[macro_export]
macro_rules! pattern {
    ($($template:tt)*) => { $crate::__private::macros::pattern!([$crate] $($template)*) };
}

/// Writes templates once, for readers, writers and [`key!`](crate::key!), [`tag!`](crate::tag!) and
/// [`pattern!`](crate::pattern!) to name: a typo in one doesn't compile.
///
/// The name and a `!` stand where the literal would, in `#[cache]` as `key_prefix`, in `tags`, `tags_to_invalidate` and
/// `pattern_to_invalidate_extra`, and on both sides of `to_invalidate_extra`. What is checked of a literal is checked
/// there. Where a function has another name for what a placeholder stands for, it says so in parentheses.
///
/// ```
/// use cache_runtime::{Cache, cache, key};
///
/// mod names {
///     cache_runtime::templates! {
///         pub(crate) post_key = "{username}_post_cache:{id}";
///         pub(crate) user_tag = "user:{username}";
///     }
/// }
///
/// #[cache(names::post_key!, tags = [names::user_tag!], cache = cache)]
/// async fn post(cache: &Cache, username: &str, id: u64) -> String {
///     format!("post {id} of {username}")
/// }
///
/// struct User { name: String }
///
/// #[cache(names::post_key!(username = user.name, id = post_id), method = "PUT", cache = cache)]
/// async fn update_post(cache: &Cache, user: &User, post_id: u64) {}
///
/// #[cache(tags_to_invalidate = [names::user_tag!(username = user.name)], cache = cache)]
/// async fn delete_user(cache: &Cache, user: &User) {}
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), cache_runtime::CacheError> {
/// let cache = Cache::in_memory();
/// let (username, id) = ("john", 7);
/// post(&cache, username, id).await;
/// assert_eq!(cache.delete([key!(names::post_key!)]).await?, 1);
///
/// let user = User { name: username.to_owned() };
/// post(&cache, username, id).await;
/// update_post(&cache, &user, id).await;
/// assert_eq!(cache.get::<String>(key!(names::post_key!, id = 6 + 1)).await?, None);
/// # delete_user(&cache, &user).await;
/// # Ok(())
/// # }
/// ```
///
/// A template is an item: private, or `pub(crate)` and the like where other modules name it by its path. A crate can't
/// give its templates to another one.
#[macro_export]
macro_rules! templates {
    ($($templates:tt)*) => { $crate::__private::macros::templates! { [$crate] $($templates)* } };
}

/// A key that [`key!`](crate::key!) made, without the namespace; or why it could not be made.
///
/// It equals the text of the key.
///
/// ```
/// use cache_runtime::{CacheKey, key};
///
/// let id = 7;
/// let key: CacheKey = key!("post:{id}");
/// assert_eq!(key.as_str().ok(), Some("post:7"));
/// ```
#[derive(Debug)]
#[must_use]
pub struct CacheKey(Result<String, CacheError>);

/// A tag that [`tag!`](crate::tag!) made; or why it could not be made.
///
/// It equals the text of the tag.
///
/// ```
/// use cache_runtime::{CacheTag, tag};
///
/// let id = 7;
/// let tag: CacheTag = tag!("user:{id}");
/// assert_eq!(tag, "user:7");
/// ```
#[derive(Debug)]
#[must_use]
pub struct CacheTag(Result<String, CacheError>);

/// A pattern that [`pattern!`](crate::pattern!) made, without the namespace; or why it could not be made.
///
/// ```
/// use cache_runtime::{CachePattern, pattern};
///
/// let username = "john";
/// let pattern: CachePattern = pattern!("{username}_posts:*");
/// ```
#[derive(Debug)]
#[must_use]
pub struct CachePattern(Result<Pattern, CacheError>);

impl CachePattern {
    #[doc(hidden)]
    pub fn new(pattern: Result<FromTemplate<Pattern>, CacheError>) -> Self {
        Self(pattern.map(FromTemplate::into_made))
    }
}

macro_rules! text_made_by_hand {
    ($($made:ident)*) => { $(
        impl $made {
            #[doc(hidden)]
            pub fn new(text: Result<FromTemplate<String>, CacheError>) -> Self {
                Self(text.map(FromTemplate::into_made))
            }

            /// Its text, without the namespace.
            ///
            /// ```
            /// use cache_runtime::{key, tag};
            ///
            /// let id = 7;
            /// assert_eq!(key!("post:{id}").as_str().ok(), Some("post:7"));
            /// assert_eq!(tag!("user:{id}").as_str().ok(), Some("user:7"));
            /// ```
            ///
            /// # Errors
            ///
            /// If a value can't be written: [`ErrorKind::Key`](crate::ErrorKind::Key).
            pub fn as_str(&self) -> Result<&str, &CacheError> {
                self.0.as_deref()
            }
        }

        impl TryFrom<$made> for String {
            type Error = CacheError;

            fn try_from(made: $made) -> Result<Self, CacheError> {
                made.0
            }
        }

        impl PartialEq<str> for $made {
            fn eq(&self, text: &str) -> bool {
                self.as_str().is_ok_and(|made| made == text)
            }
        }

        impl PartialEq<&str> for $made {
            fn eq(&self, text: &&str) -> bool {
                self == *text
            }
        }
    )* };
}

text_made_by_hand! { CacheKey CacheTag }

/// What the methods of a cache take for a key: text as it is, or what [`key!`](crate::key!) made, also by reference.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), cache_runtime::CacheError> {
/// use cache_runtime::{Cache, CacheError, IntoKey, key};
///
/// async fn title(cache: &Cache, key: impl IntoKey) -> Result<String, CacheError> {
///     Ok(cache.get(key).await?.unwrap_or_default())
/// }
///
/// let (cache, id) = (Cache::in_memory(), 7);
/// title(&cache, "post:7").await?;
/// title(&cache, key!("post:{id}")).await?;
/// # Ok(())
/// # }
/// ```
pub trait IntoKey {
    #[doc(hidden)]
    fn into_key(self) -> Result<String, CacheError>;
}

impl<T: AsRef<str>> IntoKey for T {
    fn into_key(self) -> Result<String, CacheError> {
        Ok(self.as_ref().to_owned())
    }
}

impl IntoKey for CacheKey {
    fn into_key(self) -> Result<String, CacheError> {
        self.0
    }
}

impl IntoKey for &CacheKey {
    fn into_key(self) -> Result<String, CacheError> {
        self.as_str().map(str::to_owned).map_err(CacheError::again)
    }
}

/// What the methods of a cache take for a tag: text as it is, or what [`tag!`](crate::tag!) made, also by reference.
///
/// It is used as [`IntoKey`] is.
pub trait IntoTag {
    #[doc(hidden)]
    fn into_tag(self) -> Result<String, CacheError>;
}

impl<T: Into<String>> IntoTag for T {
    fn into_tag(self) -> Result<String, CacheError> {
        Ok(self.into())
    }
}

impl IntoTag for CacheTag {
    fn into_tag(self) -> Result<String, CacheError> {
        self.0
    }
}

impl IntoTag for &CacheTag {
    fn into_tag(self) -> Result<String, CacheError> {
        self.as_str().map(str::to_owned).map_err(CacheError::again)
    }
}

/// What the methods of a cache take for a pattern: a glob as it is, or what [`pattern!`](crate::pattern!) made, also by
/// reference.
///
/// It is used as [`IntoKey`] is.
pub trait IntoPattern {
    #[doc(hidden)]
    fn into_pattern(self) -> Result<Pattern, CacheError>;
}

impl<T: AsRef<str>> IntoPattern for T {
    fn into_pattern(self) -> Result<Pattern, CacheError> {
        Ok(Pattern::glob(self.as_ref()))
    }
}

impl IntoPattern for CachePattern {
    fn into_pattern(self) -> Result<Pattern, CacheError> {
        self.0
    }
}

impl IntoPattern for &CachePattern {
    fn into_pattern(self) -> Result<Pattern, CacheError> {
        self.0.as_ref().cloned().map_err(CacheError::again)
    }
}
