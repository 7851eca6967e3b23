//! What a value is asked before it is stored: whether it is to be, and how long it is fresh, where it tells that itself.

use proc_macro2::{Ident, Span, TokenStream};
use quote::quote;
use syn::Expr;
use syn::spanned::Spanned as _;

use super::{expand_option, expand_predicate, local};

pub(super) struct Unless {
    /// The statement in front of the call, if there is one.
    pub(super) statement: TokenStream,
    /// Where the value's answer is found, if it is asked for its TTL.
    pub(super) own_ttl: TokenStream,
    /// Whether the value is not to be stored.
    pub(super) predicate: TokenStream,
}

impl Unless {
    pub(super) fn new(unless: Option<&Expr>, ttl_of: Option<&Expr>, runtime: &TokenStream) -> Self {
        let Some(ttl_of) = ttl_of else {
            let predicate = unless.map(|unless| expand_predicate(unless, runtime));
            return Self {
                statement: TokenStream::new(),
                own_ttl: expand_option(None),
                predicate: predicate.unwrap_or_else(|| quote!(|_| false)),
            };
        };
        let [own_ttl, value] = ["own_ttl", "value"].map(local);
        let unless = unless.map(|unless| quote!(#runtime::holds(#value, #unless) ||));
        // rustc's message for what is no TTL points at what the closure returns.
        let returned = match ttl_of {
            Expr::Closure(closure) => closure.body.span(),
            function => function.span(),
        };
        let note = Ident::new("note", returned.resolved_at(Span::call_site()));
        Self {
            statement: quote!(let #own_ttl = <#runtime::OwnTtl as ::core::default::Default>::default();),
            own_ttl: expand_option(Some(quote!(::core::clone::Clone::clone(&#own_ttl)))),
            predicate: quote!(move |#value: &_| #unless #own_ttl.#note(#value, #ttl_of)),
        }
    }
}
