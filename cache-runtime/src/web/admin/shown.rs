//! Bytes as text that can be shown: never more than so many, and always text.

use std::fmt::Write as _;

use serde_json::{Value, json};

/// The most bytes of a name that are shown.
const MAX_NAME: usize = 1024;

/// The text of these bytes; what is no UTF-8 in them is written `\xff`. The last character is left out where the bytes
/// were cut within it. Says whether all of it was UTF-8.
pub(super) fn text(bytes: &[u8], is_cut: bool) -> (String, bool) {
    let (mut text, mut is_utf8) = (String::with_capacity(bytes.len()), true);
    let mut chunks = bytes.utf8_chunks().peekable();
    while let Some(chunk) = chunks.next() {
        text.push_str(chunk.valid());
        let is_last = chunks.peek().is_none();
        if is_cut && is_last && is_beginning(chunk.invalid()) {
            break;
        }
        for byte in chunk.invalid() {
            is_utf8 = false;
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    (text, is_utf8)
}

/// Whether a character may begin so.
fn is_beginning(bytes: &[u8]) -> bool {
    str::from_utf8(bytes).is_err_and(|error| error.error_len().is_none())
}

/// A name, and whether that is all of it, so that it can be looked up.
pub(super) fn name(bytes: &[u8]) -> Value {
    let is_cut = bytes.len() > MAX_NAME;
    let (text, is_utf8) = text(&bytes[..bytes.len().min(MAX_NAME)], is_cut);
    json!({ "text": text, "whole": is_utf8 && !is_cut })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_text_is_shown_as_bytes() {
        assert_eq!(text("<b>名前".as_bytes(), false), ("<b>名前".into(), true));
        assert_eq!(text(b"a\xff\xfeb", false), ("a\\xff\\xfeb".into(), false));
        let cut = &"名前".as_bytes()[..5];
        assert_eq!(text(cut, true), ("名".into(), true));
        assert_eq!(text(cut, false), ("名\\xe5\\x89".into(), false));
        assert_eq!(text(b"a\xff", true), ("a\\xff".into(), false));
        assert_eq!(text(b"", true), (String::new(), true));
    }

    #[test]
    fn a_long_name_is_cut() {
        let long = name(&[b'a'; 10_000]);
        assert_eq!(long["text"].as_str().map(str::len), Some(MAX_NAME));
        assert_eq!(long["whole"], false);
        assert_eq!(name(b"short"), json!({ "text": "short", "whole": true }));
        assert_eq!(name(b"\xff"), json!({ "text": "\\xff", "whole": false }));
    }
}
