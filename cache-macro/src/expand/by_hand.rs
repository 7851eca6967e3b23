//! A key, a tag or a pattern that is made by hand.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens as _, quote, quote_spanned};

use super::local;
use super::map;
use super::template::{expand_template, name, render_at};
use crate::args::ByHand;
use crate::plan::{Made, PlanByHand};
use crate::template::Placeholder;

/// Input: `"{username}_post_cache:{id}", id = post.id`
///
/// Output:
/// ```text
/// match (&(post.id),) {
///     (given0,) => {
///         runtime::mapped! { … }
///         use runtime::dispatch::*;
///         runtime::CacheKey::new(runtime::key(&["", "_post_cache:", ""], [Value(&username).part(), Value(&given0).part()]))
///     }
/// }
/// ```
pub(crate) fn expand_by_hand(args: &ByHand, plan: &PlanByHand) -> TokenStream {
    let krate = &args.krate;
    let runtime = quote!(#krate::__private);
    let mapped = map::expand(&plan.mapped, &runtime);
    let values = args.values.iter().map(|given| &given.value);
    let given = |at: usize| local(&format!("given{at}"));
    let names = (0..args.values.len()).map(given);
    let mut part = |placeholder: &Placeholder| {
        let span = placeholder.span;
        let root = placeholder.root.as_str();
        let given = args
            .values
            .iter()
            .position(|value| value.name == root)
            .map(given);
        let root = match (given, root) {
            (Some(given), _) => given.into_token_stream(),
            (None, "self") => Ident::new("self", span).into_token_stream(),
            (None, "Self") => quote_spanned!(span=> ::core::any::type_name::<Self>()),
            (None, root) => name(root, span).into_token_stream(),
        };
        render_at(placeholder, &root, &runtime)
    };
    let (function, ty) = match plan.made {
        Made::Key => ("key", "CacheKey"),
        Made::Tag => ("key", "CacheTag"),
        Made::Pattern => ("pattern", "CachePattern"),
    };
    let result = expand_template(&plan.template, function, &runtime, &mut part);
    let ty = Ident::new(ty, Span::call_site());
    quote! {
        match (#(&(#values),)*) {
            (#(#names,)*) => {
                #mapped
                use #runtime::dispatch::*;
                #runtime::#ty::new(#result)
            }
        }
    }
}

/// The mistakes, in the place of an expression.
pub(crate) fn expand_mistakes(error: &syn::Error) -> TokenStream {
    let errors = error.to_compile_error();
    quote!({ #errors })
}
