//! What `key!`, `tag!` and `pattern!` say of a mistake.

use std::collections::HashSet;

use syn::parse::Parser as _;

use super::{collect_places, mark, split_errors, tokens};
use crate::by_hand_or_error;
use crate::plan::Made;

/// The mistakes in `input`, each with the input in which the caret's place is marked.
#[track_caller]
fn mistakes(input: &str, made: Made) -> Vec<(String, String)> {
    const KRATE: &str = "[::cache_runtime] ";
    let source = format!("{KRATE}{input}");
    let all = tokens(&source);
    let mut places = HashSet::new();
    collect_places(all.clone(), &mut places);
    let output: syn::Block = syn::parse2(by_hand_or_error(all, made)).expect("a block of errors");
    let errors = output
        .stmts
        .iter()
        .map(quote::ToTokens::to_token_stream)
        .collect();
    let (errors, _) = split_errors.parse2(errors).expect("errors");
    let mistakes = errors.into_iter().map(|error| {
        let caret = error.caret(&places).unwrap_or(0..source.len());
        let marked = mark(&source, &caret);
        (marked.replace(KRATE, ""), error.message)
    });
    mistakes.collect()
}

#[track_caller]
fn refuses(marked: &str, made: Made, message: &str) {
    let input = marked.replace(['«', '»'], "");
    let expected = vec![(marked.to_owned(), message.to_owned())];
    assert_eq!(mistakes(&input, made), expected);
}

#[test]
fn a_template_by_hand_is_checked_as_that_of_the_attribute() {
    let cases = [
        (
            "«\"post:{id\"»",
            "a `{` without its `}`; a literal brace is written `{{`",
        ),
        (
            "«\"post:{a}{b}\"»",
            "`{a}{b}` needs text in between: without it different values make the same key",
        ),
        (
            "«\"post:{id:hex}\"»",
            "unknown format `:hex` in `{id:hex}`; the only one is `:hash`",
        ),
        (
            "«\"{user.token}:me\"»",
            "`user.token` is a secret, and whoever lists the keys would read it: write `{user.token:hash}`",
        ),
        (
            "«\"\"»",
            "this is empty: write some text, a `{placeholder}`, or both",
        ),
    ];
    for (marked, message) in cases {
        for made in [Made::Key, Made::Tag, Made::Pattern] {
            refuses(marked, made, message);
        }
    }
}

#[test]
fn a_pattern_by_hand_takes_no_more_than_it_says() {
    refuses(
        "«\"user_{id}\"»",
        Made::Pattern,
        "`user_{id}*` takes what only begins with the value as well: write the text behind it, such as `user_{id}_*` or `user_{id}:*`",
    );
    refuses(
        "«\"*\"»",
        Made::Pattern,
        "`*` takes every key of the cache: write the text that yours begin with, such as `user_*`",
    );
}

#[test]
fn a_value_that_no_placeholder_names_is_refused() {
    refuses(
        "\"post:{id}\", «user» = 1, id = 2",
        Made::Key,
        "`user` is not in the template: add `{user}` to it, or leave it out",
    );
    refuses(
        "\"post:{id}\", id = 1, «id» = 2",
        Made::Key,
        "`id` is given twice",
    );
}

#[test]
fn what_is_no_template_is_refused() {
    refuses(
        "«id»",
        Made::Key,
        "expected a template, a string literal such as `\"user:{id}\"`",
    );
    refuses(
        "\"post:{id}\", id«:» 1",
        Made::Key,
        "expected what a placeholder stands for: `id = post.id`",
    );
}
