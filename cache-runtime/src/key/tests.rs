//! No two argument lists share a key, and a pattern finds exactly the keys of its value.

use super::encode::delimiter;
use super::part::{KeyPart, MAX_VALUE_LEN, sha256};
use super::pattern::render as pattern;
use super::{glob, render as key};

fn key_of<const N: usize>(literals: &[&str], values: [&str; N]) -> String {
    key(literals, values.map(KeyPart::text)).expect("text renders")
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
        |name: &str| pattern(&["", "_posts:*"], [KeyPart::text(name)]).expect("text renders");
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
        let pattern = pattern(&literals, [KeyPart::text("a_posts_b")]).expect("text renders");
        assert!(pattern.matches(key.as_bytes()), "{pattern:?} on {key}");
    }
}

#[test]
fn values_that_can_be_encoded_in_many_ways_cost_no_more_than_a_pattern_may() {
    const VALUES: usize = 12;
    let value: String = ('!'..='z').collect();
    let values = || std::array::from_fn::<_, VALUES, _>(|_| KeyPart::text(&value));
    let literals = ["*"; VALUES + 1];
    let pattern = pattern(&literals, values()).expect("text renders");
    assert_eq!(pattern.globs().len(), 1, "{:?}", pattern.scan);
    let key = key(&["_"; VALUES + 1], values()).expect("text renders");
    assert!(pattern.matches(key.as_bytes()), "{pattern:?} on {key}");
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

fn part_of(value: Option<&String>) -> KeyPart {
    value.map_or_else(KeyPart::none, KeyPart::text)
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
            Some(text) if text.len() > MAX_VALUE_LEN => Decoded::Hash(sha256(text.as_bytes())),
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
