//! Where a reply ends, and what it is. Text, which is what hits are, is found here; the rest is left to the client library.

use std::io;

use bytes::{Buf as _, BytesMut};
use deadpool_redis::redis::{Value, parse_redis_value};

/// So much is read at once at least.
const CHUNK: usize = 16 * 1024;

/// So much more is made room for at once at most, whatever a reply says of its length.
const MOST: usize = 1024 * 1024;

/// A buffer that has become larger than this is not kept.
const KEPT: usize = 256 * 1024;

/// What was read, as replies.
#[derive(Default)]
pub(super) struct Replies {
    received: BytesMut,
    /// The most that there was room for.
    largest: usize,
    scan: Scan,
}

/// How far the next reply is known.
struct Scan {
    /// It goes on here.
    at: usize,
    /// So many values are still to come there: more than one where there are lists in it.
    open: usize,
}

impl Default for Scan {
    fn default() -> Self {
        Self { at: 0, open: 1 }
    }
}

impl Replies {
    /// With room for what is read next.
    pub(super) fn buffer(&mut self) -> &mut BytesMut {
        if self.received.is_empty() && self.largest > KEPT {
            (self.received, self.largest) = (BytesMut::new(), 0);
        }
        let missing = self.scan.at.saturating_sub(self.received.len());
        self.received.reserve(missing.clamp(CHUNK, MOST));
        self.largest = self.largest.max(self.received.capacity());
        &mut self.received
    }

    /// The next reply, if all of it is there. What the server says without being asked is passed over.
    ///
    /// # Errors
    ///
    /// If it is none.
    pub(super) fn next(&mut self) -> io::Result<Option<Value>> {
        loop {
            let Some(end) = self.scan.end(&self.received)? else {
                return Ok(None);
            };
            let reply = value(&self.received[..end])?;
            self.received.advance(end);
            self.scan = Scan::default();
            if !matches!(reply, Value::Push { .. }) {
                return Ok(Some(reply));
            }
        }
    }
}

/// What a reply is, all of which is there.
fn value(reply: &[u8]) -> io::Result<Value> {
    if let Some(line) = Line::first(reply).filter(|line| line.kind == b'$') {
        if line.length()?.is_none() {
            return Ok(Value::Nil);
        }
        let text = reply[line.end..].strip_suffix(b"\r\n");
        let text = text.ok_or_else(|| invalid("a text is longer than it says"))?;
        return Ok(Value::BulkString(text.to_vec()));
    }
    parse_redis_value(reply).map_err(|error| invalid(&error.to_string()))
}

impl Scan {
    /// Where the reply ends, if all of it is there.
    ///
    /// # Errors
    ///
    /// If it is none.
    fn end(&mut self, bytes: &[u8]) -> io::Result<Option<usize>> {
        while self.open > 0 {
            let Some(line) = bytes.get(self.at..).and_then(Line::first) else {
                return Ok(None);
            };
            let (more, text) = match line.kind {
                b'+' | b'-' | b':' | b'_' | b',' | b'#' | b'(' => (0, 0),
                b'$' | b'!' | b'=' => (
                    0,
                    line.length()?.map_or(0, |length| length.saturating_add(2)),
                ),
                b'*' | b'~' | b'>' => (line.length()?.unwrap_or(0), 0),
                b'%' => (line.length()?.unwrap_or(0).saturating_mul(2), 0),
                // It stands in front of what it is about.
                b'|' => (
                    line.length()?
                        .unwrap_or(0)
                        .saturating_mul(2)
                        .saturating_add(1),
                    0,
                ),
                _ => return Err(invalid("no reply begins so")),
            };
            self.open = (self.open - 1).saturating_add(more);
            self.at = (self.at + line.end).saturating_add(text);
        }
        Ok((self.at <= bytes.len()).then_some(self.at))
    }
}

/// What a value begins with.
struct Line<'b> {
    kind: u8,
    rest: &'b [u8],
    /// Behind its end.
    end: usize,
}

impl<'b> Line<'b> {
    /// Nothing where not all of it is there.
    fn first(bytes: &'b [u8]) -> Option<Self> {
        let length = bytes.iter().position(|&byte| byte == b'\n')?;
        let (&kind, rest) = bytes[..length].split_first()?;
        Some(Self {
            kind,
            rest: rest.strip_suffix(b"\r").unwrap_or(rest),
            end: length + 1,
        })
    }

    /// What it says of that; nothing where it says that there is no value.
    fn length(&self) -> io::Result<Option<usize>> {
        if self.rest == b"-1" {
            return Ok(None);
        }
        let digits = str::from_utf8(self.rest).ok();
        let length = digits.and_then(|digits| digits.parse().ok());
        length
            .map(Some)
            .ok_or_else(|| invalid("a length that is none"))
    }
}

