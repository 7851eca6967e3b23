//! Keys and patterns out of templates. Two argument lists of one template never make the same key.
//!
//! A value is written as its `Display` writes it, but for:
//!
//! - `%`, `{`, `}`, and where text follows `:`, which are percent-encoded;
//! - a value in which the text that follows its placeholder would be found too early: that text's first
//!   character is percent-encoded as well;
//! - `None`, which is `%-`, and a value of more than 256 bytes, which is `%~` and its SHA-256.
//!
//! So whoever knows the template can read the values back, which is what makes keys injective. Escapes
//! are written with the digits `0-9A-F`, or with the letters `g-v` where the first character of the text
//! that follows is such a digit itself.

use std::fmt::{Display, Write as _};

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::error::CacheError;
use crate::glob;

/// The longest value that stands in a key as it is, in bytes.
const LONGEST_VALUE: usize = 256;

/// The most globs that a pattern's keys are compared with.
const MOST_FORMS: usize = 1024;

/// One value, on its way into a key.
#[derive(Debug)]
pub struct Part(Result<Rendered, CacheError>);

#[derive(Debug)]
enum Rendered {
    /// Still to be encoded.
    Text(String),
    /// Of a form that no text can have, or of one length for all values.
    Fixed(String),
}

impl Part {
    pub(crate) fn text(value: impl Display) -> Self {
        let mut text = String::new();
        Self(match write!(text, "{value}") {
            Err(_) => Err(CacheError::Key("a value's `Display` failed".into())),
            Ok(()) if text.len() > LONGEST_VALUE => {
                Ok(Rendered::Fixed(format!("%~{}", sha256(text.as_bytes()))))
            }
            Ok(()) => Ok(Rendered::Text(text)),
        })
    }

    pub(crate) fn none() -> Self {
        Self(Ok(Rendered::Fixed("%-".into())))
    }

    /// The SHA-256 of the value's JSON with its object keys in order, in hexadecimal digits.
    pub(crate) fn hash(value: &impl Serialize) -> Self {
        let json = serde_json::to_value(value).map(|mut value| {
            value.sort_all_objects();
            value.to_string()
        });
        Self(match json {
            Ok(json) => Ok(Rendered::Fixed(sha256(json.as_bytes()))),
            Err(error) => Err(CacheError::Key(error.to_string())),
        })
    }
}

fn sha256(bytes: &[u8]) -> String {
    let mut digits = String::with_capacity(64);
    for byte in Sha256::digest(bytes) {
        let _ = write!(digits, "{byte:02x}");
    }
    digits
}

/// The key of a template with these literals around these parts.
///
/// # Errors
///
/// If a part could not be rendered.
pub fn key<const N: usize>(literals: &[&str], parts: [Part; N]) -> Result<String, CacheError> {
    // Enough for most keys.
    let mut key = String::with_capacity(64);
    key.push_str(literals.first().copied().unwrap_or_default());
    for (part, literal) in parts.into_iter().zip(&literals[1..]) {
        match part.0? {
            Rendered::Fixed(text) => key.push_str(&text),
            Rendered::Text(text) => push_encoded(&mut key, &text, literal),
        }
        key.push_str(literal);
    }
    Ok(key)
}

/// Up to its first colon, which no value in front of it contains: what ends a value.
fn delimiter(literal: &str) -> &str {
    literal
        .find(':')
        .map_or(literal, |colon| &literal[..=colon])
}

fn push_encoded(key: &mut String, value: &str, literal: &str) {
    let delimiter = delimiter(literal);
    let start = key.len();
    push_percent_encoded(
        key,
        value,
        if delimiter.is_empty() { &[] } else { &[':'] },
        Digits::Hexadecimal,
    );
    let Some(first) = delimiter.chars().next() else {
        return;
    };
    let length = key.len();
    key.push_str(delimiter);
    let found_early = key[start..].find(delimiter) < Some(length - start);
    key.truncate(if found_early { start } else { length });
    if found_early {
        push_percent_encoded(key, value, &[':', first], Digits::without(first));
    }
}

#[derive(Clone, Copy)]
enum Digits {
    Hexadecimal,
    Letters,
}

impl Digits {
    /// Digits among which this character is not.
    fn without(c: char) -> Self {
        if matches!(c, '0'..='9' | 'A'..='F') {
            Self::Letters
        } else {
            Self::Hexadecimal
        }
    }

