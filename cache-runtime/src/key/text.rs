//! The text of one value, which takes no allocation of its own while it is short.

use std::fmt;

/// Longer than most: numbers, names, UUIDs.
const SHORT: usize = 40;

#[derive(Debug)]
pub(super) enum Text {
    Short { bytes: [u8; SHORT], length: usize },
    Long(String),
}

impl Text {
    pub(super) fn new() -> Self {
        Self::Short {
            bytes: [0; SHORT],
            length: 0,
        }
    }

    pub(super) fn as_str(&self) -> &str {
        match self {
            // It was put together out of whole texts.
            Self::Short { bytes, length } => str::from_utf8(&bytes[..*length]).unwrap_or_default(),
            Self::Long(text) => text,
        }
    }
}

impl fmt::Write for Text {
    fn write_str(&mut self, more: &str) -> fmt::Result {
        match self {
            Self::Short { bytes, length } => {
                if let Some(place) = bytes[*length..].get_mut(..more.len()) {
                    place.copy_from_slice(more.as_bytes());
                    *length += more.len();
                } else {
                    *self = Self::Long([self.as_str(), more].concat());
                }
            }
            Self::Long(text) => text.push_str(more),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    #[test]
    fn a_text_is_what_was_written_however_long_it_is() {
        for length in [0, 1, SHORT - 1, SHORT, SHORT + 1, 300] {
            for piece in ["x", "ä", "€uro"] {
                let (mut text, mut expected) = (Text::new(), String::new());
                while expected.len() < length {
                    expected.push_str(piece);
                    assert!(text.write_str(piece).is_ok());
                    assert_eq!(text.as_str(), expected);
                }
                assert_eq!(text.as_str(), expected);
            }
        }
    }
}
