//! Where two JSON values differ.

use std::fmt::{self, Display, Write as _};

use serde_json::{Number, Value};

/// No field has a longer name.
const LONGEST_WORD: usize = 64;

/// The first place at which what these are JSON of differs, as below; empty where one of them is none.
pub(crate) fn difference(one: &[u8], other: &[u8]) -> Option<String> {
    if one == other {
        return None;
    }
    let [one, other] = [one, other].map(|json| serde_json::from_slice::<Value>(json).ok());
    match (one, other) {
        (Some(one), Some(other)) => first_difference(&one, &other),
        _ => Some(String::new()),
    }
}

/// The first place at which they differ, such as `.author.rating` or `.ids[3]`; empty where they do as a whole. The
/// order of an object's members is no difference, nor is that of a list's elements (a set has any), nor is how a number is written: what was decoded and encoded may
/// have lost the last digit.
pub(crate) fn first_difference(one: &Value, other: &Value) -> Option<String> {
    let mut path = String::new();
    differ(one, other, &mut path).then_some(path)
}

/// Leaves the path of the difference, if there is one.
fn differ(one: &Value, other: &Value, path: &mut String) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => !is_same_number(one, other),
        (Value::Array(one), Value::Array(other)) => {
            if one.len() != other.len() {
                return true;
            }
            let length = path.len();
            let mut pairs = one.iter().zip(other).enumerate();
            let differs = pairs.any(|(index, (one, other))| {
                within(path, format_args!("[{index}]"), |path| {
                    differ(one, other, path)
                })
            });
            if differs && is_permutation(one, other) {
                path.truncate(length);
                return false;
            }
            differs
        }
        (Value::Object(one), Value::Object(other)) => {
            let in_one = one.iter().any(|(name, value)| {
                within(path, format_args!("{}", Member(name)), |path| {
                    let other = other.get(name);
                    other.is_none_or(|other| differ(value, other, path))
                })
            });
            in_one
                || other.keys().any(|name| {
                    within(path, format_args!("{}", Member(name)), |_| {
                        !one.contains_key(name)
                    })
                })
        }
        _ => one != other,
    }
}

/// A member of an object. What is no word is hardly a field, but the key of a map, and may be anybody's.
struct Member<'n>(&'n str);

impl Display for Member<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(name) = self;
        let is_part = |char: char| char.is_ascii_alphanumeric() || char == '_' || char == '-';
        let is_word = name.len() <= LONGEST_WORD
            && name.starts_with(|char: char| char.is_ascii_alphabetic() || char == '_')
            && name.chars().all(is_part);
        if is_word {
            write!(f, ".{name}")
        } else {
            f.write_str("[…]")
        }
    }
}

/// Whether both have the same elements: a set has another order each time that it is made.
fn is_permutation(one: &[Value], other: &[Value]) -> bool {
    let [one, other] = [one, other].map(|values| {
        let text = |value: &Value| {
            let mut value = value.clone();
            value.sort_all_objects();
            value.to_string()
        };
        let mut texts: Vec<String> = values.iter().map(text).collect();
        texts.sort_unstable();
        texts
    });
    one == other
}

/// Goes one step down, and back unless it was there.
fn within(
    path: &mut String,
    step: std::fmt::Arguments<'_>,
    differs: impl FnOnce(&mut String) -> bool,
) -> bool {
    let length = path.len();
    let _ = path.write_fmt(step);
    let is_here = differs(path);
    if !is_here {
        path.truncate(length);
    }
    is_here
}

fn is_same_number(one: &Number, other: &Number) -> bool {
    if one == other {
        return true;
    }
    let is_float = one.is_f64() || other.is_f64();
    let (Some(one), Some(other)) = (one.as_f64(), other.as_f64()) else {
        return false;
    };
    is_float && (one - other).abs() <= one.abs().max(other.abs()) * (4.0 * f64::EPSILON)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_first_difference_has_a_path() {
        let whole = json!({"a": {"b": [1, {"c": null}]}, "d": 0.1});
        for (other, expected) in [
            (json!({"d": 0.1, "a": {"b": [1, {"c": null}]}}), None),
            (
                json!({"a": {"b": [1, {"c": 2}]}, "d": 0.1}),
                Some(".a.b[1].c"),
            ),
            (json!({"a": {"b": [1, {}]}, "d": 0.1}), Some(".a.b[1].c")),
            (json!({"a": {"b": [1]}, "d": 0.1}), Some(".a.b")),
            (
                json!({"a": {"b": [1, {"c": null}]}, "d": 0.1, "e": 1}),
                Some(".e"),
            ),
            (
                json!({"a": {"b": [1, {"c": null}]}, "d": "0.1"}),
                Some(".d"),
            ),
            (json!([1]), Some("")),
            (json!({"a": {"b": [{"c": null}, 1]}, "d": 0.1}), None),
        ] {
            assert_eq!(
                first_difference(&whole, &other).as_deref(),
                expected,
                "{other}"
            );
        }
    }

    #[test]
    fn a_member_that_is_no_word_is_not_told() {
        let differ = |name: &str| {
            let [one, other] = [1, 2].map(|n| json!({name: {"n": n}}).to_string());
            difference(one.as_bytes(), other.as_bytes())
        };
        for name in ["author", "createdAt", "created-at", "_id", "r2"] {
            assert_eq!(differ(name), Some(format!(".{name}.n")));
        }
        for name in ["john@example.com", "7", "", "a b", "x".repeat(65).as_str()] {
            assert_eq!(differ(name).as_deref(), Some("[…].n"), "{name}");
        }
        assert_eq!(difference(b"{", b"{}").as_deref(), Some(""));
        assert_eq!(difference(b"{}", b"{ }"), None);
    }

    #[test]
    fn a_number_differs_by_its_value_and_not_by_how_it_is_written() {
        let differ = |one: &str, other: &str| {
            let [one, other] = [one, other].map(|text| text.parse().expect("JSON"));
            first_difference(&one, &other).is_some()
        };
        assert!(!differ("1", "1.0"));
        assert!(!differ("0.1", "0.10000000000000002"));
        assert!(differ("0.1", "0.1000001"));
        assert!(differ("18446744073709551615", "18446744073709551614"));
        assert!(differ("1", "-1"));
        assert!(differ("0.0", "1e-300"));
    }
}
