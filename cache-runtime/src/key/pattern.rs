//! Patterns: globs that find every key which holds a value, however that key had to encode it.

use super::encode::{Digits, push_percent_encoded};
use super::from_template::{FromTemplate, Literals};
use super::glob;
use super::part::{KeyPart, Rendered};
use crate::error::CacheError;

/// The most globs that a pattern's keys are compared with.
pub(super) const MAX_FORMS: usize = 1024;

/// A glob for the server, and the globs one of which a key it finds has to match.
///
/// A value can be encoded in more than one way, depending on the text that follows it in the key. A
/// pattern has to find them all, and no other value's keys.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Pattern {
    /// Matches at least what the others match.
    pub(crate) scan: String,
    /// Empty where `scan` says it all.
    pub(crate) any_of: Vec<String>,
}

impl Pattern {
    pub(crate) fn glob(glob: &str) -> Self {
        Self {
            scan: glob.to_owned(),
            any_of: Vec::new(),
        }
    }

    pub(crate) fn starting_with(text: &str) -> Self {
        Self::glob(&format!("{}*", glob::escape(text)))
    }

    pub(crate) fn matches(&self, key: &[u8]) -> bool {
        let any_of = self.any_of.as_slice();
        glob::matches(self.scan.as_bytes(), key)
            && (any_of.is_empty()
                || any_of
                    .iter()
                    .any(|glob| glob::matches(glob.as_bytes(), key)))
    }

    /// The globs one of which a key has to match.
    pub(crate) fn globs(&self) -> &[String] {
        if self.any_of.is_empty() {
            std::slice::from_ref(&self.scan)
        } else {
            &self.any_of
        }
    }

    /// The text that each key begins with that matches.
    pub(crate) fn prefix(&self) -> Vec<u8> {
        glob::prefix(self.scan.as_bytes())
    }

    pub(crate) fn within(mut self, namespace: &str) -> Self {
        if !namespace.is_empty() {
            let namespace = glob::escape(namespace);
            self.scan.insert_str(0, &namespace);
            self.any_of
                .iter_mut()
                .for_each(|glob| glob.insert_str(0, &namespace));
        }
        self
    }
}

/// The pattern of a template with these literals, which may have wildcards, around these parts, which
/// may not.
///
/// # Errors
///
/// If a part could not be rendered.
pub fn pattern<const N: usize>(
    literals: Literals,
    parts: [KeyPart; N],
) -> Result<FromTemplate<Pattern>, CacheError> {
    render(literals, parts).map(|pattern| FromTemplate::new(pattern, literals))
}

pub(super) fn render<const N: usize>(
    literals: &[&str],
    parts: [KeyPart; N],
) -> Result<Pattern, CacheError> {
    let first = literals.first().copied().unwrap_or_default();
    let mut scan = first.to_owned();
    let mut any_of = Some(vec![first.to_owned()]);
    for (part, literal) in parts.into_iter().zip(&literals[1..]) {
        let forms = match part.0? {
            Rendered::Fixed(text) => vec![text],
            Rendered::Text(text) => possible_forms(text.as_str(), literal),
        };
        match forms.as_slice() {
            [only] => scan.push_str(&glob::escape(only)),
            _ => scan.push('*'),
        }
        scan.push_str(literal);
        // To remove too much is safe; to compare every key with so many globs is not, nor to keep them.
        any_of = any_of
            .filter(|before| before.len().saturating_mul(forms.len()) <= MAX_FORMS)
            .map(|before| multiplied(&before, &forms, literal));
    }
    Ok(Pattern {
        scan,
        any_of: any_of.filter(|globs| globs.len() > 1).unwrap_or_default(),
    })
}

/// Each of these beginnings with each of these forms and the text that follows.
fn multiplied(beginnings: &[String], forms: &[String], literal: &str) -> Vec<String> {
    let mut all = Vec::with_capacity(beginnings.len() * forms.len());
    for beginning in beginnings {
        for form in forms {
            all.push(format!("{beginning}{}{literal}", glob::escape(form)));
        }
    }
    all
}

/// Every way in which a key may hold this value, where this much is known of the text that follows.
fn possible_forms(value: &str, literal: &str) -> Vec<String> {
    let known = glob::known_text(literal);
    let encoded = |also: &[char], digits| {
        let mut form = String::new();
        push_percent_encoded(&mut form, value, also, digits);
        form
    };
    let mut forms = Vec::new();
    if known.is_empty() {
        // The value may be the last of its key, or any text may follow.
        forms.push(encoded(&[], Digits::Hexadecimal));
    }
    let followed = encoded(&[':'], Digits::Hexadecimal);
    let ambiguous: Vec<char> = match known.chars().next() {
        None => followed.chars().filter(|&c| c != '%').collect(),
        Some(_) if known.contains(':') => Vec::new(),
        Some(first) => vec![first],
    };
    forms.push(followed.clone());
    for first in ambiguous {
        if followed.contains(first) {
            forms.push(encoded(&[':', first], Digits::without(first)));
        }
    }
    forms.sort();
    forms.dedup();
    forms
}
