//! Lists of bytes, which JSON makes 3.6 times as large.

use super::lazy::function_of;
use crate::log;
use crate::util::told::Told;

/// The log tells of a list of so many bytes.
const MANY: usize = 1_000_000;

/// The functions of which the log has told.
static TOLD: Told<&str> = Told::new();

/// Tells the log, once for each function, if there is a list of many bytes in what it is to store. `function` is the
/// type of its future.
pub(super) fn check(function: &'static str, json: &[u8]) {
    let Some(bytes) = longest(json, MANY) else {
        return;
    };
    if TOLD.is_news(function) {
        log::bytes_as_json(function_of(function), bytes);
    }
}

/// The length of the longest list of at least so many bytes.
fn longest(json: &[u8], many: usize) -> Option<usize> {
    // Each has a digit, and all but the last a comma.
    let is_long = |list: &&[u8]| list.len() >= 2 * many - 1;
    if !is_long(&json) {
        return None;
    }
    let lists = json.split(|&byte| matches!(byte, b'[' | b']'));
    let lengths = lists.filter(is_long).filter_map(byte_count);
    lengths.filter(|&length| length >= many).max()
}

/// How many there are, if all are bytes.
fn byte_count(list: &[u8]) -> Option<usize> {
    let mut numbers = list.split(|&byte| byte == b',');
    numbers.try_fold(0, |count, number| is_byte(number).then_some(count + 1))
}

fn is_byte(number: &[u8]) -> bool {
    str::from_utf8(number).is_ok_and(|number| number.parse::<u8>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_bytes_is_found_wherever_it_stands() {
        for (json, expected) in [
            ("[1,2,255]", Some(3)),
            (r#"{"a":[0,0],"b":{"c":[1,2,3,4],"d":5}}"#, Some(4)),
            ("[[1,2],[3,4,5]]", Some(3)),
            ("[1,2]", None),
            ("[1,256,3,4]", None),
            ("[1,-2,3,4]", None),
            ("[1.5,2,3]", None),
            (r#"["1","2","3"]"#, None),
            (r#"{"a":1,"b":2,"c":3}"#, None),
            ("[[],[],[]]", None),
            ("1234567", None),
            ("", None),
        ] {
            assert_eq!(longest(json.as_bytes(), 3), expected, "{json}");
        }
    }
}
