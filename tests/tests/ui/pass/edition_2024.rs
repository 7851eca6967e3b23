//! What this edition brought, in signatures and in bodies; generics; lints as strict as they get.

#![forbid(unsafe_code)]
#![deny(
    warnings,
    future_incompatible,
    keyword_idents,
    let_underscore,
    missing_docs,
    nonstandard_style,
    rust_2018_idioms,
    rust_2024_compatibility,
    single_use_lifetimes,
    trivial_casts,
    unreachable_pub,
    unused,
    unused_qualifications
)]

use std::fmt::Display;
use std::sync::Arc;

use cache_runtime::{Cache, cache};

#[cache("captures", method = "PUT")]
async fn captures<'a, T: Display>(cache: &'a Cache, id: T) -> impl Display + use<'a, T> {
    let _size = size_of_val(cache);
    id
}

#[cache("lines")]
async fn one_line(id: u64) -> u64 { id }

#[cache("lines", method = "PUT")]
async fn one_line_that_writes(id: u64) -> Result<(), u64> { Err(id) }

#[cache("chains:{maybe}")]
async fn let_chains(maybe: Option<u8>) -> Option<u8> {
    let Some(byte) = maybe else {
        return None;
    };
    if let Some(more) = byte.checked_add(1)
        && more > 2
    {
        return Some(more);
    }
    None
}

#[cache("closures:{n}")]
async fn async_closures(n: u8) -> u8 {
    let double = async |each: u8| each * 2;
    let sum = async { double(n).await + n }.await;
    std::iter::once(sum).map(|each| each + n).sum()
}

#[expect(clippy::needless_pass_by_value)]
#[cache("expected:{name}")]
async fn expectations(name: Arc<str>) -> usize {
    name.len()
}

#[cache("borrowed:{name}:{other}:{all:hash}")]
async fn borrows<'a>(name: &'a str, other: &str, all: &[&'a str]) -> Result<usize, std::fmt::Error>
where
    'a: 'a,
{
    let found = all.iter().position(|each| *each == other || *each == name);
    found.ok_or(std::fmt::Error)
}

#[cache("generic:{A}:{N}:{first}", skip(second, B))]
async fn generics<const N: usize, A, B>(first: A, second: [B; N]) -> Vec<B>
where
    A: Display + for<'any> PartialEq<&'any str>,
    B: serde::Serialize + serde::de::DeserializeOwned,
{
    second.into()
}

#[cache("opaque:{name}:{number}")]
async fn opaque_parameters(name: impl AsRef<str> + Display, number: &impl Display) -> String {
    format!("{}{number}", name.as_ref())
}

#[cache("dynamic:{name}", skip(source))]
async fn dynamic(name: &(dyn Display + Sync), source: Arc<dyn Fn(u8) -> u8 + Send + Sync>) -> u8 {
    let _name = name.to_string();
    source(1)
}

mod visible {
    use super::cache;

    #[cache("visible")]
    pub(in super::visible) async fn restricted(id: u8) -> u8 {
        id
    }

    #[cache("visible")]
    pub(super) async fn widened(id: u8) -> u8 {
        restricted(id).await
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    Cache::in_memory().install();
    assert_eq!(captures(&Cache::in_memory(), 1).await.to_string(), "1");
    assert_eq!((one_line(1).await, one_line_that_writes(2).await), (1, Err(2)));
    assert_eq!(let_chains(Some(2)).await, Some(3));
    assert_eq!(async_closures(2).await, 8);
    assert_eq!(expectations("abc".into()).await, 3);
    assert_eq!(borrows("a", "b", &["b"]).await, Ok(0));
    assert_eq!(generics("a", [1, 2]).await, [1, 2]);
    assert_eq!(opaque_parameters("a", &1).await, "a1");
    assert_eq!(dynamic(&"a", Arc::new(|byte| byte + 1)).await, 2);
    assert_eq!(visible::widened(1).await, 1);
}
