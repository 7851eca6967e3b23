//! Keys and patterns out of templates. Two argument lists of one template never make the same key.
//!
//! A value is written as its `Display` writes it, but for:
//!
//! - `%`, `{`, `}`, and where text follows `:`, which are percent-encoded;
//! - a value in which the text that follows its placeholder would be found too early: that text's first
//!   character is percent-encoded as well;
//! - `None`, which is `%-`, and a value of more than 256 bytes, which is `%~` and its SHA-256;
//! - a value that is hashed, which is the SHA-256 of its canonical text (`canonical`).
//!
//! So whoever knows the template can read the values back, which is what makes keys injective. Escapes
//! are written with the digits `0-9A-F`, or with the letters `g-v` where the first character of the text
//! that follows is such a digit itself.

mod automaton;
mod by_hand;
mod byte_set;
mod canonical;
mod encode;
mod from_template;
pub(crate) mod glob;
mod names;
pub(crate) mod never_stored;
mod param;
mod part;
mod pattern;
mod pattern_set;
#[cfg(test)]
mod tests;
mod text;
mod values;

use self::encode::push_encoded;
use self::part::Rendered;
use crate::error::CacheError;

pub(crate) use self::automaton::Automaton;
pub use self::by_hand::{CacheKey, CachePattern, CacheTag, IntoKey, IntoPattern, IntoTag};
pub(crate) use self::from_template::FromTemplate;
use self::from_template::Literals;
pub(crate) use self::names::{EntryKey, Tag};
pub(crate) use self::param::AsPart;
pub use self::param::{DisplayPart, HashPart, NoAccess, NoClone, NoHash, NoPart, Value};
pub(crate) use self::part::KeyPart;
pub(crate) use self::pattern::Pattern;
pub use self::pattern::pattern;
pub(crate) use self::pattern_set::PatternSet;
pub(crate) use self::values::Values;
#[cfg(feature = "map")]
pub use self::values::values_of;

/// The key of a template with these literals around these parts.
///
/// # Errors
///
/// If a part could not be rendered.
pub fn key<const N: usize>(
    literals: Literals,
    parts: [KeyPart; N],
) -> Result<FromTemplate<String>, CacheError> {
    render(literals, parts).map(|key| FromTemplate::new(key, literals))
}

fn render<const N: usize>(literals: &[&str], parts: [KeyPart; N]) -> Result<String, CacheError> {
    // Enough for most keys.
    let mut key = String::with_capacity(64);
    key.push_str(literals.first().copied().unwrap_or_default());
    for (part, literal) in parts.into_iter().zip(&literals[1..]) {
        match part.0? {
            Rendered::Fixed(text) => key.push_str(&text),
            Rendered::Text(text) => push_encoded(&mut key, text.as_str(), literal),
        }
        key.push_str(literal);
    }
    Ok(key)
}
