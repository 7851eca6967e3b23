//! The types of the `http` crate, which axum and most other frameworks use.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{
    AGE, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, ETAG, HeaderName,
    IF_NONE_MATCH, VARY,
};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};

use super::headers::{ASK_ALWAYS, HIT, Header, NEAR_HIT};
use super::layer::{CacheLayer, Conditions};
use crate::call::request_context::RequestContext;
use crate::codec::with_status::{outputs_with_status, value_beside_status};
use crate::method::RequestMethod;

impl RequestMethod for Method {
    fn request_method(&self) -> &str {
        self.as_str()
    }
}

impl<B> RequestMethod for Request<B> {
    fn request_method(&self) -> &str {
        self.method().as_str()
    }
}

impl RequestMethod for Parts {
    fn request_method(&self) -> &str {
        self.method.as_str()
    }
}

outputs_with_status! {
    [] StatusCode, |status| status.as_u16();
    [B] Response<B>, |response| response.status().as_u16();
    [A] (StatusCode, A), |output| output.0.as_u16();
    [A, B] (StatusCode, A, B), |output| output.0.as_u16();
    [A, B, C] (StatusCode, A, B, C), |output| output.0.as_u16();
}

value_beside_status!(A, (StatusCode, A), 1: A, |output| (StatusCode::OK, output));

// What the layers of these frameworks share.

impl CacheLayer {
    /// What it takes from a request.
    pub(crate) fn read(
        &self,
        method: &str,
        headers: &HeaderMap,
    ) -> (Arc<RequestContext>, Conditions<HeaderValue>) {
        let cache_control = headers.get_all(CACHE_CONTROL);
        let cache_control = cache_control.iter().map(HeaderValue::as_bytes);
        let if_none_match = headers.get_all(IF_NONE_MATCH).iter().cloned();
        let context = self.request_context(method, cache_control);
        let conditions = self.conditions(&context, if_none_match);
        (context, conditions)
    }
}

/// As a constant, where the name would have to be parsed.
pub(crate) fn header_name(header: Header) -> HeaderName {
    const CACHE_STATUS: HeaderName = HeaderName::from_static(Header::CacheStatus.name());
    match header {
        Header::Age => AGE,
        Header::CacheControl => CACHE_CONTROL,
        Header::CacheStatus => CACHE_STATUS,
        Header::ContentEncoding => CONTENT_ENCODING,
        Header::ETag => ETAG,
        Header::Vary => VARY,
    }
}

/// Of a few headers, looking at each takes less than hashing the name.
pub(crate) fn has_header(headers: &HeaderMap, header: Header) -> bool {
    let name = header_name(header);
    headers.keys().any(|other| *other == name)
}

pub(crate) fn add_header(headers: &mut HeaderMap, header: Header, value: Cow<'static, str>) {
    /// To look for one takes less than to check its bytes again.
    static CHECKED: [HeaderValue; 3] = [
        HeaderValue::from_static(HIT),
        HeaderValue::from_static(NEAR_HIT),
        HeaderValue::from_static(ASK_ALWAYS),
    ];
    let value = match value {
        Cow::Borrowed(text) => match CHECKED.iter().find(|&checked| checked == text) {
            Some(checked) => Ok(checked.clone()),
            // Which checks it faster than `HeaderValue::from_static`.
            None => HeaderValue::from_maybe_shared(Bytes::from_static(text.as_bytes())),
        },
        Cow::Owned(text) => HeaderValue::try_from(text),
    };
    if let Ok(value) = value {
        headers.append(header_name(header), value);
    }
}

pub(crate) fn is_json(headers: &HeaderMap) -> bool {
    let content_type = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    content_type.is_some_and(|value| value.starts_with(b"application/json"))
}

/// Removes what describes a body that is gone.
pub(crate) fn forget_body(headers: &mut HeaderMap) {
    headers.remove(CONTENT_TYPE);
    headers.remove(CONTENT_LENGTH);
    headers.remove(CONTENT_ENCODING);
}
