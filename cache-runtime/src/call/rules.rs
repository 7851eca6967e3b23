//! What the attribute says of return values.

/// Whether a value is not to be stored, and whether an error is a failure.
pub(crate) struct Rules<U, X> {
    /// From `unless = …`.
    pub(crate) unless: U,
    /// From `stale_if_error = {…, errors = …}`; else the error's status tells.
    pub(crate) errors: Option<X>,
}
