//! What the attribute says of return values.

/// Whether the attribute's predicate holds.
pub fn holds<T>(value: &T, predicate: impl FnOnce(&T) -> bool) -> bool {
    predicate(value)
}

/// Whether a value is not to be stored, and whether an error is a failure.
pub(crate) struct Rules<U, X> {
    /// From `unless = …`.
    pub(crate) unless: U,
    /// From `stale_if_error = {…, errors = …}`; else the error's status tells.
    pub(crate) errors: Option<X>,
}
