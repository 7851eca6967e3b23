//! What a value of the protocol begins with.

use std::io;

pub(super) struct Line<'b> {
    pub(super) kind: u8,
    rest: &'b [u8],
    /// Behind its end.
    pub(super) end: usize,
}

impl<'b> Line<'b> {
    /// Nothing where not all of it is there.
    pub(super) fn first(bytes: &'b [u8]) -> Option<Self> {
        let length = bytes.iter().position(|&byte| byte == b'\n')?;
        let (&kind, rest) = bytes[..length].split_first()?;
        Some(Self {
            kind,
            rest: rest.strip_suffix(b"\r").unwrap_or(rest),
            end: length + 1,
        })
    }

    /// What it says of that; nothing where it says that there is no value.
    pub(super) fn length(&self) -> io::Result<Option<usize>> {
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

pub(super) fn invalid(reason: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}
