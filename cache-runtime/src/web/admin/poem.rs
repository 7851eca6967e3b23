//! `Route::new().at("/admin/cache", cache.admin(…))`.

use poem::{Body, Endpoint, Request, Response, Result};

use super::{AdminRequest, CacheAdmin, MAX_BODY};

impl Endpoint for CacheAdmin {
    type Output = Response;

    async fn call(&self, mut request: Request) -> Result<Response> {
        let body = request.take_body();
        let request = AdminRequest::of_http(request.method(), request.uri(), request.headers());
        let body = async || body.into_bytes_limit(MAX_BODY).await.ok();
        let answer = self.answer(request, body).await;
        let mut response = Response::default();
        response.set_status(answer.status_code());
        answer.put_headers(response.headers_mut());
        response.set_body(Body::from(answer.body));
        Ok(response)
    }
}
