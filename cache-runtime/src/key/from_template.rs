//! What a template has made, and in debug builds which template it was.

/// The text of a template around its placeholders.
pub(crate) type Literals = &'static [&'static str];

/// A key, a tag or a pattern, rendered.
#[derive(Debug)]
pub struct FromTemplate<T> {
    made: T,
    #[cfg(debug_assertions)]
    literals: Literals,
}

impl<T> FromTemplate<T> {
    #[cfg_attr(
        not(debug_assertions),
        expect(unused_variables, reason = "for debug builds")
    )]
    pub(super) fn new(made: T, literals: Literals) -> Self {
        Self {
            made,
            #[cfg(debug_assertions)]
            literals,
        }
    }

    /// By hand: of no template that is known.
    pub(crate) fn by_hand(made: T) -> Self {
        Self::new(made, &[])
    }

    pub(crate) fn made(&self) -> &T {
        &self.made
    }

    pub(crate) fn into_made(self) -> T {
        self.made
    }

    #[cfg(debug_assertions)]
    pub(crate) fn literals(&self) -> Literals {
        self.literals
    }

    /// Nothing: only debug builds remember it.
    #[cfg(not(debug_assertions))]
    pub(crate) fn literals(&self) -> Literals {
        &[]
    }
}
