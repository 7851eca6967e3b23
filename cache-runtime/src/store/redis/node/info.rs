//! The text of `INFO`, and of whatever looks like it.

/// A field: what stands behind its name and a colon.
pub(in crate::store::redis) fn field<'a>(info: &'a str, name: &str) -> Option<&'a str> {
    info.lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
}
