//! `App::new().route("/admin/cache", web::to(cache.admin(…)))`.

use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::http::uri::Authority;
use actix_web::web::Payload;
use actix_web::{Handler, HttpRequest, HttpResponse};
use bytes::Bytes;
use futures_util::future::{FutureExt as _, LocalBoxFuture};

use super::answer::Answer;
use super::{AdminRequest, CacheAdmin, MAX_BODY};

impl Handler<(HttpRequest, Payload)> for CacheAdmin {
    type Output = HttpResponse;
    type Future = LocalBoxFuture<'static, HttpResponse>;

    fn call(&self, (request, payload): (HttpRequest, Payload)) -> Self::Future {
        let admin = self.clone();
        async move {
            let body = async || read(payload).await;
            admin.answer(of_actix(&request), body).await.into()
        }
        .boxed_local()
    }
}

fn of_actix(request: &HttpRequest) -> AdminRequest {
    let headers = request.headers().iter();
    let headers = headers.map(|(name, value)| (name.as_str(), value.as_bytes()));
    let uri = request.uri();
    let host = uri.authority().map(Authority::as_str);
    AdminRequest::new(request.method().as_str(), uri.query(), headers, host)
}

async fn read(payload: Payload) -> Option<Bytes> {
    payload.to_bytes_limited(MAX_BODY).await.ok()?.ok()
}

impl From<Answer> for HttpResponse {
    fn from(answer: Answer) -> Self {
        let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::NOT_FOUND);
        let mut response = Self::build(status);
        for (name, value) in answer.headers {
            let name = HeaderName::from_static(name);
            response.insert_header((name, HeaderValue::from_static(value)));
        }
        response.body(answer.body)
    }
}
