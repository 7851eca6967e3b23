//! A read that is no function of its own.

use std::fmt;
use std::marker::PhantomData;
use std::panic::Location;
use std::pin::Pin;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::detached::Detach;
use super::entry::Windows;
use super::handler::{Handler, Sent};
use super::lazy::{Lazy, Load};
use super::own_ttl::{IntoTtl, OwnTtl};
use super::read::{Read, read};
use super::refresh::{Background, Disabled, Refresh, Spawn};
use crate::cache::Cache;
use crate::codec::by_hand::ByHand;
use crate::codec::hold::{Hold, Unsendable};
use crate::codec::outcome::Silent;
use crate::codec::{Codec, OkOf, Plain};
use crate::error::CacheError;
use crate::key::{FromTemplate, IntoKey, IntoTag};
use crate::method::Access;
use crate::stats::Function;

/// A predicate of a value, or of an error.
type Predicate<'a, T> = Box<dyn FnOnce(&T) -> bool + Send + 'a>;

/// A `Result` of which the `Ok` is stored.
type OkByHand<T, E> = OkOf<Plain<T>, E, Silent, Unsendable>;

impl Cache {
    /// The value under a key; where there is none, what the closure loads, which is stored for so long. It is what `#[cache]`
    /// does, for code that is not a function of its own: with the same lease, so that concurrent calls load once over all
    /// processes and no load brings back what a write has removed, and without an error of the cache.
    ///
    /// ```
    /// use std::time::Duration;
    /// use cache_runtime::{Cache, key};
    ///
    /// # async fn fetch_rate(_: &str) -> f64 { 1.1 }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), cache_runtime::CacheError> {
    /// # let cache = Cache::in_memory();
    /// let currency = "EUR";
    /// for _ in 0..2 {
    ///     let rate = cache
    ///         .get_or_load(key!("rate:{currency}"), Duration::from_secs(60), || async {
    ///             fetch_rate(currency).await
    ///         })
    ///         .tags(["rates"])
    ///         .await;
    ///     assert_eq!(rate, 1.1);
    /// }
    /// assert_eq!((cache.stats().misses, cache.stats().hits), (1, 1));
    /// cache.invalidate_tags(["rates"]).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// The key is text as it is, or what [`key!`](crate::key!) makes. Nothing checks that it names all that the closure
    /// depends on: values of others belong into it by `key!`, which keeps two of them apart. A TTL of zero stores nothing, and
    /// is counted as an error. The closure is not called on a hit.
    ///
    /// A value that may fail is loaded by [`get_or_try_load`](Self::get_or_try_load). Should this one be given a `Result`,
    /// its `Err` is not stored either.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the load. Of those who wait for it one takes over.
    #[track_caller]
    pub fn get_or_load<'a, T, R, F>(
        &self,
        key: impl IntoKey,
        ttl: Duration,
        load: F,
    ) -> GetOrLoad<'a, ByHand<T>, F>
    where
        T: Serialize + DeserializeOwned,
        R: Future<Output = T> + 'a,
        F: FnOnce() -> R + 'a,
    {
        GetOrLoad::new(self, key, ttl, ByHand::new(), load)
    }

    /// The same for a load that may fail. An `Err` is never stored, and returned as it is.
    ///
    /// ```
    /// use std::time::Duration;
    /// use cache_runtime::{Cache, key};
    ///
    /// # async fn fetch_user(id: u64) -> Result<String, std::io::Error> { Ok(format!("user {id}")) }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), std::io::Error> {
    /// # let cache = Cache::in_memory();
    /// let id = 7;
    /// let user = cache
    ///     .get_or_try_load(key!("user:{id}"), Duration::from_secs(60), || fetch_user(id))
    ///     .stale_if_error(Duration::from_secs(600), |_| true)
    ///     .await?;
    /// assert_eq!(user, "user 7");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Those of the closure, and no others.
    ///
    /// # Cancel safety
    ///
    /// That of [`get_or_load`](Self::get_or_load).
    #[track_caller]
    pub fn get_or_try_load<'a, T, E, R, F>(
        &self,
        key: impl IntoKey,
        ttl: Duration,
        load: F,
    ) -> GetOrLoad<'a, OkByHand<T, E>, F>
    where
        T: Serialize + DeserializeOwned,
        R: Future<Output = Result<T, E>> + 'a,
        F: FnOnce() -> R + 'a,
    {
        GetOrLoad::new(self, key, ttl, OkOf::new(), load)
    }
}