fn invalid(reason: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}

#[cfg(test)]
mod tests {
    use bytes::BufMut as _;

    use super::*;

    /// One of each kind, and what hides an end or looks like one.
    const ALL: &[&str] = &[
        "$5\r\nhello\r\n",
        "$0\r\n\r\n",
        "$-1\r\n",
        "$7\r\na\r\n$1\r\n\r\n",
        "+OK\r\n",
        "-ERR no\r\n",
        "-MOVED 3999 127.0.0.1:6381\r\n",
        ":-12\r\n",
        "*0\r\n",
        "*-1\r\n",
        "*3\r\n$1\r\na\r\n$-1\r\n*2\r\n:1\r\n+b\r\n",
        "*2\r\n*1\r\n*1\r\n$2\r\n\r\n\r\n-ERR in a list\r\n",
        "_\r\n",
        "#t\r\n",
        ",1.5\r\n",
        "(123456789012345678901234567890\r\n",
        "=7\r\ntxt:abc\r\n",
        "!8\r\nERR long\r\n",
        "%2\r\n+a\r\n:1\r\n+b\r\n*1\r\n:2\r\n",
        "~2\r\n:1\r\n:2\r\n",
        "|1\r\n+ttl\r\n:3\r\n$1\r\nx\r\n",
    ];

    fn all_of(replies: &mut Replies) -> Vec<Value> {
        let mut found = Vec::new();
        while let Some(reply) = replies.next().expect("these are replies") {
            found.push(reply);
        }
        found
    }

    fn by_library(reply: &str) -> Value {
        parse_redis_value(reply.as_bytes()).expect("it is a reply")
    }

    #[test]
    fn replies_are_what_the_client_library_makes_of_them_however_they_arrive() {
        let sent = ALL.concat();
        let expected: Vec<Value> = ALL.iter().map(|reply| by_library(reply)).collect();
        for size in 1..=sent.len() {
            let (mut replies, mut found) = (Replies::default(), Vec::new());
            for piece in sent.as_bytes().chunks(size) {
                replies.buffer().put_slice(piece);
                found.extend(all_of(&mut replies));
            }
            assert_eq!(found, expected, "in pieces of {size} bytes");
        }
    }

    #[test]
    fn what_nobody_has_asked_for_is_passed_over() {
        let mut replies = Replies::default();
        let push = ">2\r\n+invalidate\r\n*1\r\n$1\r\nk\r\n";
        let sent = [push, "$1\r\na\r\n", push, push, ":7\r\n", push].concat();
        replies.buffer().put_slice(sent.as_bytes());
        let expected = [Value::BulkString(b"a".to_vec()), Value::Int(7)];
        assert_eq!(all_of(&mut replies), expected);
        assert!(replies.received.is_empty());
    }

    #[test]
    fn what_is_no_reply_is_an_error() {
        let huge = format!("*{0}\r\n*{0}\r\n%{0}\r\n", usize::MAX);
        for sent in [
            "HTTP/1.1 400 Bad Request\r\n",
            "\r\n",
            "$x\r\n",
            "$1\r\nabc+OK\r\n",
            "$\r\n",
            "$-2\r\n",
            "$99999999999999999999\r\n",
            "*1\r\n?\r\n",
            "*2\r\n:1\r\n\0\r\n",
            ":x\r\n",
        ] {
            let mut replies = Replies::default();
            replies.buffer().put_slice(sent.as_bytes());
            let error = replies.next().expect_err(sent);
            assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{sent}");
        }
        // It never ends, and nothing is made ready for it.
        let mut replies = Replies::default();
        replies.buffer().put_slice(huge.as_bytes());
        assert_eq!(replies.next().expect("so far it may be one"), None);
        assert!(replies.buffer().capacity() <= 2 * MOST);
    }

    #[test]
    fn there_is_room_for_what_is_known_to_come_and_no_more_than_was_needed_is_kept() {
        let (mut replies, length) = (Replies::default(), 3 * MOST);
        replies
            .buffer()
            .put_slice(format!("${length}\r\n").as_bytes());
        assert_eq!(replies.next().expect("it begins well"), None);
        let mut left = length;
        while left > 0 {
            let buffer = replies.buffer();
            let room = buffer.capacity() - buffer.len();
            assert!(
                (CHUNK.min(left)..=2 * length).contains(&room),
                "{room} for {left}"
            );
            let some = room.min(left);
            buffer.put_bytes(b'x', some);
            left -= some;
        }
        replies.buffer().put_slice(b"\r\n");
        let text = replies.next().expect("it is a reply");
        assert_eq!(text, Some(Value::BulkString(vec![b'x'; length])));
        assert!(replies.buffer().capacity() <= KEPT);
    }
}
