//! What the attribute makes of a function, and what it says of a mistake.

mod documentation;
mod goldens;
mod handlers;
mod map;
mod messages;

use std::fs;
use std::path::Path;

use proc_macro2::TokenStream;

/// A document of the repository, which is not packaged.
fn beside_the_package(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    fs::read_to_string(path).expect("in the repository")
}

fn tokens(text: &str) -> TokenStream {
    text.parse().expect("a test's tokens are tokens")
}

#[test]
fn nothing_but_expand_quotes() {
    fn quoting(folder: &Path, files: &mut Vec<String>) {
        for entry in fs::read_dir(folder).expect("a folder of this crate") {
            let path = entry.expect("an entry of it").path();
            if path.ends_with("src/expand") || path.ends_with("src/tests") {
                continue;
            }
            if path.is_dir() {
                quoting(&path, files);
            } else if ["quote!", "quote_spanned!"]
                .iter()
                .any(|quote| fs::read_to_string(&path).expect("a source").contains(quote))
            {
                files.push(path.display().to_string());
            }
        }
    }

    let mut files = Vec::new();
    quoting(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
        &mut files,
    );
    assert_eq!(files, [""; 0]);
}
