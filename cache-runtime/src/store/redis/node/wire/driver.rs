//! What writes to the server and reads from it.

use std::collections::VecDeque;
use std::io;
use std::mem;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite};

use super::gathering::Gathering;
use super::replies::Replies;
use super::{Ended, Queue, Waiting};

/// A buffer that has become larger than this is not kept.
const KEPT: usize = 256 * 1024;

/// Ends when the connection does.
pub(super) struct Driver<S> {
    stream: Gathering<S>,
    queue: Arc<Queue>,
    /// What is being written, and how much of it was.
    writing: Vec<u8>,
    written: usize,
    /// Who waits for a reply to what was taken to be written, in that order.
    waiting: VecDeque<Waiting>,
    replies: Replies,
    ended: Option<Ended>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Driver<S> {
    pub(super) fn new(stream: S, queue: Arc<Queue>) -> Self {
        Self {
            stream: Gathering::new(stream),
            queue,
            writing: Vec::new(),
            written: 0,
            waiting: VecDeque::new(),
            replies: Replies::default(),
            ended: None,
        }
    }

    /// Takes what was put into the queue, and is woken when there is more.
    fn take(&mut self, context: &Context<'_>) {
        let mut queued = self.queue.0.lock();
        if !queued.waiting.is_empty() {
            if self.writing.is_empty() {
                mem::swap(&mut queued.commands, &mut self.writing);
            } else {
                // There may be something left to write for as long as the connection lasts.
                if self.written >= self.writing.len() / 2 {
                    self.writing.drain(..self.written);
                    self.written = 0;
                }
                self.writing.append(&mut queued.commands);
            }
            self.waiting.extend(queued.waiting.drain(..));
        }
        let driver = &mut queued.driver;
        if !driver
            .as_ref()
            .is_some_and(|waker| waker.will_wake(context.waker()))
        {
            *driver = Some(context.waker().clone());
        }
    }

    fn poll_write(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.writing.is_empty() {
            return Poll::Ready(Ok(()));
        }
        while self.written < self.writing.len() {
            let rest = &self.writing[self.written..];
            match ready!(Pin::new(&mut self.stream).poll_write(context, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => self.written += written,
            }
        }
        ready!(Pin::new(&mut self.stream).poll_flush(context))?;
        self.written = 0;
        self.writing.clear();
        if self.writing.capacity() > KEPT {
            self.writing = Vec::new();
        }
        Poll::Ready(Ok(()))
    }

    /// Reads for as long as the connection lasts.
    fn poll_read(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            if ready!(pin!(self.replies.read(&mut self.stream)).poll(context))? == 0 {
                let closed = "the server has closed the connection";
                return Poll::Ready(Err(io::Error::new(io::ErrorKind::UnexpectedEof, closed)));
            }
            while let Some(reply) = self.replies.next()? {
                let Some(waiting) = self.waiting.front_mut() else {
                    let unasked = "the server replies to what it was not asked";
                    return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, unasked)));
                };
                if let Waiting::ForMany { all, replies, .. } = waiting {
                    replies.push(reply);
                    if replies.len() < *all {
                        continue;
                    }
                    if let Some(Waiting::ForMany {
                        replies, sender, ..
                    }) = self.waiting.pop_front()
                    {
                        // Whoever has asked may be gone.
                        let _ = sender.send(replies);
                    }
                } else if let Some(Waiting::ForOne(sender)) = self.waiting.pop_front() {
                    let _ = sender.send(reply);
                }
            }
        }
    }

    fn poll_both(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.take(context);
        let written = self.poll_write(context);
        // What has been replied counts, also where nothing can be sent any more.
        let read = self.poll_read(context);
        self.tell_what_is_due();
        match (written, read) {
            (Poll::Ready(Err(error)), _) => Poll::Ready(Err(error)),
            (_, read) => read,
        }
    }

    fn tell_what_is_due(&self) {
        let mut queued = self.queue.0.lock();
        queued.unanswered = self.waiting.len();
        queued.unsent = self.writing.len() - self.written;
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Future for Driver<S> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let ended = ready!(self.poll_both(context));
        self.ended = ended.as_ref().err().map(Ended::by);
        Poll::Ready(())
    }
}

