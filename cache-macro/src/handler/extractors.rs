//! The frameworks' extractors: parameters that only a handler has. `docs/frameworks.md` has this list for users.

use syn::Type;

use super::types::{strip, type_argument, type_name};

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

pub(super) fn is_extractor(ty: &Type) -> bool {
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

fn is_named(ty: &Type, names: &[&str]) -> bool {
    type_name(ty).is_some_and(|name| names.contains(&name.as_str()))
}
