//! What a value of the protocol begins with.

use std::io;

/// No line is as long as this: what is longer is sent as a text.
const LONGEST: usize = 64 * 1024;

pub(super) struct Line<'b> {
    pub(super) kind: u8,
    rest: &'b [u8],
    /// Behind its end.
    pub(super) end: usize,
}

impl<'b> Line<'b> {
    /// Nothing where not all of it is there.
    ///
    /// # Errors
    ///
    /// If it is none.
    pub(super) fn first(bytes: &'b [u8]) -> io::Result<Option<Self>> {
        let may_be_line = &bytes[..bytes.len().min(LONGEST)];
        let Some(length) = may_be_line.iter().position(|&byte| byte == b'\n') else {
            return if bytes.len() < LONGEST {
                Ok(None)
            } else {
                Err(invalid("a line without an end"))
            };
        };
        let Some((&kind, rest)) = bytes[..length].split_first() else {
            return Err(invalid("an empty line"));
        };
        Ok(Some(Self {
            kind,
            rest: rest.strip_suffix(b"\r").unwrap_or(rest),
            end: length + 1,
        }))
    }

    /// What it says of that; nothing where it says that there is no value.
    pub(super) fn length(&self) -> io::Result<Option<usize>> {
        if self.rest == b"-1" {
            return Ok(None);
        }
        let with_digit = |length: usize, &byte: &u8| {
            let digit = byte.is_ascii_digit().then(|| usize::from(byte - b'0'))?;
            length.checked_mul(10)?.checked_add(digit)
        };
        let length = self.rest.iter().try_fold(0, with_digit);
        length
            .filter(|_| !self.rest.is_empty())
            .map(Some)
            .ok_or_else(|| invalid("a length that is none"))
    }
}

pub(super) fn invalid(reason: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}
