//! Where a reply ends, and what it is. Text, which is what hits are, is found here; the rest is left to the client library.

use std::io;

use bytes::{Buf as _, BytesMut};
use deadpool_redis::redis::{Value, parse_redis_value};
use tokio::io::{AsyncRead, AsyncReadExt as _};

use super::line::{Line, invalid};
use super::text::Text;

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
    /// Nothing was received yet of what comes behind it.
    text: Option<Text>,
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
    /// How many bytes were read: none where nothing comes any more. To be called when there is no [next](Self::next) one.
    ///
    /// # Cancel safety
    ///
    /// Dropped early, it has read nothing.
    pub(super) async fn read(
        &mut self,
        stream: &mut (impl AsyncRead + Unpin),
    ) -> io::Result<usize> {
        match &mut self.text {
            Some(text) => text.read(stream).await,
            None => stream.read_buf(self.buffer()).await,
        }
    }

    /// With room for what is read next.
    fn buffer(&mut self) -> &mut BytesMut {
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
            if self.text.is_some() {
                let text = self.text.take_if(|text| text.is_whole());
                let text = text.map(Text::into_bytes).transpose()?;
                return Ok(text.map(Value::BulkString));
            }
            let Some(end) = self.scan.end(&self.received)? else {
                self.text = Text::begun(&mut self.received)?;
                if self.text.is_some() {
                    self.scan = Scan::default();
                }
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
    if reply.first() == Some(&b'$')
        && let Some(line) = Line::first(reply)?
    {
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
            let Some(line) = Line::first(bytes.get(self.at..).unwrap_or_default())? else {
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

#[cfg(test)]
mod tests {
    use futures_util::future::FutureExt as _;

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

    /// The replies that there are when this has arrived as well.
    fn arrive(replies: &mut Replies, mut bytes: &[u8]) -> io::Result<Vec<Value>> {
        let mut found = Vec::new();
        while !bytes.is_empty() {
            let read = replies.read(&mut bytes).now_or_never();
            assert_ne!(read.expect("it is there")?, 0);
            while let Some(reply) = replies.next()? {
                found.push(reply);
            }
        }
        Ok(found)
    }

    fn found_in_pieces(sent: &str, size: usize) -> Vec<Value> {
        let mut replies = Replies::default();
        let pieces = sent.as_bytes().chunks(size);
        pieces
            .flat_map(|piece| arrive(&mut replies, piece).expect("these are replies"))
            .collect()
    }

    impl Replies {
        /// For what is read next.
        fn room(&mut self) -> usize {
            match &mut self.text {
                Some(text) => text.room(),
                None => self.buffer().capacity(),
            }
        }
    }

    fn by_library(reply: &str) -> Value {
        parse_redis_value(reply.as_bytes()).expect("it is a reply")
    }

    #[test]
    fn replies_are_what_the_client_library_makes_of_them_however_they_arrive() {
        let sent = ALL.concat();
        let expected: Vec<Value> = ALL.iter().map(|reply| by_library(reply)).collect();
        for size in 1..=sent.len() {
            let found = found_in_pieces(&sent, size);
            assert_eq!(found, expected, "in pieces of {size} bytes");
        }
    }

    #[test]
    fn a_long_text_ends_where_it_says_however_it_arrives() {
        let push = ">2\r\n+invalidate\r\n*1\r\n$1\r\nk\r\n";
        let texts = [8190, 8191, 8192, 8193, 100_000, 3_000_000]
            .map(|length| "\r\n$9".repeat(length)[..length].to_owned());
        let replies = texts
            .iter()
            .map(|text| format!("${}\r\n{text}\r\n{push}:1\r\n", text.len()));
        let sent: String = replies.collect();
        let mut expected = Vec::new();
        for text in texts {
            expected.extend([Value::BulkString(text.into_bytes()), Value::Int(1)]);
        }
        for size in [5, 1000, 8192, CHUNK, 64 * 1024, sent.len()] {
            let found = found_in_pieces(&sent, size);
            assert!(found == expected, "in pieces of {size} bytes");
        }
    }

    #[test]
    fn what_nobody_has_asked_for_is_passed_over() {
        let mut replies = Replies::default();
        let push = ">2\r\n+invalidate\r\n*1\r\n$1\r\nk\r\n";
        let sent = [push, "$1\r\na\r\n", push, push, ":7\r\n", push].concat();
        let found = arrive(&mut replies, sent.as_bytes()).expect("these are replies");
        assert_eq!(found, [Value::BulkString(b"a".to_vec()), Value::Int(7)]);
        assert!(replies.received.is_empty());
    }

    #[test]
    fn what_is_no_reply_is_an_error() {
        for sent in [
            "HTTP/1.1 400 Bad Request\r\n",
            "\r\n",
            "\n+OK\r\n",
            "$x\r\n",
            "$1\r\nabc+OK\r\n",
            "$\r\n",
            "$-2\r\n",
            "$+1\r\na\r\n",
            "*+1\r\n:1\r\n",
            "$99999999999999999999\r\n",
            "*1\r\n?\r\n",
            "*2\r\n:1\r\n\0\r\n",
            ":x\r\n",
        ] {
            let error = arrive(&mut Replies::default(), sent.as_bytes()).expect_err(sent);
            assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{sent}");
        }
        let too_long = format!("$10000\r\n{}\r\n", "x".repeat(10_001));
        for size in [1000, too_long.len()] {
            let mut replies = Replies::default();
            let mut pieces = too_long.as_bytes().chunks(size);
            let error = pieces.find_map(|piece| arrive(&mut replies, piece).err());
            let error = error.expect("it is longer than it says");
            assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        }
        let endless = "+".repeat(100_000);
        let error = arrive(&mut Replies::default(), endless.as_bytes());
        let error = error.expect_err("no line is so long");
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        // They never end, and nothing is made ready for them.
        let list = format!("*{0}\r\n*{0}\r\n%{0}\r\n", usize::MAX);
        let text = format!("${}\r\nx", usize::MAX);
        for sent in [list, text] {
            let mut replies = Replies::default();
            let found = arrive(&mut replies, sent.as_bytes());
            assert_eq!(found.expect("so far it may be one"), []);
            assert!(replies.room() <= 2 * MOST, "{sent}");
        }
    }

    #[test]
    fn no_more_room_is_kept_than_was_needed() {
        let list = format!("*1\r\n${}\r\n{}\r\n", 3 * MOST, "x".repeat(3 * MOST));
        let mut replies = Replies::default();
        let (first, rest) = list.as_bytes().split_at(1000);
        assert_eq!(arrive(&mut replies, first).expect("so far"), []);
        assert!((CHUNK..=2 * MOST).contains(&replies.room()));
        assert_eq!(arrive(&mut replies, rest).expect("it is a reply").len(), 1);
        assert!((CHUNK..=KEPT).contains(&replies.room()));
    }
}