    fn digit(self, value: u8) -> char {
        let first_ten = matches!(self, Self::Hexadecimal) && value < 10;
        let base = match self {
            Self::Hexadecimal if first_ten => b'0',
            Self::Hexadecimal => b'A' - 10,
            Self::Letters => b'g',
        };
        char::from(base + value)
    }
}

fn push_percent_encoded(key: &mut String, value: &str, also: &[char], digits: Digits) {
    for c in value.chars() {
        if !matches!(c, '%' | '{' | '}') && !also.contains(&c) {
            key.push(c);
            continue;
        }
        for byte in c.encode_utf8(&mut [0; 4]).bytes() {
            key.push('%');
            key.push(digits.digit(byte >> 4));
            key.push(digits.digit(byte & 15));
        }
    }
}

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
pub fn pattern<const N: usize>(literals: &[&str], parts: [Part; N]) -> Result<Pattern, CacheError> {
    let first = literals.first().copied().unwrap_or_default();
    let mut scan = first.to_owned();
    let mut any_of = vec![first.to_owned()];
    for (part, literal) in parts.into_iter().zip(&literals[1..]) {
        let forms = match part.0? {
            Rendered::Fixed(text) => vec![text],
            Rendered::Text(text) => possible_forms(&text, literal),
        };
        match forms.as_slice() {
            [only] => scan.push_str(&glob::escape(only)),
            _ => scan.push('*'),
        }
        scan.push_str(literal);
        any_of = any_of
            .iter()
            .flat_map(|before| {
                forms
                    .iter()
                    .map(move |form| format!("{before}{}{literal}", glob::escape(form)))
            })
            .collect();
    }
    match any_of.as_slice() {
        [only] => Ok(Pattern::glob(only)),
        // To remove too much is safe; to compare every key with so many globs is not.
        forms if forms.len() > MOST_FORMS => Ok(Pattern::glob(&scan)),
        _ => Ok(Pattern { scan, any_of }),
    }
}

