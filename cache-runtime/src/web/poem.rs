//! poem. `App::with(cache.layer())` brings the request, as everywhere; `&poem::Request` and `poem::http::Method`
//! as parameters tell the method too.

use std::borrow::Cow;
use std::fmt::Display;

use poem::error::ResponseError;
use poem::http::header::{CONTENT_TYPE, HeaderValue};
use poem::http::{Extensions, StatusCode};
use poem::web::{Json, Path};
use poem::{Body, Endpoint, Error, IntoResponse, Middleware, Request, Response, Result};
use serde::Serialize;

use super::deferred;
use super::headers::Header;
use super::http::{add_header, forget_body, has_header, is_json};
use super::json::json_output;
use super::layer::{CacheLayer, CachedBody, FrameworkResponse};
use crate::codec::Cached;
use crate::codec::dispatch::ErrorOf;
use crate::codec::outcome::{HttpStatus, StatusOf};
use crate::codec::with_status::outputs_with_status;
use crate::key::AsPart;
use crate::key::KeyPart;
use crate::method::RequestMethod;

json_output!(PoemJson, Json);

impl RequestMethod for Request {
    fn request_method(&self) -> &str {
        self.method().as_str()
    }
}

/// `{id}` where the parameter is `id: Path<i64>`.
impl<T: Display> AsPart for Path<T> {
    fn as_part(&self) -> KeyPart {
        KeyPart::text(&self.0)
    }
}

outputs_with_status! {
    [] Response, |response| response.status().as_u16();
}

/// An error of poem tells its status.
#[derive(Debug)]
pub struct OfResponseError;

impl<E: ResponseError> StatusOf<E> for OfResponseError {
    fn status(error: &E) -> Option<u16> {
        Some(error.status().as_u16())
    }
}

/// The errors of poem among all errors.
pub trait PoemError {
    /// The error tells its status.
    fn status(self) -> OfResponseError;
}

impl<E: ResponseError> PoemError for ErrorOf<E> {
    fn status(self) -> OfResponseError {
        OfResponseError
    }
}

impl HttpStatus for Error {
    fn http_status(&self) -> u16 {
        self.status().as_u16()
    }
}

/// As poem's own `Json`, also where there is no JSON.
impl<T: Serialize + Send> IntoResponse for Cached<T> {
    fn into_response(self) -> Response {
        let (json, cached) = match self.into_body() {
            Ok(parts) => parts,
            Err(error) => {
                let status = StatusCode::INTERNAL_SERVER_ERROR;
                return (status, error.to_string()).into_response();
            }
        };
        let mut response = Response::default();
        response.set_body(Body::from(json));
        let content_type = const { HeaderValue::from_static("application/json") };
        response.headers_mut().insert(CONTENT_TYPE, content_type);
        if let Some(cached) = cached {
            response.extensions_mut().insert(cached);
        }
        response
    }
}

/// `Route::new().at(…).with(cache.layer())`.
impl<E: Endpoint> Middleware<E> for CacheLayer {
    type Output = CacheEndpoint<E>;

    fn transform(&self, inner: E) -> CacheEndpoint<E> {
        let layer = self.clone();
        CacheEndpoint { inner, layer }
    }
}

/// An endpoint under a [`CacheLayer`], which has an example. `EndpointExt::with` makes it.
#[derive(Debug)]
pub struct CacheEndpoint<E> {
    inner: E,
    layer: CacheLayer,
}

impl<E: Endpoint> Endpoint for CacheEndpoint<E> {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        let method = request.method().as_str();
        let (context, conditions) = self.layer.read(method, request.headers());
        let inner = async { Ok(self.inner.call(request).await?.into_response()) };
        let status = |response: &Result<Response>| {
            let status = match response {
                Ok(response) => response.status(),
                Err(error) => error.status(),
            };
            Some(status.as_u16())
        };
        let mut response = deferred::run(context, inner, status).await?;
        conditions.apply(&mut response);
        Ok(response)
    }
}

impl FrameworkResponse for Response {
    fn take_cached(&mut self) -> Option<CachedBody> {
        Extensions::remove(self.extensions_mut())
    }

    fn status(&self) -> u16 {
        Self::status(self).as_u16()
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
        self.set_status(StatusCode::NOT_MODIFIED);
        self.set_body(Body::empty());
        forget_body(self.headers_mut());
    }
}
