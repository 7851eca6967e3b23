//! A connection that many share, with a driver of our own: commands go into one buffer, replies come back in their order,
//! and a hit costs a fraction of what it does with the client library's own driver. That sets the connection up, and says
//! what a reply means.
//!
//! A command that was put into the buffer is sent, also where nobody waits for its reply any more.

mod driver;
mod gathering;
mod lent;
mod line;
mod replies;
#[cfg(test)]
mod tests;
mod text;

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use deadpool_redis::redis::aio::MultiplexedConnection;
use deadpool_redis::redis::{
    AsyncConnectionConfig, Cmd, Pipeline, RedisConnectionInfo, RedisError, RedisResult, Value,
};
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::oneshot;
use tokio::time::{Timeout, timeout};

use self::driver::Driver;
use self::lent::Lent;

/// A connection on which more is due than this is taken for broken. Whoever waits gives up long before; this is for those
/// who do not wait any more.
const MAX_UNANSWERED: usize = 1 << 18;
const MAX_UNSENT: usize = 64 * 1024 * 1024;

/// Our end of it. The server's is where the [driver](Wire::setup) is.
#[derive(Clone)]
pub(super) struct Wire {
    queue: Arc<Queue>,
    /// How long a reply may take.
    response_timeout: Duration,
}

/// What is to be sent, for the driver to take.
#[derive(Default)]
struct Queue(Mutex<Queued>);

#[derive(Default)]
struct Queued {
    commands: Vec<u8>,
    /// Who waits for what they will be replied.
    waiting: Vec<Waiting>,
    /// Of what the driver has taken, so many commands, or batches, have no reply yet.
    unanswered: usize,
    /// And so many bytes are not written yet.
    unsent: usize,
    /// Wakes the driver.
    driver: Option<Waker>,
    /// Why nothing is sent any more.
    ended: Option<Ended>,
}

/// Why a connection has ended.
#[derive(Clone)]
struct Ended {
    kind: io::ErrorKind,
    reason: Arc<str>,
}

enum Waiting {
    ForOne(oneshot::Sender<Value>),
    ForMany {
        all: usize,
        replies: Vec<Value>,
        sender: oneshot::Sender<Vec<Value>>,
    },
}

impl Wire {
    /// Introduces us to the server, and gives back what drives the connection from then on, until it breaks.
    ///
    /// # Errors
    ///
    /// If the server does not reply, or turns us away.
    pub(super) async fn setup<S>(
        stream: S,
        settings: &RedisConnectionInfo,
    ) -> RedisResult<(Self, impl Future<Output = ()> + Send + use<S>)>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let (lent, stream) = Lent::new(stream);
        let config = AsyncConnectionConfig::new();
        // Nobody has asked anything when it returns, and its driver never runs: nothing more is read or written here.
        drop(MultiplexedConnection::new_with_config(settings, lent, config).await?);
        let stream = stream.take().ok_or_else(|| Ended::default().error())?;
        let queue = Arc::<Queue>::default();
        let driver = Driver::new(stream, queue.clone());
        let wire = Self {
            queue,
            response_timeout: Duration::MAX,
        };
        Ok((wire, driver))
    }

    /// For this clone.
    pub(super) fn set_response_timeout(&mut self, time: Duration) {
        self.response_timeout = time;
    }

    /// The reply to a command, which may be an error.
    ///
    /// # Errors
    ///
    /// If the connection has ended, or none comes in time.
    pub(super) async fn one(&self, command: &Cmd) -> RedisResult<Value> {
        let pack = |bytes: &mut Vec<u8>| command.write_packed_command(bytes);
        let sent = self.send(pack, Waiting::ForOne);
        sent.map_err(|ended| ended.error())?.await
    }

    /// The replies to several.
    ///
    /// # Errors
    ///
    /// If the connection has ended, or none comes in time.
    pub(super) async fn many(&self, commands: &Pipeline) -> RedisResult<Vec<Value>> {
        let all = commands.len();
        if all == 0 {
            return Ok(Vec::new());
        }
        let pack = |bytes: &mut Vec<u8>| {
            for command in commands.cmd_iter() {
                command.write_packed_command(bytes);
            }
        };
        let waiting = |sender| Waiting::ForMany {
            all,
            replies: Vec::with_capacity(all),
            sender,
        };
        let sent = self.send(pack, waiting);
        sent.map_err(|ended| ended.error())?.await
    }

    /// What is under a key, without a command of the client library's in between. Nothing where the connection has ended.
    pub(super) fn get(&self, key: &str) -> Option<Reply<Value>> {
        let pack = |bytes: &mut Vec<u8>| {
            bytes.extend_from_slice(b"*2\r\n$3\r\nGET\r\n$");
            push_number(bytes, key.len());
            bytes.extend_from_slice(b"\r\n");
            bytes.extend_from_slice(key.as_bytes());
            bytes.extend_from_slice(b"\r\n");
        };
        self.send(pack, Waiting::ForOne).ok()
    }

    fn send<T>(
        &self,
        pack: impl FnOnce(&mut Vec<u8>),
        waiting: impl FnOnce(oneshot::Sender<T>) -> Waiting,
    ) -> Result<Reply<T>, Ended> {
        let (sender, receiver) = oneshot::channel();
        self.queue.push(pack, waiting(sender))?;
        Ok(Reply {
            queue: self.queue.clone(),
            received: Box::pin(timeout(self.response_timeout, receiver)),
        })
    }
}

