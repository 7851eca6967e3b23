//! `Router::new().route("/admin/cache", any(cache.admin(…)))`.

use axum::body::to_bytes;
use axum::extract::Request;
use axum::handler::Handler;
use axum::response::Response;
use futures_util::future::{BoxFuture, FutureExt as _};

use super::{AdminRequest, CacheAdmin, MAX_BODY};

impl<S: Send + Sync + 'static> Handler<(), S> for CacheAdmin {
    type Future = BoxFuture<'static, Response>;

    fn call(self, request: Request, _: S) -> Self::Future {
        async move {
            let (head, body) = request.into_parts();
            let request = AdminRequest::of_http(&head.method, &head.uri, &head.headers);
            let body = async || to_bytes(body, MAX_BODY).await.ok();
            self.answer(request, body).await.into_http()
        }
        .boxed()
    }
}
