//! `Router::with_path("admin/cache").goal(cache.admin(…))`.

use salvo_core::http::ResBody;
use salvo_core::{Depot, FlowCtrl, Handler, Request, Response, async_trait};

use super::{AdminRequest, CacheAdmin, MAX_BODY};

#[async_trait]
impl Handler for CacheAdmin {
    async fn handle(
        &self,
        request: &mut Request,
        _: &mut Depot,
        response: &mut Response,
        _: &mut FlowCtrl,
    ) {
        let head = AdminRequest::of_http(request.method(), request.uri(), request.headers());
        let body = async || {
            let body = request.payload_with_max_size(MAX_BODY).await;
            body.ok().cloned()
        };
        let answer = self.answer(head, body).await;
        response.status_code(answer.status_code());
        answer.put_headers(response.headers_mut());
        response.body(ResBody::Once(answer.body));
    }
}
