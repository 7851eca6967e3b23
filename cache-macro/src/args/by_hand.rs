//! Parses what stands between the parentheses of `key!(…)`, `tag!(…)` and `pattern!(…)`.

use proc_macro2::{Ident, Span};
use syn::ext::IdentExt as _;
use syn::parse::{Parse, ParseStream};
use syn::{Expr, LitStr, Path, Token};

use super::value::path_in_brackets;

/// `[$crate] "{username}_post_cache:{id}", id = post.id`
pub(crate) struct ByHand {
    /// The runtime, as the macro around this one knows it.
    pub(crate) krate: Path,
    pub(crate) template: LitStr,
    pub(crate) values: Vec<GivenValue>,
}

/// `id = post.id`: what a placeholder stands for, where that is no local name.
pub(crate) struct GivenValue {
    /// The name without `r#`.
    pub(crate) name: String,
    pub(crate) span: Span,
    pub(crate) value: Expr,
}

impl Parse for ByHand {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let krate = path_in_brackets(input)?;
        let template = input.parse().map_err(|error: syn::Error| {
            let message = "expected a template, a string literal such as `\"user:{id}\"`";
            syn::Error::new(error.span(), message)
        })?;
        let mut values = Vec::new();
        while !input.is_empty() {
            input.parse::<Token![,]>()?;
            if !input.is_empty() {
                values.push(input.parse()?);
            }
        }
        Ok(Self {
            krate,
            template,
            values,
        })
    }
}

impl Parse for GivenValue {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let given = |input: ParseStream<'_>| {
            let ident = input.call(Ident::parse_any)?;
            input.parse::<Token![=]>()?;
            Ok(Self {
                name: ident.unraw().to_string(),
                span: ident.span(),
                value: input.parse()?,
            })
        };
        given(input).map_err(|error: syn::Error| {
            syn::Error::new(
                error.span(),
                "expected what a placeholder stands for: `id = post.id`",
            )
        })
    }
}
