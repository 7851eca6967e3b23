//! salvo. `Router::new().hoop(cache.layer())` brings the request, as everywhere; `&mut salvo::Request` as a
//! parameter tells the method too. What a handler takes out of a `Request` by itself no key can see: let it be
//! `PathParam` and the like, or cache a function that takes the parts as parameters.

use std::borrow::Cow;
use std::fmt::Display;

use salvo_core::async_trait;
use salvo_core::extract::PathParam;
use salvo_core::http::header::{CONTENT_TYPE, HeaderValue};
use salvo_core::http::{ResBody, StatusCode, StatusError};
use salvo_core::writing::{Json, Scribe};
use salvo_core::{Depot, FlowCtrl, Handler, Request, Response};
use serde::Serialize;

use super::deferred;
use super::headers::Header;
use super::http::{add_header, forget_body, has_header, is_json};
use super::json::json_output;
use super::layer::{CacheLayer, CachedBody, FrameworkResponse};
use crate::codec::Cached;
use crate::codec::outcome::HttpStatus;
use crate::key::AsPart;
use crate::key::KeyPart;
use crate::method::RequestMethod;

json_output!(SalvoJson, Json);

impl RequestMethod for Request {
    fn request_method(&self) -> &str {
        self.method().as_str()
    }
}

/// `{id}` where the parameter is `id: PathParam<i64>`.
impl<T: Display> AsPart for PathParam<T> {
    fn as_part(&self) -> KeyPart {
        KeyPart::text(&self.0)
    }
}

impl HttpStatus for StatusError {
    fn http_status(&self) -> u16 {
        self.code.as_u16()
    }
}

/// As salvo's own `Json`, also where there is no JSON.
impl<T: Serialize + Send> Scribe for Cached<T> {
    fn render(self, response: &mut Response) {
        let Ok((json, cached)) = self.into_body() else {
            return response.render(StatusError::internal_server_error());
        };
        let content_type = const { HeaderValue::from_static("application/json") };
        response.headers_mut().insert(CONTENT_TYPE, content_type);
        response.body(ResBody::Once(json));
        if let Some(cached) = cached {
            response.extensions.insert(cached);
        }
    }
}

/// `Router::new().hoop(cache.layer())`.
#[async_trait]
impl Handler for CacheLayer {
    async fn handle(
        &self,
        request: &mut Request,
        depot: &mut Depot,
        response: &mut Response,
        rest: &mut FlowCtrl,
    ) {
        let (context, conditions) = self.read(request.method().as_str(), request.headers());
        let inner = async {
            rest.call_next(request, depot, response).await;
            FrameworkResponse::status(response)
        };
        deferred::run(context, inner, |status| Some(*status)).await;
        conditions.apply(response);
    }
}

impl FrameworkResponse for Response {
    fn take_cached(&mut self) -> Option<CachedBody> {
        self.extensions.remove()
    }

    /// Where nothing says otherwise, a response with a body is a 200.
    fn status(&self) -> u16 {
        self.status_code.unwrap_or_default().as_u16()
    }

    fn has_header(&self, header: Header) -> bool {
        has_header(self.headers(), header)
    }

    fn is_json(&self) -> bool {
        is_json(self.headers())
    }

    fn add_header(&mut self, header: Header, value: Cow<'static, str>) {
        add_header(self.headers_mut(), header, value);
    }

    fn set_not_modified(&mut self) {
        self.status_code(StatusCode::NOT_MODIFIED);
        self.replace_body(ResBody::None);
        forget_body(self.headers_mut());
    }
}
