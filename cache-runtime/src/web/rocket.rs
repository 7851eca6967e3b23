//! rocket. A fairing never has a handler's future in its hands, so the layer goes around routes:
//! `rocket::build().mount("/", cache.layer().around(routes![…]))`. `rocket::http::Method`, which is a request
//! guard, tells a function the method too. A status around a `Cached` comes after its headers, so that it
//! keeps the `ETag` of a 200.

use std::borrow::Cow;
use std::io::Cursor;

use bytes::Bytes;
use rocket::async_trait;
use rocket::data::Data;
use rocket::http::{ContentType, Method, Status};
use rocket::request::Request;
use rocket::response::{Responder, Response, Result};
use rocket::route::{Handler, Outcome, Route};
use rocket::serde::json::Json;
use serde::Serialize;

use super::deferred;
use super::json::json_output;
use super::layer::{CacheLayer, CachedBody, FrameworkResponse};
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
        if let Some(layer) = request.local_cache(|| None::<CacheLayer>) {
            let fields = request.headers().get("if-none-match");
            let conditions = layer.conditions(request.method().as_str(), fields);
            conditions.apply(&mut reply);
        }
        Ok(reply.response)
    }
}

impl CacheLayer {
    /// These routes under the layer: `rocket::build().mount("/", cache.layer().around(routes![handshake]))`.
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
        request.local_cache(|| Some(self.layer.clone()));
        // Where the request goes on to another route, it has no status yet.
        let status = |outcome: &Outcome<'r>| match outcome {
            Outcome::Success(response) => Some(response.status().code),
            Outcome::Error(status) => Some(status.code),
            Outcome::Forward(_) => None,
        };
        deferred::run(context, self.inner.handle(request, data), status).await
    }
}

/// A response with what it is cached as beside it: rocket's own has no place for that.
struct Reply {
    response: Response<'static>,
    cached: Option<CachedBody>,
}

impl FrameworkResponse for Reply {
    fn take_cached(&mut self) -> Option<CachedBody> {
        self.cached.take()
    }

    fn status(&self) -> u16 {
        self.response.status().code
    }

    fn has_header(&self, name: &'static str) -> bool {
        self.response.headers().contains(name)
    }

    fn add_header(&mut self, name: &'static str, value: Cow<'static, str>) {
        self.response.adjoin_raw_header(name, value);
    }

    fn set_not_modified(&mut self) {
        self.response.set_status(Status::NotModified);
        self.response.remove_header("content-type");
        self.response.set_sized_body(0, Cursor::new(Bytes::new()));
    }
}
