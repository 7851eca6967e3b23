//! Answers questions about types from their tokens alone.

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens as _;
use syn::{GenericArgument, PathArguments, Type, TypeReference};

/// `&web::Path<i64>` → `i64`: the only type argument of the last segment.
pub(crate) fn type_argument(ty: &Type) -> Option<&Type> {
    let Type::Path(path) = strip(ty) else {
        return None;
    };
    let PathArguments::AngleBracketed(arguments) = &path.path.segments.last()?.arguments else {
        return None;
    };
    let mut types = arguments.args.iter().filter_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    });
    types.next().filter(|_| types.next().is_none())
}

/// The last segment of a type's path, references taken off: `&'a web::Path<i64>` → `Path`.
pub(crate) fn type_name(ty: &Type) -> Option<String> {
    match strip(ty) {
        Type::Path(path) => Some(path.path.segments.last()?.ident.to_string()),
        _ => None,
    }
}

/// `&'a (T)` → `T`
pub(crate) fn strip(ty: &Type) -> &Type {
    match ty {
        Type::Reference(ty) => strip(&ty.elem),
        Type::Paren(ty) => strip(&ty.elem),
        Type::Group(ty) => strip(&ty.elem),
        other => other,
    }
}

pub(crate) fn is_integer(ty: &Type) -> bool {
    const INTEGERS: [&str; 12] = [
        "i8", "i16", "i32", "i64", "i128", "isize", "u8", "u16", "u32", "u64", "u128", "usize",
    ];
    type_name(ty)
        .is_some_and(|name| INTEGERS.contains(&name.as_str()) || name.starts_with("NonZero"))
}

pub(crate) fn is_text(ty: &Type) -> bool {
    match type_name(ty).as_deref() {
        Some("String" | "str") => true,
        Some("Cow" | "Box" | "Arc" | "Rc") => type_argument(ty).is_some_and(is_text),
        _ => false,
    }
}

/// The reference that a function of this return type hands out: `Result<Json<&str>, E>` → `&str`. That of an error is
/// none.
pub(crate) fn lent(ty: &Type) -> Option<&TypeReference> {
    match ty {
        Type::Reference(reference) => Some(reference),
        Type::Paren(ty) => lent(&ty.elem),
        Type::Group(ty) => lent(&ty.elem),
        Type::Array(ty) => lent(&ty.elem),
        Type::Tuple(tuple) => tuple.elems.iter().find_map(lent),
        Type::Path(path) => {
            let last = path.path.segments.last()?;
            let PathArguments::AngleBracketed(arguments) = &last.arguments else {
                return None;
            };
            let wrappers = [
                "Arc", "Box", "Cached", "Json", "Option", "Rc", "Result", "Vec",
            ];
            let Some(GenericArgument::Type(value)) = arguments.args.first() else {
                return None;
            };
            let is_wrapper = wrappers.iter().any(|name| last.ident == name);
            is_wrapper.then(|| lent(value)).flatten()
        }
        _ => None,
    }
}

/// Data that can be nothing but an input.
pub(crate) fn is_plain(ty: &Type) -> bool {
    match strip(ty) {
        Type::Slice(ty) => is_plain(&ty.elem),
        Type::Array(ty) => is_plain(&ty.elem),
        Type::Tuple(ty) => !ty.elems.is_empty() && ty.elems.iter().all(is_plain),
        ty if is_integer(ty) || is_text(ty) => true,
        ty => match type_name(ty).as_deref() {
            Some("f32" | "f64" | "bool" | "char" | "Uuid") => true,
            Some("Option" | "Vec" | "Box" | "Arc" | "Rc" | "Cow") => {
                type_argument(ty).is_some_and(is_plain)
            }
            _ => false,
        },
    }
}

/// A collection, which has no `Display` and so can stand in a key only by its hash.
pub(crate) fn has_no_display(ty: &Type) -> bool {
    match strip(ty) {
        Type::Slice(_) | Type::Array(_) | Type::Tuple(_) => true,
        ty => match type_name(ty).as_deref() {
            Some("Vec" | "VecDeque" | "HashMap" | "HashSet" | "BTreeMap" | "BTreeSet") => true,
            Some("Option" | "Box" | "Arc" | "Rc") => type_argument(ty).is_some_and(has_no_display),
            _ => false,
        },
    }
}

/// All names within a type: `TypedHeader<Authorization<Bearer>>` has three.
pub(crate) fn names_in(ty: &Type) -> Vec<String> {
    fn collect(tokens: TokenStream, names: &mut Vec<String>) {
        for token in tokens {
            match token {
                TokenTree::Ident(ident) => names.push(ident.to_string()),
                TokenTree::Group(group) => collect(group.stream(), names),
                _ => {}
            }
        }
    }
    let mut names = Vec::new();
    collect(ty.to_token_stream(), &mut names);
    names
}

/// Two types that are written alike but for paths and references: `uuid::Uuid` and `&Uuid`.
pub(crate) fn same_type(left: &Type, right: &Type) -> bool {
    (is_text(left) && is_text(right))
        || (type_name(left).is_some() && type_name(left) == type_name(right))
        || left.to_token_stream().to_string() == right.to_token_stream().to_string()
}

/// Whether a type has a reference or a lifetime in it, other than `'static`.
pub(super) fn borrows(ty: TokenStream) -> bool {
    let is = |token: &TokenTree, wanted| matches!(token, TokenTree::Punct(punct) if punct.as_char() == wanted);
    let mut tokens = ty.into_iter().peekable();
    while let Some(token) = tokens.next() {
        let next = tokens.peek();
        let borrows = match &token {
            TokenTree::Group(group) => borrows(group.stream()),
            token if is(token, '&') => !next.is_some_and(|next| is(next, '\'')),
            token if is(token, '\'') => next.is_none_or(|next| next.to_string() != "static"),
            _ => false,
        };
        if borrows {
            return true;
        }
    }
    false
}
