//! The page itself, and what a browser may do for it.

use std::sync::LazyLock;

use sha2::{Digest as _, Sha256};

use crate::util::base64;

/// All of it: it asks for nothing but what its own path answers.
pub(super) const PAGE: &str = include_str!("page.html");

static POLICY: LazyLock<String> = LazyLock::new(|| {
    let [script, style] = ["script", "style"].map(|element| {
        let digest = Sha256::digest(inside_of(element));
        format!("'sha256-{}'", base64::encode(&digest))
    });
    format!(
        "default-src 'none'; script-src {script}; style-src {style}; connect-src 'self'; img-src data:; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
         require-trusted-types-for 'script'; trusted-types 'none'"
    )
});

/// The page's own script and style run, and nothing else; its script can't turn text into markup.
pub(super) fn policy() -> &'static str {
    &POLICY
}

/// What stands in the page's only element of this name.
fn inside_of(element: &str) -> &'static str {
    let start = format!("<{element}>");
    let inside = PAGE.split_once(&*start).map_or("", |(_, rest)| rest);
    let end = format!("</{element}>");
    inside.split_once(&*end).map_or("", |(inside, _)| inside)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_small_and_names_no_other_place() {
        assert!(PAGE.len() < 40_000, "{} bytes", PAGE.len());
        for element in ["script", "style"] {
            assert_eq!(PAGE.matches(&*format!("<{element}")).count(), 1);
            assert!(inside_of(element).len() > 100);
        }
        let outside = PAGE.replace("http://www.w3.org/2000/svg", "");
        for foreign in [
            "http:",
            "https:",
            "//cdn",
            "@import",
            "url(",
            " src=",
            "innerHTML",
            " on",
            "style=",
        ] {
            let lines = outside.lines().filter(|line| line.contains(foreign));
            let in_markup = |line: &&str| foreign != " on" || line.contains(" onclick=");
            let found: Vec<&str> = lines.filter(in_markup).collect();
            assert_eq!(found, [""; 0], "{foreign}");
        }
    }
}