/// In digits.
fn push_number(bytes: &mut Vec<u8>, number: usize) {
    if number >= 10 {
        push_number(bytes, number / 10);
    }
    bytes.push(b"0123456789"[number % 10]);
}

/// The wait for a reply to what was sent.
pub(super) struct Reply<T> {
    queue: Arc<Queue>,
    received: Pin<Box<Timeout<oneshot::Receiver<T>>>>,
}

impl<T> Future for Reply<T> {
    type Output = RedisResult<T>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<RedisResult<T>> {
        let reply = match ready!(self.received.as_mut().poll(context)) {
            Ok(Ok(reply)) => Ok(reply),
            Ok(Err(_)) => Err(self.queue.ended()),
            Err(_) => Err(io::Error::from(io::ErrorKind::TimedOut).into()),
        };
        Poll::Ready(reply)
    }
}

impl Queue {
    fn push(&self, pack: impl FnOnce(&mut Vec<u8>), waiting: Waiting) -> Result<(), Ended> {
        let mut queued = self.0.lock();
        if let Some(ended) = &queued.ended {
            return Err(ended.clone());
        }
        if queued.unanswered + queued.waiting.len() >= MAX_UNANSWERED
            || queued.unsent + queued.commands.len() >= MAX_UNSENT
        {
            return Err(Ended::behind());
        }
        // Else the driver has been woken already.
        let is_first = queued.waiting.is_empty();
        pack(&mut queued.commands);
        queued.waiting.push(waiting);
        if is_first && let Some(driver) = queued.driver.take() {
            drop(queued);
            driver.wake();
        }
        Ok(())
    }

    fn ended(&self) -> RedisError {
        let ended = self.0.lock().ended.clone();
        ended.unwrap_or_default().error()
    }

    /// Nothing is sent any more, and nobody waits for a reply.
    fn end(&self, ended: Ended) {
        let mut queued = self.0.lock();
        let ended = Queued {
            ended: Some(ended),
            ..Queued::default()
        };
        let left = std::mem::replace(&mut *queued, ended);
        drop(queued);
        // Who waits is woken here.
        drop(left);
    }
}

impl Ended {
    fn by(error: &io::Error) -> Self {
        let kind = match error.kind() {
            // The system has given up: no reply took too long.
            io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => io::ErrorKind::ConnectionAborted,
            kind => kind,
        };
        Self {
            kind,
            reason: error.to_string().into(),
        }
    }

    fn behind() -> Self {
        Self {
            kind: io::ErrorKind::ConnectionAborted,
            reason: "the server does not keep up".into(),
        }
    }

    fn error(&self) -> RedisError {
        io::Error::new(self.kind, &*self.reason).into()
    }
}

impl Default for Ended {
    /// With its runtime, or since nobody had it any more.
    fn default() -> Self {
        Self {
            kind: io::ErrorKind::BrokenPipe,
            reason: "the connection is closed".into(),
        }
    }
}
