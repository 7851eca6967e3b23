//! The types of the `http` crate, which axum and most other frameworks use.

use http::request::Parts;
use http::{Method, Request, Response, StatusCode};

use crate::request::RequestMethod;
use crate::value::{answer_beside_status, answers_with_status};

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

answers_with_status! {
    [] StatusCode, |status| status.as_u16();
    [B] Response<B>, |response| response.status().as_u16();
    [A] (StatusCode, A), |answer| answer.0.as_u16();
    [A, B] (StatusCode, A, B), |answer| answer.0.as_u16();
    [A, B, C] (StatusCode, A, B, C), |answer| answer.0.as_u16();
}

answer_beside_status!(A, (StatusCode, A), 1: A, |answer| (StatusCode::OK, answer));
