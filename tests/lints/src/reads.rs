//! Functions whose values are kept.

use core::fmt::{Debug, Display};
use core::future::ready;
use core::time::Duration;
use std::io;

use cache_runtime::{Cache, Cached, cache};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

const DAY: Duration = Duration::from_secs(86_400);

/// What most functions here return.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub struct Page {
    /// Its number.
    pub number: u32,
    /// Whose it is.
    pub owner: String,
}

impl Page {
    const fn life(&self) -> Duration {
        DAY.saturating_mul(self.number)
    }
}

async fn load(number: u32) -> Page {
    ready(()).await;
    Page {
        number,
        owner: String::from("john"),
    }
}

/// Plain data.
#[cache("page", resource_id_name = "number")]
pub async fn plain(number: u32) -> Page {
    load(number).await
}

/// An id that is inferred by its type.
#[cache(key_prefix = "{number}_page", resource_id_type = String)]
pub async fn inferred(number: u32, owner: &str) -> Page {
    let page = load(number).await;
    Page {
        owner: owner.to_owned(),
        ..page
    }
}

/// A result.
///
/// # Errors
///
/// There is no such page.
#[cache("fallible_page:{number}", expiration = "1h30m")]
pub async fn fallible(number: u32) -> Result<Page, io::Error> {
    if number == 0 {
        return Err(io::ErrorKind::NotFound.into());
    }
    Ok(load(number).await)
}

/// An option, early returns and the question mark.
#[cache("optional_page:{number}")]
pub async fn optional(number: Option<u32>) -> Option<Page> {
    let known = number?;
    if known == 0 {
        return None;
    }
    Some(load(known).await)
}

/// What goes out as it was stored.
#[cache("cached_page:{number}", expiration = DAY)]
pub async fn cached(number: u32) -> Cached<Page> {
    load(number).await.into()
}

/// Tags.
#[cache("{owner}_tagged_page:{number}", tags = ["owner:{owner}", "pages"])]
pub async fn tagged(number: u32, owner: String) -> Page {
    let page = load(number).await;
    Page { owner, ..page }
}

/// A value that is refreshed in the background.
#[cache(
    "refreshed_page:{number}",
    expiration = 60,
    stale_while_revalidate = 30
)]
pub async fn refreshed(number: u32) -> Page {
    load(number).await
}

/// A value that is refreshed in the background, or stands in for an error.
///
/// # Errors
///
/// There is no such page.
#[cache("window_page:{number}", stale_while_revalidate = 30, stale_if_error = DAY)]
pub async fn windows(number: u32) -> io::Result<Page> {
    if number == 0 {
        return Err(io::ErrorKind::NotFound.into());
    }
    Ok(load(number).await)
}

/// A value that stands in for an error.
///
/// # Errors
///
/// There is no such page.
#[cache("spare_page:{number}", stale_if_error = DAY)]
pub async fn spare(number: u32) -> io::Result<Page> {
    if number == 0 {
        return Err(io::ErrorKind::NotFound.into());
    }
    Ok(load(number).await)
}

/// A value that stands in for some errors.
///
/// # Errors
///
/// There is no such page.
#[cache(
    "kept_page:{number}",
    stale_while_revalidate = 30,
    stale_if_error = {DAY, errors = |error| error.kind() == io::ErrorKind::TimedOut}
)]
pub async fn kept(number: u32) -> io::Result<Page> {
    if number == 0 {
        return Err(io::ErrorKind::NotFound.into());
    }
    Ok(load(number).await)
}

/// What is looked up, and what is kept.
#[cache("chosen_pages:{number}", condition = number < 10, unless = Vec::is_empty)]
pub async fn chosen(number: u32) -> Vec<Page> {
    vec![load(number).await]
}

/// What is kept, by a closure over what the function returned.
#[cache("chosen_page:{number}", unless = |page| page.owner.is_empty())]
pub async fn chosen_by_closure(number: u32) -> Page {
    load(number).await
}

/// What is kept, by a parameter that the body takes.
#[cache("chosen_page:{number}:{owner}", unless = |page| page.owner == owner || matches!(number, 7))]
pub async fn chosen_by_parameter(number: u32, owner: String) -> Page {
    let page = load(number).await;
    Page { owner, ..page }
}

/// How long it is kept, as the value says.
#[cache("page_that_tells:{number}", expiration = |page| page.owner.len().saturating_sub(1), unless = |page| page.owner.is_empty())]
pub async fn telling(number: u32) -> Page {
    load(number).await
}

/// How long it is kept, by a function.
///
/// # Errors
///
/// Never.
#[cache("telling_page:{number}", expiration = {Page::life, max = "7d"})]
pub async fn telling_by_function(number: u32) -> Result<Page, io::Error> {
    Ok(load(number).await)
}

/// How long it is kept, by a parameter that the body takes.
#[cache("telling_page:{number}:{owner}", expiration = {|page| page.owner.len().saturating_add(owner.len()), max = 60})]
pub async fn telling_by_parameter(number: u32, owner: String) -> Page {
    let page = load(number).await;
    Page { owner, ..page }
}

/// Parameters that the value does not depend on, and one that stands in the key by its hash.
#[cache("hashed_page:{page:hash}", skip(trace))]
pub async fn skipping(page: Page, trace: &str) -> usize {
    let loaded = load(page.number).await;
    loaded.owner.len().saturating_add(trace.len())
}

/// The crate under another name.
pub mod renamed {
    use core::future::ready;

    use cache_runtime as kept;

    /// `crate` names it.
    #[kept::cache("renamed:{number}", crate = kept)]
    pub async fn renamed(number: u32) -> u32 {
        ready(number).await
    }
}

/// Type parameters, a `where` clause and borrowed parameters.
#[cache("generic:{Key}:{Value}:{key}", cache = cache, skip(value))]
pub async fn generic<Key, Value>(cache: &Cache, key: &Key, value: Value) -> Value
where
    Key: Debug + Display + Sync + ?Sized,
    Value: DeserializeOwned + Send + Serialize + Sync,
{
    ready(value).await
}

/// Pages of one tenant.
#[derive(Clone, Debug)]
pub struct Pages {
    cache: Cache,
    tenant: String,
}

impl Pages {
    /// A method on a reference, with a cache of its own.
    #[cache("tenant_{self.tenant}", cache = self.cache)]
    pub async fn read(&self, id: u32) -> Page {
        load(id).await
    }

    /// A method on an exclusive reference.
    #[cache("tenant_{self.tenant}_latest", cache = self.cache)]
    pub async fn read_latest(&mut self) -> Page {
        let page = load(0).await;
        self.tenant.clone_from(&page.owner);
        page
    }

    /// A method that takes its value, with a stale window.
    #[cache("tenant_{self.tenant}_own", cache = self.cache, stale_while_revalidate = 30)]
    pub async fn into_read(self, id: u32) -> Page {
        let page = load(id).await;
        Page {
            owner: self.tenant,
            ..page
        }
    }
}
