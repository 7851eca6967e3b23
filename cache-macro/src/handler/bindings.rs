//! The names that a parameter's pattern binds.

use proc_macro2::Ident;
use syn::ext::IdentExt as _;
use syn::{Pat, PatIdent, Type};

use super::type_argument;

pub(crate) struct Binding {
    pub(crate) ident: Ident,
    /// The name as templates write it, without `r#`.
    pub(crate) name: String,
    /// The type is known where the pattern has the same shape as the type of the parameter.
    pub(crate) ty: Option<Type>,
}

impl Binding {
    /// Input: `Path((username, id))`, `Path<(String, i64)>`
    ///
    /// Output: `username` of type `String`, `id` of type `i64`
    pub(super) fn all(pat: &Pat, ty: &Type) -> Vec<Self> {
        let mut bindings = Vec::new();
        bind(pat, Some(ty), &mut bindings);
        bindings
    }

    fn new(pat: &PatIdent, ty: Option<&Type>) -> Self {
        Self {
            ident: pat.ident.clone(),
            name: pat.ident.unraw().to_string(),
            ty: ty.cloned(),
        }
    }
}

fn bind(pat: &Pat, ty: Option<&Type>, bindings: &mut Vec<Binding>) {
    match pat {
        Pat::Ident(pat) => {
            bindings.push(Binding::new(pat, ty));
            if let Some((_, inner)) = &pat.subpat {
                bind(inner, None, bindings);
            }
        }
        Pat::TupleStruct(pat) if pat.elems.len() == 1 => {
            bind(&pat.elems[0], ty.and_then(type_argument), bindings);
        }
        Pat::Tuple(pat) => match ty {
            Some(Type::Tuple(ty)) if ty.elems.len() == pat.elems.len() && !has_rest(&pat.elems) => {
                for (pat, ty) in pat.elems.iter().zip(&ty.elems) {
                    bind(pat, Some(ty), bindings);
                }
            }
            _ => bind_untyped(&pat.elems, bindings),
        },
        Pat::Reference(pat) => match ty {
            Some(Type::Reference(ty)) => bind(&pat.pat, Some(&ty.elem), bindings),
            _ => bind(&pat.pat, None, bindings),
        },
        Pat::Paren(pat) => bind(&pat.pat, ty, bindings),
        Pat::TupleStruct(pat) => bind_untyped(&pat.elems, bindings),
        Pat::Struct(pat) => bind_untyped(pat.fields.iter().map(|field| &*field.pat), bindings),
        Pat::Slice(pat) => bind_untyped(&pat.elems, bindings),
        _ => {}
    }
}

fn bind_untyped<'p>(pats: impl IntoIterator<Item = &'p Pat>, bindings: &mut Vec<Binding>) {
    for pat in pats {
        bind(pat, None, bindings);
    }
}

fn has_rest<'p>(pats: impl IntoIterator<Item = &'p Pat>) -> bool {
    pats.into_iter().any(|pat| matches!(pat, Pat::Rest(_)))
}
