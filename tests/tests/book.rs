//! The guide: each of its pages is in the book, and each of their examples is compiled.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

const SUMMARY: &str = "SUMMARY.md";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The names of the pages that there are.
fn pages() -> BTreeSet<String> {
    let entries = fs::read_dir(folder()).expect("a folder of documents");
    let names = entries.map(|entry| entry.expect("an entry of it").file_name());
    names
        .filter_map(|name| name.into_string().ok())
        .filter(|name| Path::new(name).extension() == Some("md".as_ref()) && name != SUMMARY)
        .collect()
}

/// What stands between `before` and `after`, wherever it does.
fn between<'t>(text: &'t str, before: &str, after: &str) -> Vec<&'t str> {
    let rests = text.split(before).skip(1);
    rests
        .filter_map(|rest| Some(rest.split_once(after)?.0))
        .collect()
}

/// These names, none of which may be there twice.
fn once(names: &[&str]) -> BTreeSet<String> {
    let distinct: BTreeSet<String> = names.iter().map(ToString::to_string).collect();
    assert_eq!(distinct.len(), names.len(), "{names:?}");
    distinct
}

#[test]
fn the_book_has_each_page_once_and_no_other() {
    let summary = read(&folder().join(SUMMARY));
    assert_eq!(once(&between(&summary, "](", ")")), pages());
}

#[test]
fn the_examples_of_each_page_are_compiled() {
    let library = include_str!("../../cache-runtime/src/lib.rs");
    let compiled = once(&between(library, "include_str!(\"../../docs/", "\")"));
    assert_eq!(compiled, pages());
    for page in pages() {
        let text = read(&folder().join(&page));
        let fences = text.lines().filter_map(|line| line.strip_prefix("```"));
        for language in fences {
            assert!(!language.contains("ignore"), "{page}: {language}");
        }
    }
}

#[test]
fn no_page_links_to_a_file_that_the_book_lacks() {
    for page in pages() {
        let text = read(&folder().join(&page));
        let outside: Vec<_> = between(&text, "](", ")")
            .into_iter()
            .filter(|target| target.starts_with("../"))
            .collect();
        assert_eq!(outside, [""; 0], "{page}");
    }
}

#[test]
fn each_diagram_is_drawn_of_its_text() {
    let entries = fs::read_dir(folder()).expect("a folder of documents");
    let texts = entries.map(|entry| entry.expect("an entry of it").path());
    let texts: Vec<_> = texts
        .filter(|path| path.extension().is_some_and(|end| end == "dot"))
        .collect();
    assert!(!texts.is_empty());
    for path in texts {
        let text = read(&path);
        let labels = between(&text, "label=\"", "\"");
        let mut labels: Vec<_> = labels.iter().flat_map(|label| label.split("\\n")).collect();
        let drawing = read(&path.with_extension("svg")).replace("&#160;", " ");
        let drawn = between(&drawing, "<text", "</text>").into_iter();
        let drawn = drawn.filter_map(|element| Some(element.split_once('>')?.1));
        let mut drawn: Vec<_> = drawn.collect();
        for words in [&mut labels, &mut drawn] {
            for word in words.iter_mut() {
                *word = word.trim();
            }
            words.sort_unstable();
        }
        assert_eq!(drawn, labels, "{}", path.display());
    }
}
