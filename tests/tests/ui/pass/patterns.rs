//! Patterns of parameters, and attributes on them.

use std::collections::BTreeMap;

use axum::extract::{Path, Query, State};
use cache_runtime::{Cache, cache};

#[derive(serde::Deserialize)]
struct Page {
    number: u32,
    r#type: String,
    size: Size,
}

#[derive(serde::Deserialize)]
struct Size(u32, u32);

#[cache("fields:{number}:{kind}:{width}", cache = cache, skip(..))]
async fn structs(
    State(cache): State<Cache>,
    Query(Page {
        number,
        r#type: kind,
        size: Size(width, ..),
    }): Query<Page>,
) -> u32 {
    number
}

#[cache("rest:{number}", skip(cache, ..))]
async fn rest(cache: &Cache, Page { number, .. }: Page) -> u32 {
    number
}

#[cache("slices:{first}:{last}:{more:hash}", skip(..))]
async fn slices([first, .., last]: [u8; 4], [_, more @ ..]: [u8; 3]) -> u8 {
    first
}

#[cache("tuples:{first}:{last}:{only}", skip(..))]
async fn tuples((first, .., last): (u8, u8, u8), (only,): (u8,), (): ()) -> u8 {
    first
}

#[cache("nested:{user}:{post}:{rest:hash}")]
async fn nested(
    Path((user, (post, _))): Path<(String, (i64, bool))>,
    Query(rest): Query<BTreeMap<String, String>>,
) -> String {
    user
}

#[cache("either:{number}:{whole:hash}", skip(kept))]
async fn either(
    (Ok(number) | Err(number)): Result<u8, u8>,
    whole @ [kept, ..]: [u8; 2],
) -> u8 {
    number + kept + whole[1]
}

#[cache("references:{a}:{b}:{c}:{d}:{e}")]
async fn references(&a: &u8, (b, &c): (u8, &u8), ref d: u8, mut e: u8) -> u8 {
    e += 1;
    a + b + c + d + e
}

#[cache("ignored")]
async fn ignored(_: State<Cache>, _: u8, Path(_): Path<i64>) -> u8 {
    1
}

#[cache("raw:{type}:{match.in}:{async}:{gen}", skip(r#try))]
async fn raw(r#type: u8, r#match: Keywords, mut r#async: u8, r#gen: u8, r#try: u8) -> u8 {
    r#async += r#match.r#in;
    r#async
}

struct Keywords {
    r#in: u8,
}

#[cache("attributes:{used}")]
async fn attributes(
    #[allow(unused_variables)] used: u8,
    #[cfg(all())] there: &Cache,
    #[allow(unused_mut)] mut also: &Cache,
) -> u8 {
    1
}

#[cache("unicode:{größe}:{größe.0}")]
async fn unicode(größe: Wide) -> u8 {
    größe.0
}

struct Wide(u8);

impl std::fmt::Display for Wide {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

fn main() {
    let cache = Cache::in_memory();
    let page = || Page {
        number: 1,
        r#type: "new".into(),
        size: Size(1, 2),
    };
    let _ = structs(State(cache.clone()), Query(page()));
    let _ = rest(&cache, page());
    let _ = slices([1, 2, 3, 4], [1, 2, 3]);
    let _ = tuples((1, 2, 3), (4,), ());
    let _ = nested(Path(("a".into(), (1, true))), Query(BTreeMap::new()));
    let _ = either(Err(1), [1, 2]);
    let _ = references(&1, (2, &3), 4, 5);
    let _ = ignored(State(cache.clone()), 1, Path(1));
    let _ = raw(1, Keywords { r#in: 1 }, 2, 3, 4);
    let _ = attributes(1, &cache, &cache);
    let _ = unicode(Wide(1));
}
