//! The names that a parameter's pattern binds, and where it leaves something out.

use proc_macro2::{Ident, Span};
use syn::ext::IdentExt as _;
use syn::spanned::Spanned as _;
use syn::{Pat, PatIdent, Type};

use super::types::{strip, type_argument, type_name};

#[derive(Default)]
pub(crate) struct Bindings {
    pub(crate) all: Vec<Binding>,
    /// The places of `..`, and of macros, which hide what they bind.
    pub(crate) rests: Vec<Span>,
}

pub(crate) struct Binding {
    pub(crate) ident: Ident,
    /// The name as templates write it, without `r#`.
    pub(crate) name: String,
    /// The type is known where the pattern has the same shape as the type of the parameter.
    pub(crate) ty: Option<Type>,
    /// Whether the type is that of the name whatever the types around it are: `Wrapper(id): Wrapper<u64>` may have
    /// something else in it.
    is_certain: bool,
}

impl Binding {
    fn new(pat: &PatIdent, ty: Option<&Type>) -> Self {
        Self {
            ident: pat.ident.clone(),
            name: pat.ident.unraw().to_string(),
            ty: ty.cloned(),
            is_certain: true,
        }
    }

    /// The type, unless it is a guess.
    pub(crate) fn certain_type(&self) -> Option<&Type> {
        self.ty.as_ref().filter(|_| self.is_certain)
    }
}

impl Bindings {
    /// Input: `Path((username, id))`, `Path<(String, i64)>`
    ///
    /// Output: `username` of type `String`, `id` of type `i64`
    pub(super) fn of(pat: &Pat, ty: &Type) -> Self {
        let mut bindings = Self::default();
        bindings.bind(pat, Some(ty));
        bindings
    }

    fn bind(&mut self, pat: &Pat, ty: Option<&Type>) {
        match pat {
            Pat::Ident(pat) => {
                self.all.push(Binding::new(pat, ty));
                if let Some((_, inner)) = &pat.subpat {
                    // What a `..` in it leaves out is a part of the name in front of the `@`.
                    let rests = self.rests.len();
                    self.bind(inner, None);
                    self.rests.truncate(rests);
                }
            }
            Pat::TupleStruct(pat) if pat.elems.len() == 1 => {
                let first = self.all.len();
                self.bind(&pat.elems[0], ty.and_then(type_argument));
                let is_extractor = ty.and_then(type_name).as_deref() == Some("Path");
                for binding in &mut self.all[first..] {
                    binding.is_certain &= is_extractor;
                }
            }
            Pat::Tuple(pat) => match ty.map(strip) {
                Some(Type::Tuple(ty))
                    if ty.elems.len() == pat.elems.len() && !has_rest(&pat.elems) =>
                {
                    for (pat, ty) in pat.elems.iter().zip(&ty.elems) {
                        self.bind(pat, Some(ty));
                    }
                }
                _ => self.bind_untyped(&pat.elems),
            },
            Pat::Reference(pat) => match ty {
                Some(Type::Reference(ty)) => self.bind(&pat.pat, Some(&ty.elem)),
                _ => self.bind(&pat.pat, None),
            },
            Pat::Paren(pat) => self.bind(&pat.pat, ty),
            Pat::TupleStruct(pat) => self.bind_untyped(&pat.elems),
            Pat::Struct(pat) => {
                self.bind_untyped(pat.fields.iter().map(|field| &*field.pat));
                self.rests
                    .extend(pat.rest.iter().map(|rest| rest.dot2_token.spans[0]));
            }
            Pat::Slice(pat) => self.bind_untyped(&pat.elems),
            // All cases bind the same names.
            Pat::Or(pat) => self.bind_untyped(pat.cases.first()),
            Pat::Rest(rest) => self.rests.push(rest.dot2_token.spans[0]),
            Pat::Macro(_) | Pat::Verbatim(_) => self.rests.push(pat.span()),
            _ => {}
        }
    }

    fn bind_untyped<'p>(&mut self, pats: impl IntoIterator<Item = &'p Pat>) {
        for pat in pats {
            self.bind(pat, None);
        }
    }
}

fn has_rest<'p>(pats: impl IntoIterator<Item = &'p Pat>) -> bool {
    pats.into_iter().any(|pat| matches!(pat, Pat::Rest(_)))
}
