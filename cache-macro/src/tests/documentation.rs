//! What is written about the arguments.

use super::beside_the_package;
use crate::args::NAMES;

/// The arguments that no line begins with, which is `start` and then the argument.
fn missing(page: &str, start: &str) -> Vec<&'static str> {
    let is_told_of = |name: &&&str| {
        page.lines().any(|line| {
            let rest = line.strip_prefix(start);
            let rest = rest.and_then(|rest| rest.strip_prefix(**name));
            rest.is_some_and(|rest| rest.starts_with([' ', '(', '`']))
        })
    };
    let names = NAMES.iter().filter(|name| !is_told_of(name));
    names.copied().collect()
}

#[test]
fn the_documentation_of_the_attribute_has_every_argument() {
    assert_eq!(missing(include_str!("../lib.rs"), "/// - `"), [""; 0]);
}

#[test]
fn the_guide_has_every_argument() {
    assert_eq!(
        missing(&beside_the_package("docs/arguments.md"), "| `"),
        [""; 0]
    );
}
