//! A long text, read straight into where it stays, so that it is not copied once more.

use std::io;

use bytes::{BufMut as _, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _};

use super::line::{Line, invalid};

/// One of fewer bytes is read with what comes behind it.
const LONG: usize = 8 * 1024;

/// So much is made room for at once at most, whatever a text says of its length, or as much as has come already.
const MOST: usize = 1024 * 1024;

/// Of which not all is there.
pub(super) struct Text {
    bytes: Vec<u8>,
    /// With its end, so many bytes are still to come.
    missing: usize,
}

impl Text {
    /// Takes what was received where that is the beginning of one.
    ///
    /// # Errors
    ///
    /// If it says no length.
    pub(super) fn begun(received: &mut BytesMut) -> io::Result<Option<Self>> {
        if received.first() != Some(&b'$') {
            return Ok(None);
        }
        let Some(line) = Line::first(received)? else {
            return Ok(None);
        };
        let Some(length) = line.length()?.filter(|&length| length >= LONG) else {
            return Ok(None);
        };
        let (there, all) = (&received[line.end..], length.saturating_add(2));
        if there.len() >= all {
            return Ok(None);
        }
        let mut bytes = Vec::with_capacity(all.min(MOST));
        bytes.extend_from_slice(there);
        let missing = all - there.len();
        received.clear();
        Ok(Some(Self { bytes, missing }))
    }

    /// How many bytes of it were read: none where nothing comes any more.
    pub(super) async fn read(
        &mut self,
        stream: &mut (impl AsyncRead + Unpin),
    ) -> io::Result<usize> {
        self.make_room();
        let read = stream
            .read_buf(&mut (&mut self.bytes).limit(self.missing))
            .await?;
        self.missing -= read;
        Ok(read)
    }

    fn make_room(&mut self) {
        if self.bytes.len() == self.bytes.capacity() {
            let most = MOST.max(self.bytes.len());
            self.bytes.reserve_exact(self.missing.min(most));
        }
    }

    pub(super) fn is_whole(&self) -> bool {
        self.missing == 0
    }

    /// Without its end.
    ///
    /// # Errors
    ///
    /// If it goes on.
    pub(super) fn into_bytes(mut self) -> io::Result<Vec<u8>> {
        let length = self.bytes.strip_suffix(b"\r\n").map(<[u8]>::len);
        let length = length.ok_or_else(|| invalid("a text is longer than it says"))?;
        self.bytes.truncate(length);
        Ok(self.bytes)
    }
}

#[cfg(test)]
impl Text {
    pub(super) fn room(&mut self) -> usize {
        self.make_room();
        self.bytes.capacity()
    }
}
