//! In debug builds, functions that read one key. Each is served what the other has stored: right where they mean the
//! same, and else a leak that no test of one of them shows.

use super::lazy::function_of;
use crate::cache::{Engine, Reader};
use crate::key::EntryKey;
use crate::log;
use crate::util::told::Told;

/// The pairs of functions of which the log has told.
static TOLD: Told<[String; 2]> = Told::new();

/// Tells the log, once for each two functions, if another one than this uses this key.
pub(super) fn check(engine: &Engine, key: &EntryKey, reader: Reader) {
    let first = engine.readers.or_remember(key, reader);
    if first == reader {
        return;
    }
    let [function, other] = [reader.function, first.function].map(name);
    if function == other && reader.value == first.value {
        // One function, called with parameters of other types.
        return;
    }
    let mut pair = [function.clone(), other.clone()];
    pair.sort();
    let is_news = TOLD.is_news(pair);
    if is_news && function == other {
        log::instances_meet(&function, reader.value, first.value);
    } else if is_news {
        let other_value = (first.value != reader.value).then_some(first.value);
        log::readers_meet(&function, &other, reader.value, other_value);
    }
}

/// `blog::post<&str>::{{closure}}` → `blog::post`. What a function is generic over may differ from call to call; the
/// type around a method stays: `<Posts as Blog>::post`.
fn name(function: &str) -> String {
    let mut name = String::new();
    let mut depth = 0;
    let mut chars = function_of(function).chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '<' if depth > 0 || name.ends_with(|c: char| c.is_alphanumeric() || c == '_') => {
                depth += 1;
            }
            '-' if depth > 0 && chars.peek() == Some(&'>') => {
                chars.next();
            }
            '>' if depth > 0 => depth -= 1,
            c if depth == 0 => name.push(c),
            _ => {}
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_types_that_a_function_is_generic_over_are_no_part_of_its_name() {
        for (function, expected) in [
            ("blog::post::{{closure}}::{{closure}}", "blog::post"),
            (
                "blog::post<&str, fn() -> Vec<u8>>::{{closure}}",
                "blog::post",
            ),
            (
                "blog::Repo<blog::Row<u8>>::all<T>::{{closure}}",
                "blog::Repo::all",
            ),
            (
                "<blog::Posts as blog::Blog>::post::{{closure}}",
                "<blog::Posts as blog::Blog>::post",
            ),
            (
                "<blog::Posts<u8> as blog::Blog<T>>::post",
                "<blog::Posts as blog::Blog>::post",
            ),
        ] {
            assert_eq!(name(function), expected);
        }
    }
}
