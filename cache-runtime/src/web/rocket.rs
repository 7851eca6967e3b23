//! rocket. A fairing never has a handler's future in its hands, so the layer goes around routes:
//! `rocket::build().mount("/", cache.layer().around(routes![…]))`. `rocket::http::Method`, which is a request
//! guard, tells a function the method too. A status around a `Cached` comes after its headers, so that it
//! keeps the `ETag` of a 200.

use std::borrow::Cow;
use std::io::{self, Cursor, SeekFrom};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use rocket::async_trait;
use rocket::data::Data;
use rocket::http::{ContentType, Method, Status};
use rocket::request::Request;
use rocket::response::status::{BadRequest, Conflict, Custom, Forbidden, NotFound, Unauthorized};
use rocket::response::{Responder, Response, Result};
use rocket::route::{Handler, Outcome, Route};
use rocket::serde::json::Json;
use serde::Serialize;
use tokio::io::{AsyncRead, AsyncSeek, ReadBuf};

use super::deferred;
use super::headers::Header;
use super::json::json_output;
use super::layer::{CacheLayer, CachedBody, FrameworkResponse};
use crate::call::request_context::RequestContext;
use crate::codec::Cached;
use crate::codec::with_status::{outputs_with_status, value_beside_status};
use crate::method::RequestMethod;

json_output!(RocketJson, Json);

impl RequestMethod for Method {
    fn request_method(&self) -> &str {
        self.as_str()
    }
}

impl RequestMethod for Request<'_> {
    fn request_method(&self) -> &str {
        self.method().as_str()
    }
}

outputs_with_status! {
    [] Status, |status| status.code;
    [A] (Status, A), |output| output.0.code;
    [A] Custom<A>, |output| output.0.code;
    [A] BadRequest<A>, |_output| 400;
    [A] Unauthorized<A>, |_output| 401;
    [A] Forbidden<A>, |_output| 403;
    [A] NotFound<A>, |_output| 404;
    [A] Conflict<A>, |_output| 409;
}

value_beside_status!(A, (Status, A), 1: A, |output| (Status::Ok, output));

/// As rocket's own `Json`, also where there is no JSON.
impl<'r, T: Serialize> Responder<'r, 'static> for Cached<T> {
    fn respond_to(self, request: &'r Request<'_>) -> Result<'static> {
        let (json, cached) = self.into_body().map_err(|_| Status::InternalServerError)?;
        let mut reply = Reply {
            cached,
            response: Response::build()
                .header(ContentType::JSON)
                .sized_body(json.len(), Cursor::new(json))
                .finalize(),
        };
        if let Some((layer, context)) = request.local_cache(|| None::<UnderLayer>) {
            let fields = request.headers().get("if-none-match");
            layer.conditions(context, fields).apply(&mut reply);
        }
        Ok(reply.response)
    }
}

impl CacheLayer {
    /// Puts these routes under the layer. rocket has no middleware that a handler runs in, so it goes around them.
    ///
    /// ```
    /// # use rocket::{get, routes};
    /// # let cache = cache_runtime::Cache::in_memory();
    /// #[get("/")]
    /// fn index() -> &'static str {
    ///     "hello"
    /// }
    ///
    /// let application = rocket::build().mount("/", cache.layer().around(routes![index]));
    /// ```
    pub fn around(&self, routes: impl IntoIterator<Item = Route>) -> Vec<Route> {
        let under_the_layer = |mut route: Route| {
            let layer = self.clone();
            let inner = route.handler;
            route.handler = Box::new(CacheHandler { inner, layer });
            route
        };
        routes.into_iter().map(under_the_layer).collect()
    }
}

#[derive(Clone)]
struct CacheHandler {
    inner: Box<dyn Handler>,
    layer: CacheLayer,
}

#[async_trait]
impl Handler for CacheHandler {
    async fn handle<'r>(&self, request: &'r Request<'_>, data: Data<'r>) -> Outcome<'r> {
        let cache_control = request.headers().get("cache-control").map(str::as_bytes);
        let method = request.method().as_str();
        let context = self.layer.request_context(method, cache_control);
        request.local_cache(|| Some((self.layer.clone(), context.clone())));
        // Where the request goes on to another route, it has no status yet.
        let status = |outcome: &Outcome<'r>| match outcome {
            Outcome::Success(response) => Some(response.status().code),
            Outcome::Error(status) => Some(status.code),
            Outcome::Forward(_) => None,
        };
        let handled = self.inner.handle(request, data);
        let handled = deferred::run(context.clone(), handled, status).await;
        let Outcome::Success(response) = handled else {
            return handled;
        };
        // A `Cached` has what it has to say already, and a `Json` does not.
        let cached = None;
        let mut reply = Reply { response, cached };
        let fields = request.headers().get("if-none-match");
        self.layer.conditions(&context, fields).apply(&mut reply);
        Outcome::Success(reply.response)
    }
}

/// What a `Cached` finds when it becomes a response.
type UnderLayer = (CacheLayer, Arc<RequestContext>);

/// A response with what it is cached as beside it: rocket's own has no place for that.
struct Reply<'r> {
    response: Response<'r>,
    cached: Option<CachedBody>,
}

impl FrameworkResponse for Reply<'_> {
    fn take_cached(&mut self) -> Option<CachedBody> {
        self.cached.take()
    }

    fn status(&self) -> u16 {
        self.response.status().code
    }

    fn has_header(&self, header: Header) -> bool {
        self.response.headers().contains(header.name())
    }

    fn is_json(&self) -> bool {
        self.response.content_type() == Some(ContentType::JSON)
    }

    fn add_header(&mut self, header: Header, value: Cow<'static, str>) {
        self.response.adjoin_raw_header(header.name(), value);
    }

    fn set_not_modified(&mut self) {
        self.response.set_status(Status::NotModified);
        self.response.remove_header("content-type");
        self.response.remove_header("content-encoding");
        self.response.set_sized_body(None, NoBody);
    }
}

/// The body of a 304. Rocket writes the length of whatever it can seek to the end of, and zero for what a `HEAD` takes
/// away from a stream; here it can't tell, and writes none.
struct NoBody;

impl AsyncRead for NoBody {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        _: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl AsyncSeek for NoBody {
    fn start_seek(self: Pin<&mut Self>, _: SeekFrom) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn poll_complete(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<u64>> {
        Poll::Ready(Err(io::ErrorKind::Unsupported.into()))
    }
}
