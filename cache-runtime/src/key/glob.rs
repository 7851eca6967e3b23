//! Glob patterns, as Redis understands them in `SCAN MATCH` and `KEYS`.

use std::borrow::Cow;

/// The pattern that matches this text and nothing else.
pub(crate) fn escape(text: &str) -> Cow<'_, str> {
    const SPECIAL: [char; 6] = ['*', '?', '[', ']', '\\', '^'];
    if !text.contains(SPECIAL) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 4);
    for c in text.chars() {
        if SPECIAL.contains(&c) {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    Cow::Owned(escaped)
}

/// The text that everything begins with that matches this pattern.
pub(crate) fn prefix(pattern: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    let mut bytes = pattern.iter().copied();
    while let Some(byte) = bytes.next() {
        match byte {
            b'*' | b'?' | b'[' => break,
            b'\\' => match bytes.next() {
                Some(escaped) => text.push(escaped),
                // A server takes it as it is, but what it then matches does not matter here.
                None => break,
            },
            literal => text.push(literal),
        }
    }
    text
}

/// The text in front of its first wildcard, as far as nothing is escaped.
pub(super) fn known_text(pattern: &str) -> &str {
    pattern
        .split(['*', '?', '[', '\\'])
        .next()
        .unwrap_or_default()
}

/// Whether its first element goes on behind its end: a class that is not closed, or a `\` with nothing behind it.
pub(super) fn is_open(pattern: &[u8]) -> bool {
    let mut rest = match pattern {
        [b'\\'] => return true,
        [b'[', b'^', rest @ ..] | [b'[', rest @ ..] => rest,
        _ => return false,
    };
    loop {
        rest = match rest {
            [] => return true,
            [b']', ..] => return false,
            [b'\\', _, rest @ ..] | [_, b'-', _, rest @ ..] | [_, rest @ ..] => rest,
        };
    }
}

/// Whether a key matches: byte for byte what the server would say.
///
/// Going back to the last star is enough, so the time is at most the product of the two lengths.
pub(crate) fn matches(pattern: &[u8], text: &[u8]) -> bool {
    if text.is_empty() {
        // A quirk of the server's: of all patterns that could, these alone match the empty key.
        return matches!(pattern, b"" | b"*");
    }
    let (mut pattern_at, mut text_at) = (0, 0);
    let mut last_star = None;
    while text_at < text.len() {
        let rest = &pattern[pattern_at..];
        if rest.first() == Some(&b'*') {
            pattern_at += 1;
            last_star = Some((pattern_at, text_at));
            continue;
        }
        if let Some(length) = one(rest, text[text_at]) {
            pattern_at += length;
            text_at += 1;
            continue;
        }
        let Some((behind_star, from)) = last_star else {
            return false;
        };
        (pattern_at, text_at) = (behind_star, from + 1);
        last_star = Some((behind_star, text_at));
    }
    pattern[pattern_at..].iter().all(|&byte| byte == b'*')
}

/// The length of the pattern's first element, if it matches this byte.
pub(super) fn one(pattern: &[u8], byte: u8) -> Option<usize> {
    match pattern {
        [] => None,
        [b'?', ..] => Some(1),
        [b'[', rest @ ..] => class(rest, byte).map(|length| length + 1),
        [b'\\', escaped, ..] => (*escaped == byte).then_some(2),
        [literal, ..] => (*literal == byte).then_some(1),
    }
}

/// `a-z]`, `^0-9]`, `\]]`: what follows a `[`. A class that is not closed ends with the pattern.
fn class(pattern: &[u8], byte: u8) -> Option<usize> {
    let negated = pattern.first() == Some(&b'^');
    let mut at = usize::from(negated);
    let mut found = false;
    loop {
        match &pattern[at..] {
            [b'\\', escaped, ..] => {
                found |= *escaped == byte;
                at += 2;
            }
            [] => return (found != negated).then_some(at),
            [b']', ..] => return (found != negated).then_some(at + 1),
            [from, b'-', to, ..] => {
                found |= (*from.min(to)..=*from.max(to)).contains(&byte);
                at += 3;
            }
            [literal, ..] => {
                found |= *literal == byte;
                at += 1;
            }
        }
    }
}
