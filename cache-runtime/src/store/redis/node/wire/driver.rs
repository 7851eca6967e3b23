//! What writes to the server and reads from it.

use std::collections::VecDeque;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite};

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
        if !queued.commands.is_empty() {
            if self.writing.is_empty() {
                std::mem::swap(&mut queued.commands, &mut self.writing);
            } else {
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
            let buffer = self.replies.buffer();
            if ready!(pin!(self.stream.read_buf(buffer)).poll(context))? == 0 {
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
        if let Poll::Ready(written) = self.poll_write(context) {
            written?;
        }
        self.poll_read(context)
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
