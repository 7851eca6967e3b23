//! How long a value is fresh, where it tells that itself.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// How long a value is stored, as it tells that itself: a `Duration`, or an integer, which counts whole seconds. Zero,
/// and what is below it, stores nothing.
///
/// ```
/// use std::time::Duration;
/// use cache_runtime::{Cache, cache};
///
/// #[cache("quota:{name}", expiration = |left| *left, cache = cache)]
/// async fn quota(cache: &Cache, name: &str) -> i64 {
///     30 // seconds
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let cache = Cache::in_memory();
/// assert_eq!(quota(&cache, "mail").await, 30);
/// let loaded = cache.get_or_load("size", Duration::from_secs(60), || async { 7 });
/// assert_eq!(loaded.ttl_of(|_| Duration::from_millis(1500)).await, 7);
/// # }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no TTL: a value tells in whole seconds, or as a `Duration`, how long it is stored",
    label = "has to return whole seconds or a `Duration`",
    note = "for an `Option` or a `Result` say what counts without a value: `token.expires_in.unwrap_or(300)`"
)]
pub trait IntoTtl {
    #[doc(hidden)]
    fn into_ttl(self) -> Duration;
}

impl IntoTtl for Duration {
    fn into_ttl(self) -> Duration {
        self
    }
}

macro_rules! seconds {
    ($($integer:ty)*) => {$(
        impl IntoTtl for $integer {
            fn into_ttl(self) -> Duration {
                // What does not fit is below zero.
                u64::try_from(self).map_or(Duration::ZERO, Duration::from_secs)
            }
        }
    )*};
}

seconds!(u8 u16 u32 u64 usize i8 i16 i32 i64 isize);

/// What a value tells of how long it is fresh; nothing before it was asked. Clones are the same.
#[derive(Clone, Debug, Default)]
pub struct OwnTtl(Arc<OnceLock<Duration>>);

impl OwnTtl {
    /// Asks the value that was loaded. Says whether it is of no use any more.
    pub fn note<T, L: IntoTtl>(&self, value: &T, ttl_of: impl FnOnce(&T) -> L) -> bool {
        let ttl = ttl_of(value).into_ttl();
        self.0.get_or_init(|| ttl).is_zero()
    }

    /// What it told.
    pub(super) fn told(&self) -> Option<Duration> {
        self.0.get().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_whole_seconds_and_what_is_below_zero_is_zero() {
        let minute = Duration::from_secs(60);
        assert_eq!((60_u8.into_ttl(), 60_i64.into_ttl()), (minute, minute));
        assert_eq!((60.into_ttl(), minute.into_ttl()), (minute, minute));
        for zero in [0, -1, i64::MIN] {
            assert_eq!(zero.into_ttl(), Duration::ZERO);
        }
        assert_eq!(u64::MAX.into_ttl().as_secs(), u64::MAX);
    }
}
