//! actix-web's own types.

use actix_web::http::{Method, StatusCode};
use actix_web::web::Json;
use actix_web::{HttpRequest, HttpResponse};

use crate::request::RequestMethod;
use crate::value::{answers_with_status, json_answer};

json_answer!(ActixJson, Json);

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

answers_with_status! {
    [] StatusCode, |status| status.as_u16();
    [B] HttpResponse<B>, |response| response.status().as_u16();
    [T] (Json<T>, StatusCode), |answer| answer.1.as_u16();
    [] (String, StatusCode), |answer| answer.1.as_u16();
    [] (&'static str, StatusCode), |answer| answer.1.as_u16();
}
