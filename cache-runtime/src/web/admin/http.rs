//! Requests and responses of the crate `http`, which axum, poem, salvo and warp have.

use http::uri::Authority;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};

use super::AdminRequest;
use super::answer::Answer;

impl AdminRequest {
    pub(super) fn of_http(method: &Method, uri: &Uri, headers: &HeaderMap) -> Self {
        let host = uri.authority().map(Authority::as_str);
        let headers = headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_bytes()));
        Self::new(method.as_str(), uri.query(), headers, host)
    }
}

impl Answer {
    pub(super) fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::NOT_FOUND)
    }

    pub(super) fn put_headers(&self, headers: &mut HeaderMap) {
        for &(name, value) in &self.headers {
            let name = HeaderName::from_static(name);
            headers.insert(name, HeaderValue::from_static(value));
        }
    }

    /// As a response with a body of any type.
    pub(super) fn into_http<B: From<bytes::Bytes>>(self) -> http::Response<B> {
        let mut response = http::Response::new(B::from(self.body.clone()));
        *response.status_mut() = self.status_code();
        self.put_headers(response.headers_mut());
        response
    }
}
