//! Links of the pages lead somewhere: to a file of this repository that exists, and to a heading that it has.

use std::fs;
use std::path::{Path, PathBuf};

/// The registry and docs.rs show these too, where a link that is relative to this repository leads nowhere.
const PAGES_OF_PACKAGES: [&str; 2] = ["README.md", "cache-macro/README.md"];

const FURTHER_PAGES: [&str; 3] = ["ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md"];

const FILES: &str = "https://github.com/cache-runtime/cache-runtime/blob/main/";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// `[text](target)` and `[text]: target`.
fn targets(page: &str) -> Vec<&str> {
    let inline = page.split("](").skip(1);
    let inline = inline.filter_map(|rest| rest.split(')').next());
    let definitions = page.lines().filter_map(|line| {
        let (text, target) = line.strip_prefix('[')?.split_once("]: ")?;
        (!text.contains(']')).then_some(target)
    });
    inline.chain(definitions).collect()
}

/// `## When Redis fails` is `#when-redis-fails`.
fn has_heading(page: &str, anchor: &str) -> bool {
    page.lines()
        .filter(|line| line.starts_with('#'))
        .any(|line| {
            let text = line.trim_start_matches('#').trim().to_lowercase();
            let text = text.replace(|c: char| !c.is_alphanumeric() && !" -_".contains(c), "");
            text.replace(' ', "-") == anchor
        })
}

/// What is wrong with a link of the page at `path`.
fn fault(path: &Path, target: &str) -> Option<&'static str> {
    let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
    let file = match file.strip_prefix(FILES) {
        Some(file) => root().join(file),
        None if file.contains("://") => return None,
        None if file.is_empty() => path.to_owned(),
        None => path.with_file_name(file),
    };
    if !file.exists() {
        return Some("no such file");
    }
    (!anchor.is_empty() && !has_heading(&read(&file), anchor)).then_some("no such heading")
}

#[test]
fn every_link_leads_somewhere() {
    let documents = fs::read_dir(root().join("docs")).expect("a folder of documents");
    let documents = documents.map(|entry| entry.expect("an entry of it").path());
    let documents = documents.filter(|path| path.extension().is_some_and(|kind| kind == "md"));
    let pages = PAGES_OF_PACKAGES.iter().chain(&FURTHER_PAGES);
    let mut dead = Vec::new();
    let mut links = 0;
    for path in documents.chain(pages.map(|page| root().join(page))) {
        for target in targets(&read(&path)) {
            links += 1;
            if let Some(fault) = fault(&path, target) {
                dead.push(format!("{}: {target}: {fault}", path.display()));
            }
        }
    }
    assert_eq!(dead, [""; 0]);
    assert!(links > 10, "{links} links are fewer than the pages have");
}

#[test]
fn what_the_registry_shows_has_no_relative_link_and_no_hidden_line() {
    for page in PAGES_OF_PACKAGES {
        let text = read(&root().join(page));
        for target in targets(&text) {
            assert!(
                target.starts_with("https://") || target.starts_with('#'),
                "{page}: {target}"
            );
        }
        let mut in_rust = false;
        for line in text.lines() {
            if let Some(language) = line.strip_prefix("```") {
                in_rust = language.starts_with("rust");
            }
            let hidden = in_rust && (line == "#" || line.starts_with("# "));
            assert!(!hidden, "{page}: {line}");
        }
    }
}
