//! What a function's parameters tell: the request's method, and values for keys.

use std::fmt::Display;

use serde::Serialize;

use crate::key::Part;

/// A parameter that knows the method of the request.
///
/// A function with such a parameter reads on `GET` and `HEAD`, passes through on `OPTIONS` and `TRACE`,
/// and invalidates on every other method. `http::Method`, `http::Request`, `http::request::Parts` and
/// actix's `HttpRequest` implement it; implement it for a request type of your own:
///
/// ```
/// use cache_runtime::RequestMethod;
///
/// struct Call {
///     verb: String,
/// }
///
/// impl RequestMethod for Call {
///     fn request_method(&self) -> &str {
///         &self.verb
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not know the request's method",
    label = "taken for a request because of its name",
    note = "say what the function does with `method = \"GET\"` or `method = \"PUT\"`, or put this parameter into the key",
    note = "the types of axum and actix-web need the feature `axum` or `actix` of `cache-runtime`"
)]
pub trait RequestMethod {
    /// The method as the request has it, in capitals: `GET`.
    fn request_method(&self) -> &str;
}

impl<T: RequestMethod + ?Sized> RequestMethod for &T {
    fn request_method(&self) -> &str {
        (**self).request_method()
    }
}

/// What a call does to the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// It may be answered from the cache.
    Read,
    /// It has nothing to do with the cache.
    Pass,
    /// It runs, and then invalidates.
    Write,
}

impl Access {
    /// What a request with this method does (RFC 9110, section 9.2.1).
    pub(crate) fn of(method: &str) -> Self {
        match method {
            "GET" | "HEAD" => Self::Read,
            "OPTIONS" | "TRACE" => Self::Pass,
            _ => Self::Write,
        }
    }
}

/// What the method of this request does.
pub fn access_of(request: &impl RequestMethod) -> Option<Access> {
    Some(Access::of(request.request_method()))
}

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

impl<T: AsPart> Value<'_, T> {
    /// The value in a key.
    pub fn part(self) -> Part {
        self.0.as_part()
    }
}

/// What stands in a key without, or in spite of, a `Display`. One trait for all of them: with an inherent
/// method for each, a misspelt field would get a second message, of ambiguity.
pub trait AsPart {
    /// The value in a key.
    fn as_part(&self) -> Part;
}

impl<T: Display> AsPart for Option<T> {
    fn as_part(&self) -> Part {
        self.as_ref().map_or_else(Part::none, Part::text)
    }
}

impl<T: AsPart> AsPart for &T {
    fn as_part(&self) -> Part {
        (**self).as_part()
    }
}

/// Whatever has a `Display`.
pub trait DisplayPart {
    /// The value in a key.
    fn part(self) -> Part;
}

impl<T: Display + ?Sized> DisplayPart for Value<'_, T> {
    fn part(self) -> Part {
        Part::text(self.0)
    }
}

/// Never implemented: its message is the one that a value without `Display` gets.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be written into a key: it has no `Display`",
    label = "a placeholder in this template",
    note = "name a field that has one (`{{page.number}}`, `{{id.0}}`), or take the whole by its JSON (`{{page:hash}}`)"
)]
pub trait KeyPart {}

/// The fallback, which explains what is wrong.
pub trait NoPart<T: ?Sized> {
    /// Not to be had.
    fn part(self) -> Part
    where
        T: KeyPart;
}

impl<T: ?Sized> NoPart<T> for &Value<'_, T> {
    fn part(self) -> Part
    where
        T: KeyPart,
    {
        Part::none()
    }
}

/// Whatever has a JSON.
pub trait HashPart {
    /// The hash of its JSON.
    fn hash(self) -> Part;
}

impl<T: Serialize> HashPart for Value<'_, T> {
    fn hash(self) -> Part {
        Part::hash(self.0)
    }
}

/// Never implemented: its message is the one that a value without JSON gets.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be hashed into a key: it has no JSON",
    label = "a placeholder in this template",
    note = "derive `serde::Serialize` for it, or name a field that has it"
)]
pub trait KeyHash {}

/// The fallback, which explains what is wrong.
pub trait NoHash<T: ?Sized> {
    /// Not to be had.
    fn hash(self) -> Part
    where
        T: KeyHash;
}

impl<T: ?Sized> NoHash<T> for &Value<'_, T> {
    fn hash(self) -> Part
    where
        T: KeyHash,
    {
        Part::none()
    }
}
