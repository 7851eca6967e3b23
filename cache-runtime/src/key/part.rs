//! One value on its way into a key.

use std::fmt::{Display, Write as _};

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::canonical;
use super::text::Text;
use crate::error::{CacheError, ErrorKind};

/// The longest value that stands in a key as it is, in bytes.
pub(super) const MAX_VALUE_LEN: usize = 256;

/// One value, on its way into a key.
#[derive(Debug)]
pub struct KeyPart(pub(super) Result<Rendered, CacheError>);

#[derive(Debug)]
pub(super) enum Rendered {
    /// Still to be encoded.
    Text(Text),
    /// Of a form that no text can have, or of one length for all values.
    Fixed(String),
}

impl KeyPart {
    pub(crate) fn text(value: impl Display) -> Self {
        let mut text = Text::new();
        Self(match write!(text, "{value}") {
            Err(_) => Err(CacheError::new(
                ErrorKind::Key,
                "a key can't be made: a value's `Display` failed",
            )),
            Ok(()) if text.as_str().len() > MAX_VALUE_LEN => {
                let digest = sha256(text.as_str().as_bytes());
                Ok(Rendered::Fixed(format!("%~{digest}")))
            }
            Ok(()) => Ok(Rendered::Text(text)),
        })
    }

    pub(crate) fn none() -> Self {
        Self(Ok(Rendered::Fixed("%-".into())))
    }

    /// The SHA-256 of the value's canonical text, in hexadecimal digits.
    pub(crate) fn hash(value: &impl Serialize) -> Self {
        Self(match canonical::encode(value) {
            Ok(text) => Ok(Rendered::Fixed(sha256(text.as_bytes()))),
            Err(error) => Err(CacheError::with_source(ErrorKind::Key, error)),
        })
    }
}

pub(super) fn sha256(bytes: &[u8]) -> String {
    let mut digits = String::with_capacity(64);
    for byte in Sha256::digest(bytes) {
        let _ = write!(digits, "{byte:02x}");
    }
    digits
}
