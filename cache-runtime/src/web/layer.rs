//! The layer around handlers: what it takes from a request, and what it adds to a response. What speaks to
//! which framework is in that framework's file.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;

use super::headers::{self, Header};
use crate::cache::Cache;
use crate::call::collector::{Collector, Reads};
use crate::call::request_context::{self, CacheDirective, RequestContext};
use crate::codec::cache_status::{CacheStatus, Disposition};
use crate::codec::{Body, Cached};
use crate::error::CacheError;
use crate::method::Access;

/// Middleware that brings the request to the cached functions that are called for it, and tells the client
/// what became of it. Made by [`Cache::layer`].
///
/// Functions under it use its cache, unless they have a `cache = …` of their own. A handler follows the request's
/// method where nothing else says what it does: it reads on `GET` and `HEAD`, passes through on `OPTIONS` and
/// `TRACE`, and on every other method runs and removes its entry. A function is a handler if it stands under a
/// framework's attribute, takes a framework's extractor, or returns a [`Cached`](crate::Cached) or a framework's `Json`;
/// and if it returns anything else that a framework sends, and takes nothing that this framework can't extract. Any
/// other function reads, whatever the request is. This goes for the task of the request; what a handler spawns knows
/// nothing of it and uses the installed cache: call [`Cache::install`] as well where that happens. Without it, reads
/// run uncached there, and writes use the only cache of the process; if there is not exactly one, they remove
/// nothing, and the log has an error that says what.
///
/// A response that is a [`Cached`](crate::Cached) gets
///
/// - `Cache-Status` (RFC 9211): `cache-runtime; hit`, or `fwd=miss`, `stale`, `bypass`, `request`, `method`,
///   with `stored` or `collapsed`;
/// - with status 200, and for `GET` and `HEAD`, a strong `ETag` of its bytes, the same in every process, and
///   no body and status 304 where `If-None-Match` names it (RFC 9110, section 13.1.2). It is weak where something under the layer has encoded
///   the body, and not there where the handler has set one of its own;
/// - `Cache-Control: private, no-cache`, if it has none: the client may keep it, and asks each time whether it still
///   holds. Without that any cache on the way could keep it, where no invalidation reaches it;
/// - what the methods below turn on.
///
/// A framework's `Json` that a cached function returns gets `Cache-Status` and `Cache-Control: private, no-cache` too,
/// and no `ETag`, since its bytes are made anew each time. It is known by this: the last cached function that the
/// handler called, or is, has returned a `Json`, and the response is JSON with status 200.
#[cfg_attr(
    feature = "axum",
    doc = r#"
```
use axum::extract::Path;
use axum::{Router, routing::get};
use cache_runtime::{Cache, Cached, cache};

#[cache("square")]
async fn square(Path(id): Path<u64>) -> Cached<u64> {
    Cached::new(id * id)
}

let cache = Cache::in_memory();
let app: Router = Router::new().route("/{id}", get(square)).layer(cache.layer().age());
```
"#
)]
#[derive(Clone, Debug)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is what a method turns on"
)]
pub struct CacheLayer {
    cache: Cache,
    age: bool,
    /// The value of `Vary`, where clients may keep responses.
    max_age: Option<Arc<str>>,
    client_directives: bool,
    deferred: bool,
    explain: bool,
}

/// What of a request decides on its response.
pub(crate) struct Conditions<V> {
    /// Whether an `ETag` has a meaning.
    reads: bool,
    /// The fields of this name.
    if_none_match: Vec<V>,
    /// As the layer's.
    max_age: Option<Arc<str>>,
    /// As the layer's.
    explain: bool,
    context: Arc<RequestContext>,
}

/// What a response that is a `Cached` says of itself, in its extensions.
#[derive(Clone, Debug)]
pub(crate) struct CachedBody {
    status: CacheStatus,
    /// Perhaps nothing but its digest.
    body: Body,
}

impl<T: Serialize> Cached<T> {
    /// The body of a response, and what to put into its extensions if there is a layer that takes it out again.
    pub(crate) fn into_body(self) -> Result<(Bytes, Option<CachedBody>), CacheError> {
        let (body, status) = self.into_parts()?;
        let status = status.filter(|_| request_context::is_present());
        let cached = status.map(|status| CachedBody {
            status,
            body: body.for_digest(),
        });
        Ok((body.into_bytes(), cached))
    }
}

/// A framework's response.
pub(crate) trait FrameworkResponse {
    /// Takes out what [`Cached`](crate::Cached) put in when it became this response.
    fn take_cached(&mut self) -> Option<CachedBody>;

