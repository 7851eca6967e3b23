//! tower's own traits: axum's layers, and those of whatever speaks tower.

use std::borrow::Cow;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::{HeaderValue, Request, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tokio::task::futures::TaskLocalFuture;
use tower_layer::Layer;
use tower_service::Service;

use super::deferred::Deferring;
use super::headers::Header;
use super::http::{add_header, forget_body, has_header, is_json};
use super::layer::{CacheLayer, CachedBody, Conditions, FrameworkResponse};
use crate::call::request_context::{self, RequestContext};

/// A service under a [`CacheLayer`], which has an example. `Router::layer` makes it, and `ServiceBuilder::layer`.
#[derive(Clone, Debug)]
pub struct CacheService<S> {
    inner: S,
    layer: CacheLayer,
}

impl<S> Layer<S> for CacheLayer {
    type Service = CacheService<S>;

    fn layer(&self, inner: S) -> CacheService<S> {
        CacheService {
            inner,
            layer: self.clone(),
        }
    }
}

impl<S, A, B> Service<Request<A>> for CacheService<S>
where
    S: Service<Request<A>, Response = Response<B>>,
{
    type Response = Response<CacheBody<B>>;
    type Error = S::Error;
    type Future = CacheFuture<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<A>) -> CacheFuture<S::Future> {
        let (context, conditions) = self
            .layer
            .read(request.method().as_str(), request.headers());
        CacheFuture {
            deferring: Deferring::of_request(&context),
            output: None,
            inner: request_context::scope(context, self.inner.call(request)),
            conditions,
        }
    }
}

pin_project! {
    /// A response of a [`CacheService`].
    pub struct CacheFuture<F>
    where
        F: Future,
    {
        #[pin]
        inner: TaskLocalFuture<Arc<RequestContext>, F>,
        conditions: Conditions<HeaderValue>,
        // Dropped behind the request.
        deferring: Option<Deferring>,
        // What waits until all is settled.
        output: Option<F::Output>,
    }
}

impl<F, B, E> Future for CacheFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = Result<Response<CacheBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let output = match this.deferring {
            None => ready!(this.inner.poll(context)),
            Some(deferring) => {
                if this.output.is_none() {
                    let Poll::Ready(output) = this.inner.poll(context) else {
                        let _ = deferring.poll(context);
                        return Poll::Pending;
                    };
                    let response = output.as_ref().ok();
                    deferring.settle(response.map(|response| response.status().as_u16()));
                    *this.output = Some(output);
                }
                ready!(deferring.poll(context));
                match this.output.take() {
                    Some(output) => output,
                    None => return Poll::Pending,
                }
            }
        };
        let response = output?;
        let mut response = response.map(|body| CacheBody { inner: Some(body) });
        this.conditions.apply(&mut response);
        Poll::Ready(Ok(response))
    }
}

pin_project! {
    /// The body of a response under a [`CacheLayer`]: the service's own, or none in a 304.
    #[derive(Debug)]
    pub struct CacheBody<B> {
        #[pin]
        inner: Option<B>,
    }
}

impl<B: Body> Body for CacheBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        match self.project().inner.as_pin_mut() {
            Some(body) => body.poll_frame(context),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(Body::is_end_stream)
    }

    /// That of a 304 is not told: its `Content-Length` would be that of the body that the client has.
    fn size_hint(&self) -> SizeHint {
        let size = self.inner.as_ref().map(Body::size_hint);
        size.unwrap_or_default()
    }
}

impl<B> FrameworkResponse for Response<CacheBody<B>> {
    fn take_cached(&mut self) -> Option<CachedBody> {
        self.extensions_mut().remove()
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
        *self.status_mut() = StatusCode::NOT_MODIFIED;
        self.body_mut().inner = None;
        forget_body(self.headers_mut());
    }
}
