//! A stream to a server on which what several tasks send at about the same time leaves in one write.
//!
//! Whoever drives a connection is woken by the first command, and would write it before other tasks that are ready have
//! added theirs. So it gives them a turn first. Where nobody adds anything, as with a single task, it soon does so less
//! often.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// So many writes in a row give no turn at most.
const MAX_AT_ONCE: u32 = 31;

pub(super) struct Gathering<S> {
    stream: S,
    turn: Turn,
    /// So many of the next writes give no turn.
    at_once: u32,
    /// How many did not, after the last turn that gained nothing.
    before: u32,
}

/// What was done for the write that is under way.
enum Turn {
    None,
    /// The others have theirs. There were so many bytes.
    Given(usize),
    Over,
}

impl<S> Gathering<S> {
    pub(super) fn new(stream: S) -> Self {
        Self {
            stream,
            turn: Turn::None,
            at_once: 0,
            before: 0,
        }
    }

    /// Whether these bytes leave now. Else the others have a turn.
    fn is_ready(&mut self, bytes: usize) -> bool {
        match self.turn {
            Turn::None if self.at_once == 0 => {
                self.turn = Turn::Given(bytes);
                return false;
            }
            Turn::None => self.at_once -= 1,
            Turn::Given(before) if bytes > before => self.before = 0,
            Turn::Given(_) => {
                self.before = (2 * self.before + 1).min(MAX_AT_ONCE);
                self.at_once = self.before;
            }
            Turn::Over => {}
        }
        self.turn = Turn::Over;
        true
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Gathering<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Gathering<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if !self.is_ready(bytes.len()) {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        if flushed.is_ready() {
            self.turn = Turn::None;
        }
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    /// Sends something, and says whether the others had a turn. They add so many bytes then.
    fn send(stream: &mut Gathering<Vec<u8>>, added: usize) -> bool {
        let mut context = Context::from_waker(Waker::noop());
        let bytes = vec![0; 10 + added];
        let mut write = |bytes: &[u8]| {
            let written = Pin::new(&mut *stream).poll_write(&mut context, bytes);
            written.map(|written| assert_eq!(written.ok(), Some(bytes.len())))
        };
        let has_turn = write(&bytes[..10]).is_pending();
        if has_turn {
            assert!(write(&bytes).is_ready());
        }
        assert!(Pin::new(stream).poll_flush(&mut context).is_ready());
        has_turn
    }

    #[test]
    fn what_others_send_meanwhile_leaves_with_it() {
        let mut stream = Gathering::new(Vec::new());
        for count in 1..=3 {
            assert!(send(&mut stream, 20));
            assert_eq!(stream.stream.len(), count * 30);
        }
    }

    #[test]
    fn where_nobody_adds_anything_there_are_fewer_turns_and_never_none() {
        let mut stream = Gathering::new(Vec::new());
        let turns = |stream: &mut _, added| (0..320).filter(|_| send(stream, added)).count();
        // The 1st, 3rd, 7th, 15th and 31st, and each 32nd after that.
        assert_eq!(turns(&mut stream, 0), 5 + 9);
        assert_eq!(stream.stream.len(), 3200);
        // As soon as it gains something, each has one.
        while !send(&mut stream, 1) {}
        assert_eq!(turns(&mut stream, 1), 320);
    }
}