    /// Such as 200.
    fn status(&self) -> u16;

    /// Whether it has this header.
    fn has_header(&self, header: Header) -> bool;

    /// Whether its `Content-Type` is that of JSON.
    fn is_json(&self) -> bool;

    /// Adds a header.
    fn add_header(&mut self, header: Header, value: Cow<'static, str>);

    /// Takes its body and what describes it, its length too, and makes it a 304.
    fn set_not_modified(&mut self);
}

impl Cache {
    /// Makes middleware for tower, and with that for axum and warp, and for actix-web, poem, salvo and rocket. The feature
    /// of that name has to be on.
    ///
    /// ```
    /// let cache = cache_runtime::Cache::in_memory();
    /// let layer = cache.layer().age().explain();
    /// ```
    pub fn layer(&self) -> CacheLayer {
        CacheLayer {
            cache: self.clone(),
            age: false,
            max_age: None,
            client_directives: false,
            deferred: false,
            explain: false,
        }
    }
}

impl CacheLayer {
    /// Defers what the writes of a request made stale until its response is there: for a middleware that commits a
    /// transaction per request, with this layer around it, so that the commit comes first.
    ///
    /// Before the response goes out, its status decides, as with a write that has a status. Below 400 all is removed;
    /// from 400 to 499 the writes were refused, and nothing is; with 500 or more, or without a response, they are in
    /// doubt: nothing is removed, and what they name is cached for no longer than half a minute. So the middleware has to
    /// roll back where it answers with 400 to 499. A request that is dropped leaves its writes in doubt, as a
    /// [`Deferred`](crate::Deferred) does.
    ///
    /// The request is a scope as that of [`Cache::deferred`], with one difference: on any method but those that write,
    /// reads use the cache until the request's first write. Off by default.
    ///
    /// ```
    /// let cache = cache_runtime::Cache::in_memory();
    /// let layer = cache.layer().deferred(); // around the middleware that commits
    /// ```
    #[must_use]
    pub fn deferred(mut self) -> Self {
        self.deferred = true;
        self
    }

    /// Says in `Cache-Status` why a function ran although it is cached, as `detail`: `fwd=bypass; detail=breaker`. It is
    /// for whoever looks after the application, and may tell a stranger more than they need to know.
    ///
    /// A bypass has one of `off`, `condition`, `key`, `nested`, `pending`, `breaker`, `failure`, `fence`, `patience` and
    /// `contention`, as in [`Bypassed`](crate::Bypassed). A miss has `tag` where there was an entry whose tag was
    /// invalidated, `decode` where what was there is not what the function returns, `unstored` where the last load came to
    /// nothing, `shed` where it ran beyond its `max_loads`, and none where there was no entry. Off by default.
    ///
    /// ```
    /// let cache = cache_runtime::Cache::in_memory();
    /// let layer = cache.layer().explain();
    /// ```
    #[must_use]
    pub fn explain(mut self) -> Self {
        self.explain = true;
        self
    }

    /// Adds `Age`, and `ttl` in `Cache-Status`, in seconds. A hit asks Redis for the rest of the entry's TTL
    /// then, in the same round trip. An entry seems older than it is by what jitter took from its TTL.
    /// Where the value told its TTL itself, a hit has no `Age`, since nobody knows that TTL any more. Off by default.
    ///
    /// ```
    /// let cache = cache_runtime::Cache::in_memory();
    /// let layer = cache.layer().age();
    /// ```
    #[must_use]
    pub fn age(mut self) -> Self {
        self.age = true;
        self
    }

    /// Gives each [`Cached`](crate::Cached) `Cache-Control: private, max-age=…`, the entry's expiration in seconds, in
    /// the place of `no-cache`, with an `Age` beside it: the client, and nobody else, may use the response for so long
    /// without asking. No invalidation reaches it there. A `Cache-Control` that the handler set stays. Where the value told
    /// its TTL itself, a hit has what is left of it, and no `Age`; what ran without being asked for its TTL has `no-cache`.
    ///
    /// `vary` has the names of the request's headers that the response depends on, for `Vary`: `&["cookie"]` where a
    /// cookie says who asks, or the next one to log in to the same browser sees what the last one saw; `&[]` where all
    /// see the same. What is no name of a header becomes `*`: a response that fits no other request. Off by default.
    ///
    /// ```
    /// let cache = cache_runtime::Cache::in_memory();
    /// let layer = cache.layer().max_age(&["cookie", "accept-language"]);
    /// ```
    #[must_use]
    pub fn max_age(mut self, vary: &[&str]) -> Self {
        self.max_age = Some(headers::vary(vary).into());
        self
    }

