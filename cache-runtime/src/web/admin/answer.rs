//! Responses of the page, as every framework can send them.

use bytes::Bytes;
use serde_json::{Value, json};

use super::page::{self, PAGE};

pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, &'static str)>,
    pub(super) body: Bytes,
}

/// On everything that is for those who may see it: it is not kept, not taken for something else, and not there for other
/// sites.
const CAREFUL: [(&str, &str); 4] = [
    ("cache-control", "no-store"),
    ("cross-origin-resource-policy", "same-origin"),
    ("referrer-policy", "no-referrer"),
    ("x-content-type-options", "nosniff"),
];

impl Answer {
    fn new(status: u16, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        let mut headers = CAREFUL.to_vec();
        headers.push(("content-type", content_type));
        Self {
            status,
            headers,
            body: body.into(),
        }
    }

    pub(super) fn page() -> Self {
        let mut answer = Self::new(200, "text/html; charset=utf-8", PAGE);
        answer.headers.extend([
            ("content-security-policy", page::policy()),
            ("cross-origin-opener-policy", "same-origin"),
        ]);
        answer
    }

    pub(super) fn json(status: u16, value: &Value) -> Self {
        Self::of_json(status, value.to_string())
    }

    pub(super) fn of_json(status: u16, json: impl Into<Bytes>) -> Self {
        Self::new(status, "application/json", json)
    }

    pub(super) fn error(status: u16, why: &str) -> Self {
        Self::json(status, &json!({ "error": why }))
    }

    pub(super) fn method_not_allowed() -> Self {
        let mut answer = Self::error(405, "there are GET, HEAD and POST");
        answer.headers.push(("allow", "GET, HEAD, POST"));
        answer
    }

    pub(super) fn unauthorized() -> Self {
        let mut answer = Self::not_found();
        answer.status = 401;
        answer.headers.extend([
            ("cache-control", "no-store"),
            (
                "www-authenticate",
                "Basic realm=\"cache\", charset=\"UTF-8\"",
            ),
        ]);
        answer
    }

    pub(super) fn not_found() -> Self {
        Self {
            status: 404,
            headers: Vec::new(),
            body: Bytes::new(),
        }
    }
}