/// A read of an entry, and what loads it. Made by [`Cache::get_or_load`] and [`Cache::get_or_try_load`]; it does nothing
/// before it is awaited.
///
/// Awaiting it takes a closure and a future that are `Send`. [`local`](Self::local) is for others. A function that is
/// generic says so by its bounds; without them, rustc says that `GetOrLoad<…>` is not a future:
///
/// ```
/// use std::time::Duration;
/// use cache_runtime::Cache;
///
/// async fn for_a_minute<R>(cache: &Cache, key: &str, load: impl FnOnce() -> R + Send) -> u64
/// where
///     R: Future<Output = u64> + Send,
/// {
///     cache.get_or_load(key, Duration::from_secs(60), load).await
/// }
/// ```
#[must_use = "it does nothing before it is awaited"]
pub struct GetOrLoad<'a, C: Codec, F, B = Disabled> {
    read: Read,
    codec: C,
    unless: Predicate<'a, C::Value>,
    errors: Option<Predicate<'a, C::Error>>,
    load: F,
    background: B,
    borrowed: PhantomData<&'a ()>,
}

impl<C: Codec, F> GetOrLoad<'_, C, F> {
    #[track_caller]
    fn new(cache: &Cache, key: impl IntoKey, ttl: Duration, codec: C, load: F) -> Self {
        Self {
            read: Read {
                function: Function::at(Location::caller()),
                cache: Some(cache.clone()),
                access: Some(Access::Read),
                handler: Handler::Never,
                key: key.into_key().map(FromTemplate::by_hand),
                tags: Vec::new(),
                expiration: ttl,
                own_ttl: None,
                windows: Windows::default(),
                near: None,
                max_loads: None,
                verify: None,
                condition: true,
            },
            codec,
            unless: Box::new(|_| false),
            errors: None,
            load,
            background: Disabled,
            borrowed: PhantomData,
        }
    }
}

impl<'a, C: Codec, F, B> GetOrLoad<'a, C, F, B> {
    /// Makes the entry valid until one of these tags is invalidated, as they are rendered, `user:5`, or as
    /// [`tag!`](crate::tag!) makes them. By default there are none.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use cache_runtime::Cache;
    /// # async fn rates() -> Vec<f64> { vec![1.1] }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// # let (cache, hour) = (Cache::in_memory(), Duration::from_secs(3600));
    /// cache.get_or_load("rates", hour, rates).tags(["currencies", "bank:7"]).await;
    /// cache.invalidate_tags(["bank:7"]).await.expect("it is invalidated");
    /// cache.get_or_load("rates", hour, rates).tags(["currencies", "bank:7"]).await;
    /// assert_eq!(cache.stats().misses, 2);
    /// # }
    /// ```
    pub fn tags<T: IntoTag>(mut self, tags: impl IntoIterator<Item = T>) -> Self {
        let made = |tag: T| -> Result<_, CacheError> { tag.into_tag().map(FromTemplate::by_hand) };
        self.read.tags.extend(tags.into_iter().map(made));
        self
    }

    /// Serves hits from the memory of this process, for up to so long after the entry has become wrong: what `near` is in
    /// `#[cache]`. At most the deadline, and a second. By default the settings say it.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use cache_runtime::Cache;
    /// # async fn rates() -> Vec<f64> { vec![1.1] }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// # let (cache, hour) = (Cache::in_memory(), Duration::from_secs(3600));
    /// cache.get_or_load("rates", hour, rates).near(Duration::from_millis(10)).await;
    /// # }
    /// ```
    pub fn near(mut self, bound: Duration) -> Self {
        self.read.near = Some(bound);
        self
    }

