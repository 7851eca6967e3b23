//! What a parameter of a cached function contributes: its value in a key, or the method of the request.

use std::fmt::Display;

use serde::Serialize;

use super::part::KeyPart;
use crate::method::{Access, RequestMethod, access_of};

/// A parameter, or a field of one, whose type decides what can be done with it: by what method resolution
/// finds first, an inherent method, a trait's method on the value, or a trait's on the reference.
#[derive(Debug)]
pub struct Value<'v, T: ?Sized>(pub &'v T);

impl<T: RequestMethod> Value<'_, T> {
    /// What the method of this request does.
    pub fn access(&self) -> Option<Access> {
        access_of(self.0)
    }
}

/// The fallback: a parameter that knows no method.
pub trait NoAccess {
    /// Nothing.
    fn access(&self) -> Option<Access> {
        None
    }
}

impl<T: ?Sized> NoAccess for Value<'_, T> {}

impl<T: Clone> Value<'_, T> {
    /// A clone, for what runs when the body has taken the parameter.
    pub fn cloned(self) -> T {
        self.0.clone()
    }
}

/// Never implemented: its message is the one that a parameter without `Clone` gets.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be used here: this runs when the function's body has taken the parameter, and there is no `Clone`",
    label = "a parameter that would have to be cloned",
    note = "derive `Clone` for it, or take it as a shared reference or an `Arc`"
)]
pub trait Cloned {
    /// A clone.
    #[must_use]
    fn cloned(&self) -> Self;
}

/// The fallback, which explains what is wrong.
pub trait NoClone<T> {
    /// Not to be had.
    fn cloned(self) -> T
    where
        T: Cloned;
}

impl<T> NoClone<T> for &Value<'_, T> {
    fn cloned(self) -> T
    where
        T: Cloned,
    {
        self.0.cloned()
    }
}

impl<T: AsPart> Value<'_, T> {
    /// The value in a key.
    pub fn part(self) -> KeyPart {
        self.0.as_part()
    }
}

/// What stands in a key without, or in spite of, a `Display`. One trait for all of them: with an inherent
/// method for each, a misspelt field would get a second message, of ambiguity.
pub trait AsPart {
    /// The value in a key.
    fn as_part(&self) -> KeyPart;
}

impl<T: Display> AsPart for Option<T> {
    fn as_part(&self) -> KeyPart {
        self.as_ref().map_or_else(KeyPart::none, KeyPart::text)
    }
}

impl<T: AsPart> AsPart for &T {
    fn as_part(&self) -> KeyPart {
        (**self).as_part()
    }
}

/// Whatever has a `Display`.
pub trait DisplayPart {
    /// The value in a key.
    fn part(self) -> KeyPart;
}

impl<T: Display + ?Sized> DisplayPart for Value<'_, T> {
    fn part(self) -> KeyPart {
        KeyPart::text(self.0)
    }
}

/// Never implemented: its message is the one that a value without `Display` gets.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be written into a key: it has no `Display`",
    label = "a placeholder in this template",
    note = "name a field that has one (`{{page.number}}`, `{{id.0}}`), take the whole by its JSON (`{{page:hash}}`), or implement `Display`"
)]
pub trait InKey {}

/// The fallback, which explains what is wrong.
pub trait NoPart<T: ?Sized> {
    /// Not to be had.
    fn part(self) -> KeyPart
    where
        T: InKey;
}

impl<T: ?Sized> NoPart<T> for &Value<'_, T> {
    fn part(self) -> KeyPart
    where
        T: InKey,
    {
        KeyPart::none()
    }
}

/// Whatever has a JSON.
pub trait HashPart {
    /// The hash of all that its `Serialize` tells.
    fn hash(self) -> KeyPart;
}

impl<T: Serialize> HashPart for Value<'_, T> {
    fn hash(self) -> KeyPart {
        KeyPart::hash(self.0)
    }
}

/// Never implemented: its message is the one that a value without JSON gets.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be hashed into a key: it has no JSON",
    label = "a placeholder in this template",
    note = "derive `serde::Serialize` for it, or name a field that has it; of an extractor, take what is in it, as `Query(filter): Query<Filter>`"
)]
pub trait HashedInKey {}

/// The fallback, which explains what is wrong.
pub trait NoHash<T: ?Sized> {
    /// Not to be had.
    fn hash(self) -> KeyPart
    where
        T: HashedInKey;
}

impl<T: ?Sized> NoHash<T> for &Value<'_, T> {
    fn hash(self) -> KeyPart
    where
        T: HashedInKey,
    {
        KeyPart::none()
    }
}
