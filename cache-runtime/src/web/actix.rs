//! actix-web's own types.

use std::borrow::Cow;
use std::future::{Ready, ready};
use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform};
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, ContentType, HeaderName,
    HeaderValue, IF_NONE_MATCH,
};
use actix_web::http::{Method, StatusCode};
use actix_web::rt::System;
use actix_web::web::{Bytes, Json};
use actix_web::{Error, HttpRequest, HttpResponse, Responder, ResponseError};
use serde::Serialize;

use super::deferred;
use super::headers::Header;
use super::json::json_output;
use super::layer::{CacheLayer, CachedBody, FrameworkResponse};
use crate::call::detached::{Begun, Detach, Handles, Run, never_detaches, wait};
use crate::call::refresh::{Background, Refresh};
use crate::call::run::Ran;
use crate::codec::dispatch::ErrorOf;
use crate::codec::outcome::{HttpStatus, Silent, StatusOf};
use crate::codec::with_status::{outputs_with_status, value_beside_status};
use crate::codec::{Cached, Codec};
use crate::log::in_current_span;
use crate::method::RequestMethod;

json_output!(ActixJson, Json);

impl RequestMethod for Method {
    fn request_method(&self) -> &str {
        self.as_str()
    }
}

impl RequestMethod for HttpRequest {
    fn request_method(&self) -> &str {
        self.method().as_str()
    }
}

outputs_with_status! {
    [] StatusCode, |status| status.as_u16();
    [B] HttpResponse<B>, |response| response.status().as_u16();
    [T] (Json<T>, StatusCode), |output| output.1.as_u16();
    [T] (Cached<T>, StatusCode), |output| output.1.as_u16();
    [] (String, StatusCode), |output| output.1.as_u16();
    [] (&'static str, StatusCode), |output| output.1.as_u16();
}

// Not for any output: the same pair could have the status of another crate in front.
value_beside_status!(T, (Json<T>, StatusCode), 0: Json<T>, |output| (output, StatusCode::OK));
value_beside_status!(T, (Cached<T>, StatusCode), 0: Cached<T>, |output| (output, StatusCode::OK));

/// As actix's own `Json`, also where there is no JSON.
impl<T: Serialize> Responder for Cached<T> {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        let (json, cached) = match self.into_body() {
            Ok(parts) => parts,
            Err(error) => return HttpResponse::InternalServerError().body(error.to_string()),
        };
        let mut response = HttpResponse::Ok()
            .content_type(ContentType::json())
            .body(json);
        if let Some(cached) = cached {
            response.extensions_mut().insert(cached);
        }
        response
    }
}

/// `App::new().wrap(cache.layer())`.
impl<S, B> Transform<S, ServiceRequest> for CacheLayer
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    S::Future: 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<BoxBody>;
    type Error = Error;
    type Transform = CacheMiddleware<S>;
    type InitError = ();
    type Future = Ready<Result<Self::Transform, ()>>;

    fn new_transform(&self, inner: S) -> Self::Future {
        let layer = self.clone();
        ready(Ok(CacheMiddleware { inner, layer }))
    }
}

/// A service under a [`CacheLayer`], which has an example. `App::wrap` makes it.
#[derive(Debug)]
pub struct CacheMiddleware<S> {
    inner: S,
    layer: CacheLayer,
}

impl<S, B> Service<ServiceRequest> for CacheMiddleware<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    S::Future: 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<BoxBody>;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Error>>>>;

    fn poll_ready(&self, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&self, request: ServiceRequest) -> Self::Future {
        let method = request.method().as_str();
        let cache_control = request.headers().get_all(CACHE_CONTROL);
        let context = self
            .layer
            .request_context(method, cache_control.map(HeaderValue::as_bytes));
        let if_none_match = request.headers().get_all(IF_NONE_MATCH).cloned();
        let conditions = self.layer.conditions(&context, if_none_match);
        let status = |response: &Result<ServiceResponse<B>, Error>| {
            Some(match response {
                Ok(response) => response.status().as_u16(),
                Err(error) => error.http_status(),
            })
        };
        let response = deferred::run(context, self.inner.call(request), status);
        Box::pin(async move {
            let mut response = response.await?.map_into_boxed_body();
            conditions.apply(&mut response);
            Ok(response)
        })
    }
}

impl FrameworkResponse for ServiceResponse<BoxBody> {
    fn take_cached(&mut self) -> Option<CachedBody> {
        self.response_mut().extensions_mut().remove()
    }

