//! HTTP requests, and their responses.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;
use ureq::http::Request;

use crate::wait::WAIT_TIMEOUT;

/// Sends requests to one application. A cheap clone.
#[derive(Clone, Debug)]
pub struct HttpClient {
    url: String,
    agent: ureq::Agent,
}

impl HttpClient {
    /// A client that waits no longer than this for a response.
    pub(crate) fn new(url: String, timeout: Duration) -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .allow_non_standard_methods(true)
            .timeout_global(Some(timeout))
            .build();
        Self {
            url,
            agent: config.into(),
        }
    }

    /// The same with another timeout, and with connections of its own.
    pub(crate) fn with_timeout(&self, timeout: Duration) -> Self {
        Self::new(self.url.clone(), timeout)
    }

    /// Sends a request, with a JSON body if there is one.
    ///
    /// # Errors
    ///
    /// If there is no response, or not in time.
    pub fn call(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Response, ureq::Error> {
        let body = body.map(Value::to_string);
        let body = body
            .as_deref()
            .map(|body| ("application/json", body.as_bytes()));
        self.send(method, path, &[], body)
    }

    pub(crate) fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<(&str, &[u8])>,
    ) -> Result<Response, ureq::Error> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut response = match body {
            None => self.agent.run(request.body(())?)?,
            Some((content_type, bytes)) => {
                // Who refuses a body may not have read it, and hangs up a little later: nothing else is sent over that
                // connection.
                let request = request
                    .header("content-type", content_type)
                    .header("connection", "close");
                self.agent.run(request.body(bytes)?)?
            }
        };
        let text = response.body_mut().read_to_string()?;
        let (status, headers) = (response.status().as_u16(), response.headers());
        Ok(Response::new(status, headers, text))
    }

    /// Host and port of the application.
    pub(crate) fn address(&self) -> &str {
        self.url.trim_start_matches("http://")
    }

    /// Sends a body of so many bytes, and returns the first line of the response.
    pub(crate) fn send_bytes(&self, path: &str, length: usize) -> String {
        let address = self.address();
        let mut connection = TcpStream::connect(address).expect("it listens");
        connection
            .set_read_timeout(Some(WAIT_TIMEOUT))
            .expect("a timeout");
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\
             content-type: application/json\r\ncontent-length: {length}\r\n\r\n",
        );
        // It may respond and hang up before it has read everything: only the response counts.
        let _ = connection.write_all(&[head.as_bytes(), &vec![b' '; length]].concat());
        let mut response = Vec::new();
        let _ = connection.read_to_end(&mut response);
        let response = String::from_utf8_lossy(&response);
        response.lines().next().unwrap_or_default().to_owned()
    }
}

/// An HTTP response. Two of them are equal if they are but for their headers.
#[derive(Clone, Debug)]
pub struct Response {
    /// Such as 404.
    pub status: u16,
    /// By their names in lower case.
    pub headers: BTreeMap<String, String>,
    /// The body as it came.
    pub text: String,
    /// The same as JSON; null where it is none.
    pub body: Value,
}

impl PartialEq for Response {
    fn eq(&self, other: &Self) -> bool {
        (self.status, &self.text) == (other.status, &other.text)
    }
}

impl Response {
    /// Of these parts, with the names of the headers in lower case.
    pub fn new(
        status: u16,
        headers: impl IntoIterator<Item = (impl ToString, impl AsRef<[u8]>)>,
        text: String,
    ) -> Self {
        let headers = headers.into_iter().map(|(name, value)| {
            let value = String::from_utf8(value.as_ref().to_vec());
            (name.to_string(), value.expect("the header is text"))
        });
        Self {
            status,
            headers: headers.collect(),
            body: serde_json::from_str(&text).unwrap_or_default(),
            text,
        }
    }

    /// Empty where there is none of this name.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    /// What the cache says became of the request, without its own name; empty where it says nothing.
    #[must_use]
    pub fn cache_status(&self) -> &str {
        let status = self.header("cache-status");
        status.strip_prefix("cache-runtime; ").unwrap_or(status)
    }
}

/// A path of these segments, percent-encoded.
#[must_use]
pub fn path(segments: &[&str]) -> String {
    let mut path = String::new();
    for segment in segments {
        path.push('/');
        for byte in segment.bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                    path.push(char::from(byte));
                }
                _ => write!(path, "%{byte:02X}").expect("a string takes everything"),
            }
        }
    }
    path
}