    /// Asks the value how long it is to be stored, in whole seconds or as a `Duration` ([`IntoTtl`]): for a token that comes
    /// with its own life, or for a `None` that is to be forgotten sooner. What is longer than the TTL is cut to that. Zero, or
    /// less, stores nothing, and is no error. Jitter shortens this TTL as it shortens others, and never lengthens it; windows
    /// come behind it. It counts from when the value is stored: where a value must not be served at its very end, take off
    /// what a request with it may take. By default the TTL counts.
    ///
    /// ```
    /// use std::time::Duration;
    /// use cache_runtime::Cache;
    ///
    /// # #[derive(serde::Deserialize, serde::Serialize)]
    /// struct Token { secret: String, expires_in: u64 }
    ///
    /// # async fn log_in() -> Result<Token, std::io::Error> {
    /// #     Ok(Token { secret: "secret".to_owned(), expires_in: 300 })
    /// # }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), std::io::Error> {
    /// # let cache = Cache::in_memory();
    /// let token = cache
    ///     .get_or_try_load("token", Duration::from_secs(3600), log_in)
    ///     .ttl_of(|token| token.expires_in.saturating_sub(30))
    ///     .await?;
    /// # assert_eq!(token.secret, "secret");
    /// # Ok(())
    /// # }
    /// ```
    pub fn ttl_of<L: IntoTtl>(mut self, ttl_of: impl FnOnce(&C::Value) -> L + Send + 'a) -> Self
    where
        C::Value: 'a,
    {
        let own_ttl = OwnTtl::default();
        let unless = self.unless;
        self.read.own_ttl = Some(own_ttl.clone());
        self.unless = Box::new(move |value| unless(value) || own_ttl.note(value, ttl_of));
        self
    }

    /// Stores no value for which this holds. By default all are stored.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use cache_runtime::Cache;
    /// # async fn rates() -> Vec<f64> { vec![1.1] }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// # let (cache, hour) = (Cache::in_memory(), Duration::from_secs(3600));
    /// for _ in 0..2 {
    ///     cache.get_or_load("none", hour, async || Vec::<f64>::new()).unless(|rates| rates.is_empty()).await;
    /// }
    /// assert_eq!((cache.stats().misses, cache.stats().fills), (2, 0));
    /// # }
    /// ```
    pub fn unless(mut self, unless: impl FnOnce(&C::Value) -> bool + Send + 'a) -> Self
    where
        C::Value: 'a,
    {
        let others = self.unless;
        self.unless = Box::new(move |value| others(value) || unless(value));
        self
    }

    /// Counts this under a name in [`Cache::stats_by_function`], in metrics and in the log. By default that is the place of
    /// the call in the source, such as `src/tokens.rs:42`, which changes whenever the file does.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use cache_runtime::Cache;
    /// # async fn rates() -> Vec<f64> { vec![1.1] }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// # let (cache, hour) = (Cache::in_memory(), Duration::from_secs(3600));
    /// cache.get_or_load("rates", hour, rates).name("rates").await;
    /// assert_eq!(cache.stats_by_function()["rates"].loads, 1);
    /// # }
    /// ```
    pub fn name(mut self, name: &'static str) -> Self {
        self.read.function = Function::named(name);
        self
    }
}

impl<'a, T, E, F, B> GetOrLoad<'a, OkByHand<T, E>, F, B>
where
    T: Serialize + DeserializeOwned,
{
    /// Past its TTL, serves the value for so long still where the load fails with an error for which this holds
    /// (RFC 5861). By default errors are returned.
    ///
    /// ```
    /// use std::io::{Error, ErrorKind};
    /// # use std::time::Duration;
    /// # use cache_runtime::Cache;
    ///
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Error> {
    /// # let cache = Cache::in_memory();
    /// for loaded in [Ok(1.1), Err(Error::from(ErrorKind::TimedOut))] {
    ///     let rate = cache
    ///         .get_or_try_load("rate", Duration::from_secs(60), || async { loaded })
    ///         .stale_if_error(Duration::from_secs(3600), |error| error.kind() == ErrorKind::TimedOut)
    ///         .await?;
    ///     assert_eq!(rate, 1.1);
    ///     tokio::time::advance(Duration::from_secs(61)).await;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn stale_if_error(
        mut self,
        window: Duration,
        errors: impl FnOnce(&E) -> bool + Send + 'a,
    ) -> Self {
        self.read.windows.error = window;
        self.errors = Some(Box::new(errors));
        self
    }
}

impl<C: Codec, F> GetOrLoad<'static, C, F> {
    /// Past its TTL, serves the value for so long still, and loads it anew in the background (RFC 5861): so the closure and
    /// its future own what they use. By default a value past its TTL is not served.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use cache_runtime::Cache;
    /// # async fn rates(bank: String) -> Vec<f64> { vec![1.1] }
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() {
    /// # let cache = Cache::in_memory();
    /// for _ in 0..2 {
    ///     let bank = String::from("a bank");
    ///     cache
    ///         .get_or_load("rates", Duration::from_secs(60), move || rates(bank))
    ///         .stale_while_revalidate(Duration::from_secs(30))
    ///         .await;
    ///     tokio::time::advance(Duration::from_secs(61)).await;
    /// }
    /// assert_eq!(cache.stats().stale, 1);
    /// # }
    /// ```
    pub fn stale_while_revalidate(mut self, window: Duration) -> GetOrLoad<'static, C, F, Spawn>
    where
        F: Load + Send + 'static,
        F::Future: Send + 'static,
    {
        self.read.windows.revalidate = window;
        GetOrLoad {
            read: self.read,
            codec: self.codec,
            unless: self.unless,
            errors: self.errors,
            load: self.load,
            background: Spawn,
            borrowed: PhantomData,
        }
    }
}

type OfValue<'a, C> = Predicate<'a, <C as Codec>::Value>;
type OfError<'a, C> = Predicate<'a, <C as Codec>::Error>;

/// Where the load runs on if nobody waits for it.
pub trait Place<'a, C: Codec, F: Load>:
    Background<Refresh<C, OfValue<'a, C>, OfError<'a, C>, Lazy<F>>>
    + Detach<C, OfValue<'a, C>, OfError<'a, C>, Lazy<F>>
{
}

impl<'a, C: Codec, F: Load, B> Place<'a, C, F> for B where
    B: Background<Refresh<C, OfValue<'a, C>, OfError<'a, C>, Lazy<F>>>
        + Detach<C, OfValue<'a, C>, OfError<'a, C>, Lazy<F>>
{
}

impl<'a, C, F, B> GetOrLoad<'a, C, F, B>
where
    C: Codec,
    F: Load<Output = C::Output>,
    B: Place<'a, C, F>,
{
    /// What awaiting it does, as a future that is `Send` only if the closure and its future are.
    ///
    /// ```
    /// use std::rc::Rc;
    /// # use std::time::Duration;
    /// # use cache_runtime::Cache;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// # let (cache, hour) = (Cache::in_memory(), Duration::from_secs(3600));
    /// let rates = Rc::new([1.1, 0.9]);
    /// let sum = cache.get_or_load("sum", hour, || async move { rates.iter().sum::<f64>() }).local().await;
    /// assert_eq!(sum, 2.0);
    /// # }
    /// ```
    ///
    /// # Cancel safety
    ///
    /// That of [`Cache::get_or_load`].
    pub async fn local(self) -> C::Output {
        let Self {
            read: call,
            codec,
            unless,
            errors,
            load,
            background,
            ..
        } = self;
        let load = Lazy::new(load);
        read(call, codec, Sent::Never, unless, errors, load, background).await
    }
}

impl<'a, C, F, B> IntoFuture for GetOrLoad<'a, C, F, B>
where
    C: Codec + Send + 'a,
    C::Value: 'a,
    C::Error: 'a,
    <C::Hold as Hold>::Held: Send,
    F: Load<Output = C::Output> + Send + 'a,
    F::Future: Send + 'a,
    B: Place<'a, C, F> + Send + 'a,
    B::Handle: Send,
{
    type Output = C::Output;
    type IntoFuture = Pin<Box<dyn Future<Output = C::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.local())
    }
}

impl<C: Codec, F, B> fmt::Debug for GetOrLoad<'_, C, F, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GetOrLoad")
            .field("read", &self.read)
            .finish_non_exhaustive()
    }
}
