//! As much of an HTTP client as the tour needs.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::TourError;

/// An answer: its status, what it says of the cache, and its body, which is always JSON here.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) cache_status: String,
    pub(crate) etag: String,
    /// Null where there is none.
    pub(crate) body: Value,
}

/// Sends one request, with a header. It is HTTP/1.0, where the answer ends with the connection and is never chunked.
pub(crate) async fn call(
    address: SocketAddr,
    method: &str,
    path: &str,
    header: (&str, &str),
    body: Option<&Value>,
) -> Result<Answer, TourError> {
    let body = body.map(Value::to_string).unwrap_or_default();
    let (name, value) = header;
    let request = format!(
        "{method} {path} HTTP/1.0\r\nhost: {address}\r\n{name}: {value}\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len(),
    );
    let mut connection = TcpStream::connect(reachable(address)).await?;
    connection.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await?;
    parse(&answer).ok_or(TourError::Answer)
}

/// A server on all interfaces is reached over the loopback interface.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        let loopback = if address.is_ipv4() {
            IpAddr::from(Ipv4Addr::LOCALHOST)
        } else {
            IpAddr::from(Ipv6Addr::LOCALHOST)
        };
        address.set_ip(loopback);
    }
    address
}

fn parse(answer: &str) -> Option<Answer> {
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let header = |wanted: &str| {
        let lines = head.lines().filter_map(|line| line.split_once(": "));
        let value = lines.filter(|(name, _)| name.eq_ignore_ascii_case(wanted));
        value.map(|(_, value)| value.to_owned()).next()
    };
    let body = match body {
        "" => Value::Null,
        body => serde_json::from_str(body).ok()?,
    };
    Some(Answer {
        status,
        cache_status: header("cache-status").unwrap_or_default(),
        etag: header("etag").unwrap_or_default(),
        body,
    })
}