impl<S> Drop for Driver<S> {
    /// Also with its runtime.
    fn drop(&mut self) {
        self.queue.end(self.ended.take().unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use deadpool_redis::redis::Value;
    use futures_util::future::FutureExt as _;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, ReadBuf, duplex};
    use tokio::sync::oneshot;
    use tokio::task::yield_now;

    use super::*;

    fn push(queue: &Queue, bytes: &[u8]) -> Result<oneshot::Receiver<Value>, Ended> {
        let (sender, receiver) = oneshot::channel();
        let pack = |commands: &mut Vec<u8>| commands.extend_from_slice(bytes);
        queue.push(pack, Waiting::ForOne(sender))?;
        Ok(receiver)
    }

    #[tokio::test]
    async fn what_was_written_is_not_kept_where_there_is_always_something_left_to_write() {
        const COMMAND: usize = 1000;
        let (stream, mut server) = duplex(COMMAND);
        let queue = Arc::<Queue>::default();
        let mut driver = Driver::new(stream, queue.clone());
        let mut context = Context::from_waker(std::task::Waker::noop());
        // One more than the server takes.
        let mut all = vec![push(&queue, &[b'x'; COMMAND])];
        for _ in 0..1000 {
            // Each turn may do so much only.
            yield_now().await;
            all.push(push(&queue, &[b'x'; COMMAND]));
            assert!(driver.poll_both(&mut context).is_pending());
            let mut taken = [0; COMMAND];
            let read = server.read_exact(&mut taken).now_or_never();
            assert!(read.is_none_or(|read| read.is_ok()));
            assert!(
                driver.writing.len() <= 8 * COMMAND,
                "{}",
                driver.writing.len()
            );
        }
        assert!(all.iter().all(Result::is_ok));
    }

    #[tokio::test]
    async fn a_server_that_does_not_keep_up_is_sent_no_more() {
        for length in [0, 1_000_000] {
            let command = &vec![b'x'; length];
            let (stream, mut server) = duplex(10);
            let queue = Arc::<Queue>::default();
            let mut driver = Driver::new(stream, queue.clone());
            let mut context = Context::from_waker(std::task::Waker::noop());
            let mut pushed = 0;
            // Nobody waits for any of it.
            while push(&queue, command).is_ok() {
                pushed += 1;
                yield_now().await;
                assert!(driver.poll_both(&mut context).is_pending());
                assert!(pushed <= 1_000_000, "without bound");
            }
            assert!(pushed >= 60);
            if length == 0 {
                yield_now().await;
                server.write_all(b"+OK\r\n").await.expect("it is read");
                assert!(driver.poll_both(&mut context).is_pending());
                assert!(push(&queue, command).is_ok(), "there is a place again");
            }
        }
    }

    /// It has replied when it is written to, and takes nothing any more.
    struct HalfClosed {
        reply: &'static [u8],
        is_written_to: bool,
    }

    impl AsyncRead for HalfClosed {
        fn poll_read(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            buffer: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            if !self.is_written_to {
                return Poll::Pending;
            }
            buffer.put_slice(mem::take(&mut self.reply));
            Poll::Ready(Ok(()))
        }
    }

    impl AsyncWrite for HalfClosed {
        fn poll_write(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            _: &[u8],
        ) -> Poll<io::Result<usize>> {
            self.is_written_to = true;
            Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    #[tokio::test]
    async fn what_a_server_has_replied_before_it_closed_counts() {
        let queue = Arc::<Queue>::default();
        let server = HalfClosed {
            reply: b"+OK\r\n",
            is_written_to: false,
        };
        let driver = Driver::new(server, queue.clone());
        let [first, second] = [push(&queue, b"x"), push(&queue, b"x")].map(Result::ok);
        driver.await;
        assert_eq!(first.expect("it was sent").await, Ok(Value::Okay));
        assert!(second.expect("it was sent").await.is_err());
        // The system gave up the connection: nobody says that a reply took too long.
        let error = queue.ended();
        assert!(error.is_io_error() && !error.is_timeout(), "{error}");
    }
}