/// Every way in which a key may hold this value, where this much is known of the text that follows.
fn possible_forms(value: &str, literal: &str) -> Vec<String> {
    let known = literal
        .split(['*', '?', '[', '\\'])
        .next()
        .unwrap_or_default();
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

#[cfg(test)]
mod tests {
    use super::*;

    fn key_of<const N: usize>(literals: &[&str], values: [&str; N]) -> String {
        key(literals, values.map(Part::text)).expect("text renders")
    }

    #[test]
    fn ordinary_values_stand_as_they_are() {
        let literals = ["", "_posts:page_", ":", ""];
        assert_eq!(
            key_of(&literals, ["john_doe", "1", "john_doe"]),
            "john_doe_posts:page_1:john_doe"
        );
        assert_eq!(
            key_of(&["user_cache:", ""], ["john:doe"]),
            "user_cache:john:doe"
        );
    }

    #[test]
    fn a_value_can_not_pass_for_the_text_that_follows_it() {
        let literals = ["", "_x_", ""];
        assert_ne!(
            key_of(&literals, ["a_x_b", "c"]),
            key_of(&literals, ["a", "b_x_c"])
        );
        assert_eq!(key_of(&literals, ["a_x_b", "c"]), "a%5Fx%5Fb_x_c");
        let doubled = ["", "aa", ""];
        assert_ne!(key_of(&doubled, ["a", ""]), key_of(&doubled, ["", "a"]));
    }

    #[test]
    fn escapes_never_contain_the_digit_that_follows() {
        let literals = ["", "7B", ""];
        assert_ne!(key_of(&literals, ["{", "x"]), key_of(&literals, ["%", "x"]));
        assert_eq!(key_of(&literals, ["{", "x"]), "%nr7Bx");
    }

    #[test]
    fn a_pattern_finds_the_keys_of_its_value_and_no_other() {
        let pattern_of =
            |name: &str| pattern(&["", "_posts:*"], [Part::text(name)]).expect("text renders");
        let key_for = |name: &str| key_of(&["", "_posts:page_", ""], [name, "1"]);
        let names = [
            "x",
            "x_posts:page_1",
            "*",
            "{x}",
            "名前",
            "x_posts:",
            "a_posts",
            "?",
        ];
        for pattern_name in names {
            for key_name in names {
                let matches = pattern_of(pattern_name).matches(key_for(key_name).as_bytes());
                assert_eq!(
                    matches,
                    pattern_name == key_name,
                    "{pattern_name} on the key of {key_name}"
                );
            }
        }
    }

    #[test]
    fn a_pattern_finds_a_value_however_the_key_had_to_encode_it() {
        let key = key_of(&["user_", "_posts_", ""], ["a_posts_b", "1"]);
        for literals in [["user_", "*"], ["user_", "_*"], ["user_", "_posts_*"]] {
            let pattern = pattern(&literals, [Part::text("a_posts_b")]).expect("text renders");
            assert!(pattern.matches(key.as_bytes()), "{pattern:?} on {key}");
        }
    }

    /// What a value was before it was encoded, as far as a key can tell.
    #[derive(Debug, PartialEq)]
    enum Decoded {
        Text(String),
        None,
        Hash(String),
    }

    /// Reads the values back, which only works if no two argument lists share a key.
    fn decode(literals: &[&str], key: &str) -> Vec<Decoded> {
        let mut rest = key.strip_prefix(literals[0]).expect("the first literal");
        let mut values = Vec::new();
        for (at, literal) in literals.iter().enumerate().skip(1) {
            let is_last = at == literals.len() - 1;
            let end = match rest.as_bytes() {
                [b'%', b'-', ..] => 2,
                [b'%', b'~', ..] => 2 + 64,
                _ if is_last => rest.len() - literal.len(),
                _ => rest
                    .find(delimiter(literal))
                    .expect("the text that follows"),
            };
            let (value, behind) = rest.split_at(end);
            values.push(
                match value
                    .strip_prefix('%')
                    .and_then(|marked| marked.split_at_checked(1))
                {
                    Some(("-", _)) => Decoded::None,
                    Some(("~", digits)) => Decoded::Hash(digits.to_owned()),
                    _ => Decoded::Text(percent_decode(value)),
                },
            );
            rest = behind.strip_prefix(literal).expect("the text that follows");
        }
        assert_eq!(rest, "");
        values
    }

    fn percent_decode(text: &str) -> String {
        let mut bytes = Vec::new();
        let mut rest = text.bytes();
        while let Some(byte) = rest.next() {
            if byte != b'%' {
                bytes.push(byte);
                continue;
            }
            let mut digit = || match rest.next().expect("a digit") {
                decimal @ b'0'..=b'9' => decimal - b'0',
                hexadecimal @ b'A'..=b'F' => hexadecimal - b'A' + 10,
                letter => letter - b'g',
            };
            bytes.push(digit() << 4 | digit());
        }
        String::from_utf8(bytes).expect("whole characters were encoded")
    }

    use proptest::prelude::*;

    /// Few characters, so that values and literals meet.
    fn value() -> impl Strategy<Value = Option<String>> {
        prop_oneof![
            8 => "[a_:%{}57Bg*é]{0,6}".prop_map(Some),
            1 => Just(None),
            1 => "[ab]{250,260}".prop_map(Some),
        ]
    }

    fn literal() -> impl Strategy<Value = String> {
        "[a_:5B7gé{}*][a_:%5B7gé{}*]{0,3}"
    }

    fn part_of(value: Option<&String>) -> Part {
        value.map_or_else(Part::none, Part::text)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        #[test]
        fn a_key_can_be_read_back(
            literals in (("[a_:%]{0,2}"), literal(), literal(), prop_oneof![Just(String::new()), literal()]),
            values in (value(), value(), value()),
        ) {
            let literals = [literals.0, literals.1, literals.2, literals.3];
            let literals: Vec<&str> = literals.iter().map(String::as_str).collect();
            let values = [values.0, values.1, values.2];
            let key = key(&literals, std::array::from_fn::<_, 3, _>(|at| part_of(values[at].as_ref()))).unwrap();
            let expected: Vec<Decoded> = values.iter().map(|value| match value {
                None => Decoded::None,
                Some(text) if text.len() > LONGEST_VALUE => Decoded::Hash(sha256(text.as_bytes())),
                Some(text) => Decoded::Text(text.clone()),
            }).collect();
            prop_assert_eq!(decode(&literals, &key), expected, "{}", key);
        }

        #[test]
        fn a_pattern_finds_every_key_that_holds_its_value(
            first in "[a_:]{0,2}", follows in literal(), last in prop_oneof![Just(String::new()), literal()],
            one in value(), other in value(),
            cut in 0_usize..4,
        ) {
            let made = key(&[&first, &follows, &last], [part_of(one.as_ref()), part_of(other.as_ref())]).unwrap();
            let known: String = follows.chars().take(cut).collect();
            prop_assume!(!known.starts_with('%'));
            let known = format!("{}*", glob::escape(&known));
            let glob = pattern(&[&first, &known], [part_of(one.as_ref())]).unwrap();
            prop_assert!(glob.matches(made.as_bytes()), "{:?} on {}", glob, made);
        }
    }
}
