//! What knows nothing of caching.

pub(crate) mod apart;
pub(crate) mod backoff;
#[cfg(feature = "admin")]
pub(crate) mod base64;
pub(crate) mod by_hash;
pub(crate) mod claims;
pub(crate) mod clock;
pub(crate) mod first;
pub(crate) mod heap;
pub(crate) mod incident;
pub(crate) mod limit;
pub(crate) mod moment;
pub(crate) mod recent;
pub(crate) mod runtime;
pub(crate) mod single_flight;
pub(crate) mod spread;
pub(crate) mod told;
pub(crate) mod turn;

/// A number from 0 to 1.
pub(crate) fn random_fraction() -> f64 {
    fastrand::f64()
}

/// The name of a function, from that of its future's type.
pub(crate) fn function_of(future: &str) -> &str {
    future.trim_end_matches("::{{closure}}")
}
