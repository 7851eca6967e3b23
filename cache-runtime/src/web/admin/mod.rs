//! The page for whoever looks after the cache: what a request for it may do, and what it is answered. What speaks to which
//! framework is in that framework's file.

#[cfg(feature = "actix")]
mod actix;
mod answer;
#[cfg(feature = "axum")]
mod axum;
mod guard;
#[cfg(feature = "http")]
mod http;
mod look;
#[cfg(feature = "map")]
mod map;
mod page;
#[cfg(feature = "poem")]
mod poem;
mod remove;
mod request;
#[cfg(feature = "rocket")]
mod rocket;
#[cfg(feature = "salvo")]
mod salvo;
mod shown;
mod state;
#[cfg(feature = "warp")]
mod warp;

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::{BoxFuture, FutureExt as _};
use serde::Deserialize;

use self::answer::Answer;
pub use self::request::AdminRequest;
use crate::cache::Cache;

/// More than that is no body of the page's own: a name of 10 KB may take six times as much in JSON.
const MAX_BODY: usize = 128 * 1024;

/// The page of a cache: a handler to mount at one path. Made by [`Cache::admin`], which has an example.
#[derive(Clone)]
pub struct CacheAdmin(Arc<Admin>);

struct Admin {
    cache: Cache,
    authorise: Box<Authorise>,
}

type Authorise = dyn Fn(AdminRequest) -> BoxFuture<'static, AdminAccess> + Send + Sync;

/// Whether a request may see the page of a cache, and remove entries there.
///
/// ```
/// use cache_runtime::{AdminAccess, AdminRequest};
///
/// fn authorise(request: &AdminRequest, password: &str) -> AdminAccess {
///     if request.has_password("admin", password) {
///         AdminAccess::Granted
///     } else {
///         AdminAccess::Unauthorized
///     }
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AdminAccess {
    /// It may.
    Granted,
    /// It may not, and is answered with status 401 and nothing else. A browser asks for a name and a password then
    /// (`WWW-Authenticate: Basic`).
    Unauthorized,
    /// It may not, and is answered with status 404 and nothing else.
    NotFound,
}

/// What there are names of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Key,
    Tag,
    Pattern,
}

/// What is looked up or removed.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    kind: Kind,
    /// Without the namespace.
    name: String,
}

impl Cache {
    /// A page that shows the cache at work, for whoever `authorise` lets see it: a handler to mount at one path, on axum,
    /// actix-web, poem, salvo, rocket and warp. It needs the feature `admin`.
    ///
    /// The page shows functions with their rates, hit ratio, load times and the time that hits save; servers and their
    /// breakers, and pending invalidations; and, with the feature `map`, which function removes what which other one reads.
    /// There one looks up a key, a tag or a pattern, and removes it as [`delete`](Self::delete),
    /// [`invalidate_tags`](Self::invalidate_tags) and [`delete_pattern`](Self::delete_pattern) do. Values are shown, so
    /// whoever may see the page may see what is cached.
    ///
    /// `authorise` is asked on each request, before anything of it is looked at. It must not rely on where a request seems
    /// to come from alone: let it look at a password or a session. Names and passwords need an encrypted connection.
    ///
    /// [The page on it](https://github.com/cache-runtime/cache-runtime/blob/main/docs/admin.md) says how to mount it on each
    /// framework.
    #[cfg_attr(
        feature = "axum",
        doc = r#"
```
use axum::Router;
use axum::routing::any;
use cache_runtime::{AdminAccess, Cache};

let cache = Cache::in_memory();
let password = std::env::var("ADMIN_PASSWORD").unwrap_or_default();
let admin = cache.admin(move |request| {
    // An empty password is nobody's.
    let is_known = request.has_password("admin", &password);
    async move {
        if is_known { AdminAccess::Granted } else { AdminAccess::Unauthorized }
    }
});
let app: Router = Router::new().route("/admin/cache", any(admin));
```
"#
    )]
    pub fn admin<A, F>(&self, authorise: A) -> CacheAdmin
    where
        A: Fn(AdminRequest) -> F + Send + Sync + 'static,
        F: Future<Output = AdminAccess> + Send + 'static,
    {
        CacheAdmin(Arc::new(Admin {
            cache: self.clone(),
            authorise: Box::new(move |request| authorise(request).boxed()),
        }))
    }
}

impl CacheAdmin {
    /// The body is read when all that comes before it is in order; nothing where it is too large, or broken off.
    async fn answer<B>(&self, request: AdminRequest, body: impl FnOnce() -> B) -> Answer
    where
        B: Future<Output = Option<Bytes>>,
    {
        let (method, query) = (request.method().to_owned(), request.query().to_owned());
        let guarded = guard::check(&request);
        match (self.0.authorise)(request).await {
            AdminAccess::Granted => {}
            AdminAccess::Unauthorized => return Answer::unauthorized(),
            AdminAccess::NotFound => return Answer::not_found(),
        }
        match (method.as_str(), query.as_str()) {
            ("GET" | "HEAD", "") => Answer::page(),
            ("GET" | "HEAD", "state") => Answer::json(200, &state::of(&self.0.cache)),
            #[cfg(feature = "map")]
            ("GET" | "HEAD", "map") => map::answer().await,
            #[cfg(not(feature = "map"))]
            ("GET" | "HEAD", "map") => Answer::json(200, &serde_json::json!({ "map": null })),
            ("POST", step @ ("look" | "remove")) => match guarded {
                Ok(()) => self.take(step, body().await).await,
                Err(why) => Answer::error(403, why),
            },
            ("GET" | "HEAD" | "POST", _) => Answer::not_found(),
            _ => Answer::method_not_allowed(),
        }
    }

    async fn take(&self, step: &str, body: Option<Bytes>) -> Answer {
        let Some(named) = body.and_then(|body| named(&body)) else {
            return Answer::error(400, "this is no name of a key, a tag or a pattern");
        };
        if step == "look" {
            look::up(&self.0.cache, &named).await
        } else {
            remove::remove(&self.0.cache, &named).await
        }
    }
}

fn named(body: &[u8]) -> Option<Named> {
    let named: Named = serde_json::from_slice(body).ok()?;
    (!named.name.is_empty()).then_some(named)
}

impl fmt::Debug for CacheAdmin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CacheAdmin").field(&self.0.cache).finish()
    }
}
