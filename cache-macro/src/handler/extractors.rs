//! The frameworks' extractors: parameters that only a handler has. `docs/frameworks.md` has this list for users.

use syn::Type;

use super::types::{is_integer, strip, type_argument, type_name};

/// Types that nobody gives to data.
const BY_NAME: &[&str] = &[
    "CookieJar",
    "HeaderMap",
    "MatchedPath",
    "NestedPath",
    "OriginalUri",
    "PrivateCookieJar",
    "RawPathParams",
    "RawQuery",
    "SignedCookieJar",
];

/// Types that are extractors with a type argument: `Path<i64>`. Without one, an application may have its own.
const WITH_ARGUMENT: &[&str] = &[
    "ConnectInfo",
    "CookieParam",
    "Data",
    "Extension",
    "HeaderParam",
    "Path",
    "PathParam",
    "Query",
    "QueryParam",
    "ReqData",
    "State",
    "ThinData",
    "TypedHeader",
];

/// What rocket and salvo hand out by reference. A reference to any other extractor is a helper's parameter.
const BY_REFERENCE: &[&str] = &["CookieJar", "Depot", "State"];

/// Wrappers around an extractor: what is not there, or is checked.
const AROUND: &[&str] = &["Option", "Valid"];

/// Whether a framework takes a parameter out of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extraction {
    /// It is one of a framework's extractors.
    Sure,
    /// It may be an extractor of the application's own.
    Possible,
    /// It is a number, a `bool`, a `char` or a reference, of which nobody can make an extractor.
    Never,
}

impl Extraction {
    pub(super) fn of(ty: &Type) -> Self {
        if is_extractor(ty) {
            Self::Sure
        } else if is_primitive(ty) {
            Self::Never
        } else {
            Self::Possible
        }
    }
}

fn is_extractor(ty: &Type) -> bool {
    match ty {
        Type::Paren(ty) => is_extractor(&ty.elem),
        Type::Group(ty) => is_extractor(&ty.elem),
        Type::Reference(_) => is_named(strip(ty), BY_REFERENCE),
        ty => {
            let inner = type_argument(ty);
            is_named(ty, BY_NAME)
                || inner.is_some() && is_named(ty, WITH_ARGUMENT)
                || is_named(ty, AROUND) && inner.is_some_and(is_extractor)
        }
    }
}

fn is_primitive(ty: &Type) -> bool {
    match ty {
        Type::Paren(ty) => is_primitive(&ty.elem),
        Type::Group(ty) => is_primitive(&ty.elem),
        Type::Reference(_) => true,
        ty => is_integer(ty) || is_named(ty, &["bool", "char", "f32", "f64"]),
    }
}

fn is_named(ty: &Type, names: &[&str]) -> bool {
    type_name(ty).is_some_and(|name| names.contains(&name.as_str()))
}
