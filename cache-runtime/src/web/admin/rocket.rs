//! `rocket::build().mount("/admin/cache", cache.admin(…))`.

use std::io::Cursor;

use bytes::Bytes;
use rocket::async_trait;
use rocket::data::{Data, ToByteUnit as _};
use rocket::http::{Method, Status};
use rocket::request::Request;
use rocket::response::Response;
use rocket::route::{Handler, Outcome, Route};

use super::answer::Answer;
use super::{AdminRequest, CacheAdmin, MAX_BODY};

/// All that it answers; a `HEAD` is a `GET` there.
impl From<CacheAdmin> for Vec<Route> {
    fn from(admin: CacheAdmin) -> Self {
        let methods = [Method::Get, Method::Post];
        let route = |method| Route::new(method, "/", admin.clone());
        methods.map(route).into()
    }
}

#[async_trait]
impl Handler for CacheAdmin {
    async fn handle<'r>(&self, request: &'r Request<'_>, data: Data<'r>) -> Outcome<'r> {
        let body = async || read(data).await;
        let answer = self.answer(of_rocket(request), body).await;
        Outcome::Success(answer.into())
    }
}

fn of_rocket(request: &Request<'_>) -> AdminRequest {
    let headers: Vec<_> = request.headers().iter().collect();
    let headers = headers
        .iter()
        .map(|header| (header.name().as_str(), header.value().as_bytes()));
    let host = request.host().map(ToString::to_string);
    let query = request.uri().query().map(|query| query.as_str());
    AdminRequest::new(request.method().as_str(), query, headers, host.as_deref())
}

async fn read(data: Data<'_>) -> Option<Bytes> {
    let body = data.open(MAX_BODY.bytes()).into_bytes().await.ok()?;
    body.is_complete().then(|| body.into_inner().into())
}

impl From<Answer> for Response<'_> {
    fn from(answer: Answer) -> Self {
        let mut response = Response::build();
        response.status(Status::new(answer.status));
        for (name, value) in answer.headers {
            response.raw_header(name, value);
        }
        let length = answer.body.len();
        response.sized_body(length, Cursor::new(answer.body));
        response.finalize()
    }
}