    /// Does what the `Cache-Control` of a request says: with `no-cache` functions run and their entries are
    /// refreshed, with `no-store` they run and nothing is stored. Any client can spend the database with it. Off by
    /// default.
    ///
    /// ```
    /// let cache = cache_runtime::Cache::in_memory();
    /// let internal = cache.layer().client_directives().explain().age(); // around routes that no stranger reaches
    /// ```
    #[must_use]
    pub fn client_directives(mut self) -> Self {
        self.client_directives = true;
        self
    }

    /// What a request of this method and with these `Cache-Control` fields tells cached functions.
    pub(crate) fn request_context<'v>(
        &self,
        method: &str,
        cache_control: impl IntoIterator<Item = &'v [u8]>,
    ) -> Arc<RequestContext> {
        let directive = if self.client_directives {
            headers::directive(cache_control)
        } else {
            CacheDirective::None
        };
        let access = Access::of(method);
        let reads = match access {
            Access::Write => Reads::Bypass,
            Access::Read | Access::Pass => Reads::BypassAfterWrite,
        };
        let collector = self.deferred.then(|| Collector::new(&self.cache, reads));
        let wants_age = self.age || self.max_age.is_some();
        let cache = self.cache.clone();
        Arc::new(RequestContext::new(
            cache, access, directive, wants_age, collector,
        ))
    }

    /// What decides on the response, from what the request tells and its `If-None-Match` fields.
    pub(crate) fn conditions<V>(
        &self,
        context: &Arc<RequestContext>,
        if_none_match: impl IntoIterator<Item = V>,
    ) -> Conditions<V> {
        Conditions {
            reads: context.access == Access::Read,
            if_none_match: if_none_match.into_iter().collect(),
            max_age: self.max_age.clone(),
            explain: self.explain,
            context: context.clone(),
        }
    }
}

impl<V: AsRef<[u8]>> Conditions<V> {
    /// Adds what a response has to say, if it is a `Cached` or a `Json`.
    pub(crate) fn apply(&self, response: &mut impl FrameworkResponse) {
        match response.take_cached() {
            Some(cached) => self.apply_cached(&cached, response),
            None => self.apply_json(response),
        }
    }

    fn apply_cached(&self, cached: &CachedBody, response: &mut impl FrameworkResponse) {
        let status = cached.status;
        let cache_status = headers::cache_status(&status, self.explain);
        response.add_header(Header::CacheStatus, cache_status);
        if !self.reads || response.status() != 200 {
            return;
        }
        if let Some(freshness) = &status.freshness {
            // An `Age` says that the response is not the function's own (RFC 9111, section 5.1).
            if !matches!(status.disposition, Disposition::Forwarded { .. })
                && let Some(age) = headers::age(freshness)
            {
                response.add_header(Header::Age, age.into());
            }
            if let Some(vary) = &self.max_age
                && !response.has_header(Header::CacheControl)
            {
                response.add_header(Header::CacheControl, headers::max_age(freshness).into());
                if !vary.is_empty() {
                    response.add_header(Header::Vary, vary.to_string().into());
                }
            }
        }
        revalidate_always(response);
        // The handler's own stands for what the handler knows.
        if response.has_header(Header::ETag) {
            return;
        }
        let etag = headers::etag(cached.body.digest());
        let fields = self.if_none_match.iter().map(V::as_ref);
        let is_known = headers::names(fields, &etag);
        // What was compressed on the way is not these bytes any more.
        let is_encoded = response.has_header(Header::ContentEncoding);
        if is_known {
            response.set_not_modified();
        }
        let etag = if is_encoded {
            headers::weak(&etag)
        } else {
            etag
        };
        response.add_header(Header::ETag, etag.into());
    }

    /// A `Json` is not known by its bytes, and may have been made by the handler of what it has read: it has no `ETag`,
    /// and is never kept without being asked for.
    fn apply_json(&self, response: &mut impl FrameworkResponse) {
        let Some(status) = self.context.json_status() else {
            return;
        };
        if response.status() != 200
            || !response.is_json()
            || response.has_header(Header::CacheStatus)
        {
            return;
        }
        let cache_status = headers::cache_status(&status, self.explain);
        response.add_header(Header::CacheStatus, cache_status);
        if self.reads {
            revalidate_always(response);
        }
    }
}

/// Without a `Cache-Control` whoever is on the way may keep a response, where no invalidation reaches it.
fn revalidate_always(response: &mut impl FrameworkResponse) {
    if !response.has_header(Header::CacheControl) {
        response.add_header(Header::CacheControl, headers::ASK_ALWAYS.into());
    }
}
