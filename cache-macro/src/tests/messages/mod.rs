//! Every message, and the place in the source that its caret covers.
//!
//! `refuses` takes the source with that place between `«` and `»`. Where nothing is marked, the caret covers
//! the whole attribute.

mod arguments;
mod by_hand;
mod functions;
mod ids;
mod keys;
mod list;
mod reads_and_writes;
mod templates;
mod values;

use std::collections::HashSet;
use std::ops::Range;

use proc_macro2::{TokenStream, TokenTree};
use syn::parse::{ParseStream, Parser as _};

use super::{beside_the_package, tokens};
use crate::cache_or_error;

const READ: &str = "async fn post(post_id: i64) -> Post { body() }";

/// Asserts that there is one message, and that the function is still there for its callers.
#[track_caller]
fn refuses(attribute: &str, function: &str, message: &str) {
    refuses_all(&[(attribute, function, message)]);
}

/// Asserts the messages of several mistakes in one source: the sources given differ in their mark alone.
#[track_caller]
fn refuses_all(mistakes: &[(&str, &str, &str)]) {
    let expected: Vec<_> = mistakes
        .iter()
        .map(|(attribute, function, message)| {
            let source = format!("#[cache({attribute})] {function}");
            let marked = if source.contains('«') {
                source
            } else {
                format!("«#[cache({attribute})]» {function}")
            };
            (marked, (*message).to_owned())
        })
        .collect();
    let output = Output::of(&expected[0].0.replace(['«', '»'], ""));
    assert_eq!(output.mistakes, expected);
    assert!(output.is_usable, "the function is gone");
}

#[track_caller]
fn accepts(attribute: &str, function: &str) {
    let output = Output::of(&format!("#[cache({attribute})] {function}"));
    assert_eq!(output.mistakes, []);
}

struct Output {
    /// The source with the caret's place marked, and the message.
    mistakes: Vec<(String, String)>,
    /// Whether the function is still there.
    is_usable: bool,
}

impl Output {
    /// Input: `#[cache(…)] async fn …`
    #[track_caller]
    fn of(source: &str) -> Self {
        let all = tokens(source);
        let mut places = HashSet::new();
        collect_places(all.clone(), &mut places);
        let mut function = all.into_iter();
        let (Some(_pound), Some(TokenTree::Group(brackets))) = (function.next(), function.next())
        else {
            panic!("no attribute: {source}");
        };
        let Some(TokenTree::Group(arguments)) = brackets.stream().into_iter().nth(1) else {
            panic!("no arguments: {source}");
        };
        let whole_attribute = 0..brackets.span().byte_range().end;
        let output = cache_or_error(arguments.stream(), function.collect());
        let (errors, rest) = split_errors
            .parse2(output)
            .expect("errors, then the function");
        let mistakes = errors.into_iter().map(|error| {
            let caret = error.caret(&places).unwrap_or(whole_attribute.clone());
            (mark(source, &caret), error.message)
        });
        Self {
            mistakes: mistakes.collect(),
            is_usable: !rest.is_empty(),
        }
    }
}

fn mark(source: &str, caret: &Range<usize>) -> String {
    let mut marked = source.to_owned();
    marked.insert(caret.end, '»');
    marked.insert(caret.start, '«');
    marked
}

/// Collects the places of single tokens, and of the brackets around them.
fn collect_places(tokens: TokenStream, places: &mut HashSet<Range<usize>>) {
    for token in tokens {
        places.insert(token.span().byte_range());
        if let TokenTree::Group(group) = token {
            places.insert(group.span_open().byte_range());
            places.insert(group.span_close().byte_range());
            collect_places(group.stream(), places);
        }
    }
}

struct CompileError {
    message: String,
    /// The places of its first token and of its last.
    start: Range<usize>,
    end: Range<usize>,
}

impl CompileError {
    /// The caret covers what lies between the first token and the last. An error without a place has none.
    #[track_caller]
    fn caret(&self, places: &HashSet<Range<usize>>) -> Option<Range<usize>> {
        let Self {
            message,
            start,
            end,
        } = self;
        if start.is_empty() {
            return None;
        }
        // Stable rustc can't join spans. It shows the first token of a span that is joined here.
        assert!(
            places.contains(start) && places.contains(end),
            "{message}: a span of several tokens"
        );
        Some(start.start..end.end)
    }
}

/// Splits the output into calls of `::core::compile_error!` and the function behind them.
fn split_errors(input: ParseStream<'_>) -> syn::Result<(Vec<CompileError>, TokenStream)> {
    let mut errors = Vec::new();
    while input.peek(syn::Token![::]) {
        let start = input.span().byte_range();
        let call: syn::Macro = input.parse()?;
        errors.push(CompileError {
            message: call.parse_body::<syn::LitStr>()?.value(),
            start,
            end: call.delimiter.span().join().byte_range(),
        });
    }
    Ok((errors, input.parse()?))
}

#[test]
fn independent_mistakes_are_reported_together() {
    const TTL: &str = "unknown argument `ttl`; did you mean `expiration`?";
    const EXPIRATION: &str =
        "`expiration` must be whole seconds above zero, text such as `\"5m\"`, or a `Duration`";
    const METHOD: &str = "`method` must be a request method in capitals, such as `\"PUT\"`";
    refuses_all(&[
        (
            r#""post", «ttl» = 60, expiration = 0, method = "put""#,
            READ,
            TTL,
        ),
        (
            r#""post", ttl = 60, expiration = «0», method = "put""#,
            READ,
            EXPIRATION,
        ),
        (
            r#""post", ttl = 60, expiration = 0, method = «"put"»"#,
            READ,
            METHOD,
        ),
    ]);
}

#[test]
fn the_messages_in_the_guide_are_the_ones_that_users_get() {
    let pages = ["docs/keys.md", "docs/writes.md"].map(beside_the_package);
    let lines = pages.iter().flat_map(|page| page.lines());
    let shown: Vec<&str> = lines
        .filter_map(|line| line.strip_prefix("error: "))
        .collect();
    let told = [
        r#"#[cache("posts")] async fn posts(user: Extension<User>) -> Json<Posts> { body() }"#,
        r#"#[cache("post")] async fn update_post(post_id: i64) -> Post { body() }"#,
    ];
    let told = told.iter().flat_map(|source| Output::of(source).mistakes);
    assert_eq!(shown, told.map(|(_, message)| message).collect::<Vec<_>>());
}