    fn status(&self) -> u16 {
        Self::status(self).as_u16()
    }

    fn has_header(&self, header: Header) -> bool {
        self.headers().contains_key(header.name())
    }

    fn is_json(&self) -> bool {
        let content_type = self.headers().get(CONTENT_TYPE).map(HeaderValue::as_bytes);
        content_type.is_some_and(|value| value.starts_with(b"application/json"))
    }

    fn add_header(&mut self, header: Header, value: Cow<'static, str>) {
        let value = match value {
            // Which checks it faster than `HeaderValue::from_static`.
            Cow::Borrowed(text) => {
                HeaderValue::from_maybe_shared(Bytes::from_static(text.as_bytes()))
            }
            Cow::Owned(text) => HeaderValue::try_from(text),
        };
        if let Ok(value) = value {
            let name = HeaderName::from_static(header.name());
            self.headers_mut().append(name, value);
        }
    }

    fn set_not_modified(&mut self) {
        self.headers_mut().remove(CONTENT_TYPE);
        self.headers_mut().remove(CONTENT_LENGTH);
        self.headers_mut().remove(CONTENT_ENCODING);
        let head = self.response_mut();
        *head.status_mut() = StatusCode::NOT_MODIFIED;
        let empty = HttpResponse::new(StatusCode::NOT_MODIFIED);
        let head = std::mem::replace(head, empty).drop_body();
        *self.response_mut() = head.map_into_boxed_body();
    }
}

/// A refresh runs on the same thread, for futures that can't leave it. actix knows whether there is such a place.
#[derive(Debug)]
pub struct SpawnLocal;

impl<C, U, X, F> Background<Refresh<C, U, X, F>> for SpawnLocal
where
    C: Codec + 'static,
    U: FnOnce(&C::Value) -> bool + 'static,
    X: FnOnce(&C::Error) -> bool + 'static,
    F: Future<Output = C::Output> + 'static,
{
    fn start(&self, refresh: Refresh<C, U, X, F>) -> Result<(), Refresh<C, U, X, F>> {
        if System::try_current().is_none() {
            return Err(refresh);
        }
        drop(actix_web::rt::spawn(refresh.run()));
        Ok(())
    }
}

never_detaches!(SpawnLocal);

/// A load and a refresh run in tasks on the same thread.
#[derive(Debug)]
pub struct DetachedLocal;

impl<R> Background<R> for DetachedLocal
where
    SpawnLocal: Background<R>,
{
    fn start(&self, refresh: R) -> Result<(), R> {
        SpawnLocal.start(refresh)
    }
}

impl<O> Handles<O> for DetachedLocal {
    type Handle = Pin<Box<dyn Future<Output = Ran<O>>>>;
}

impl<C, U, X, F> Detach<C, U, X, F> for DetachedLocal
where
    C: Codec<Output: 'static> + 'static,
    U: FnOnce(&C::Value) -> bool + 'static,
    X: FnOnce(&C::Error) -> bool + 'static,
    F: Future<Output = C::Output> + 'static,
{
    fn detach(&self, run: Run<C, U, X, F>) -> Result<Self::Handle, Run<C, U, X, F>> {
        if System::try_current().is_none() {
            return Err(run);
        }
        let Begun { task, ran } = run.detached()?;
        let task = actix_web::rt::spawn(in_current_span(task));
        Ok(Box::pin(wait(ran, task)))
    }
}

/// An error of actix tells its status.
#[derive(Debug)]
pub struct OfResponseError;

impl<E: ResponseError> StatusOf<E> for OfResponseError {
    fn status(error: &E) -> Option<u16> {
        Some(error.status_code().as_u16())
    }
}

/// The errors of actix among all errors.
pub trait ActixError {
    /// The error tells its status.
    fn status(self) -> OfResponseError;
}

impl<E: ResponseError> ActixError for ErrorOf<E> {
    fn status(self) -> OfResponseError {
        OfResponseError
    }
}

#[expect(
    clippy::unused_self,
    reason = "the value is empty: its type is what matters"
)]
impl ErrorOf<Box<dyn std::error::Error>> {
    /// actix says 500 of each of them, which means the same as no status. A bound that only this type with `'static`
    /// meets would keep the call's future from being `Send`.
    pub fn status(self) -> Silent {
        Silent
    }
}

impl HttpStatus for Error {
    fn http_status(&self) -> u16 {
        self.as_response_error().status_code().as_u16()
    }
}
