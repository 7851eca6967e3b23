//! Nonces: tokens that no two loads, tags or writers ever share.

use uuid::Uuid;

/// A new one: 32 hexadecimal digits.
pub(crate) fn new_nonce() -> String {
    Uuid::new_v4().simple().to_string()
}

/// Whether a text can be one.
pub(crate) fn is_nonce(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}
