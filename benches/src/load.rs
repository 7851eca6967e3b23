//! Clients that keep an HTTP server busy over connections that stay open.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use axum::Router;
use memchr::memmem;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// How long each request took, in order.
pub(crate) struct Times(Vec<Duration>);

impl Times {
    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    /// How many there were in a second.
    #[expect(clippy::cast_precision_loss, reason = "counts of a moment")]
    pub(crate) fn rate(&self, period: Duration) -> f64 {
        self.count() as f64 / period.as_secs_f64()
    }

    /// The time that so large a part of the requests took at most.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "an index within the list, to the next request or so"
    )]
    pub(crate) fn quantile(&self, part: f64) -> Duration {
        let last = self.0.len().saturating_sub(1);
        let index = (last as f64 * part) as usize;
        self.0.get(index).copied().unwrap_or_default()
    }
}

/// Serves until the process ends.
pub(crate) async fn serve(router: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

/// So many clients send this GET again and again, for so long.
pub(crate) async fn run(
    address: SocketAddr,
    path: &str,
    clients: usize,
    period: Duration,
) -> Times {
    let end = Instant::now() + period;
    let mut all = JoinSet::new();
    for _ in 0..clients {
        let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\n\r\n");
        all.spawn(async move { client(address, request.as_bytes(), end).await });
    }
    let mut times = Vec::new();
    while let Some(client) = all.join_next().await {
        let client = client.expect("no client panics");
        times.extend(client.expect("every request is answered"));
    }
    times.sort_unstable();
    Times(times)
}

async fn client(address: SocketAddr, request: &[u8], end: Instant) -> io::Result<Vec<Duration>> {
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (mut times, mut buffer) = (Vec::new(), vec![0; 65_536]);
    while Instant::now() < end {
        let start = Instant::now();
        stream.write_all(request).await?;
        read_answer(&mut stream, &mut buffer).await?;
        times.push(start.elapsed());
    }
    Ok(times)
}

/// Reads one answer of status 200 to its end.
async fn read_answer(stream: &mut TcpStream, buffer: &mut [u8]) -> io::Result<()> {
    let mut filled = 0;
    let (head, length) = loop {
        match stream.read(&mut buffer[filled..]).await? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => filled += count,
        }
        if let Some(parsed) = parse_head(&buffer[..filled])? {
            break parsed;
        }
    };
    let mut left = (head + length).saturating_sub(filled);
    while left > 0 {
        let most = left.min(buffer.len());
        match stream.read(&mut buffer[..most]).await? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => left -= count,
        }
    }
    Ok(())
}

/// The length of the head and that of the body; nothing while the head is not complete. As quick as can be: what a client takes
/// is no part of what is measured.
fn parse_head(bytes: &[u8]) -> io::Result<Option<(usize, usize)>> {
    const LENGTH: &[u8] = b"content-length: ";
    let Some(end) = memmem::find(bytes, b"\r\n\r\n") else {
        return Ok(None);
    };
    let head = &bytes[..end];
    if !head.starts_with(b"HTTP/1.1 200 ") {
        return Err(io::Error::other(String::from_utf8_lossy(head)));
    }
    let length = memmem::find(head, LENGTH).map(|place| &head[place + LENGTH.len()..]);
    let digits = length.and_then(|rest| rest.split(|&byte| byte == b'\r').next());
    let length = digits.and_then(|digits| str::from_utf8(digits).ok()?.parse().ok());
    Ok(Some((end + 4, length.ok_or(io::ErrorKind::InvalidData)?)))
}
