//! Percent-encoding: how a value is written so that the text behind it can't be mistaken for it.

/// Up to its first colon, which no value in front of it contains: what ends a value.
pub(super) fn delimiter(literal: &str) -> &str {
    literal
        .find(':')
        .map_or(literal, |colon| &literal[..=colon])
}

pub(super) fn push_encoded(key: &mut String, value: &str, literal: &str) {
    let first = literal.bytes().next();
    let is_plain = |byte| !matches!(byte, b'%' | b'{' | b'}' | b':') && Some(byte) != first;
    if value.bytes().all(is_plain) {
        // Nothing of what follows could be found in it.
        key.push_str(value);
        return;
    }
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
pub(super) enum Digits {
    Hexadecimal,
    Letters,
}

impl Digits {
    /// Digits among which this character is not.
    pub(super) fn without(c: char) -> Self {
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

pub(super) fn push_percent_encoded(key: &mut String, value: &str, also: &[char], digits: Digits) {
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
