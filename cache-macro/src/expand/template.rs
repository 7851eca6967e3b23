//! Turns a template into the call that makes a key or a pattern.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::Index;

use crate::handler::{Handler, Name};
use crate::template::{Placeholder, Segment, Template};

/// Input: `{username}_posts:{id}`
///
/// Output: `key(&["", "_posts:", ""], [Value(&username).part(), Value(&id).part()])`
pub(super) fn expand_template(
    template: &Template,
    function: &str,
    runtime: &TokenStream,
    part: &mut dyn FnMut(&Placeholder) -> TokenStream,
) -> TokenStream {
    let mut literals = vec![String::new()];
    let mut parts = Vec::new();
    for segment in &template.segments {
        match segment {
            Segment::Literal(text) => literals.last_mut().expect("never empty").push_str(text),
            Segment::Placeholder(placeholder) => {
                parts.push(part(placeholder));
                literals.push(String::new());
            }
        }
    }
    let function = Ident::new(function, Span::call_site());
    quote!(#runtime::#function(&[#(#literals),*], [#(#parts),*]))
}

/// Renders a placeholder that a parameter fills, or a type by its name.
pub(super) fn render(
    placeholder: &Placeholder,
    handler: &Handler,
    runtime: &TokenStream,
) -> TokenStream {
    let span = placeholder.span;
    let name = handler.name(&placeholder.root);
    match name.expect("the plan has looked the name up") {
        Name::Value(ident) => render_at(placeholder, &at(ident, span), runtime),
        Name::Type(ident) => {
            let ident = at(ident, span);
            let name = quote_spanned!(span=> ::core::any::type_name::<#ident>());
            render_at(placeholder, &name, runtime)
        }
    }
}

/// The name as its function declares it, which may be within a `macro_rules!` where the template is not; the
/// place is the template's.
pub(super) fn at(mut ident: Ident, span: Span) -> Ident {
    let declared = if ident == "Self" { span } else { ident.span() };
    ident.set_span(declared.located_at(span));
    ident
}

/// Gives all tokens the place of the literal, so that rustc's own messages point there.
pub(super) fn render_at(
    placeholder: &Placeholder,
    root: &impl ToTokens,
    runtime: &TokenStream,
) -> TokenStream {
    let span = placeholder.span;
    let fields = placeholder
        .fields
        .iter()
        .map(|field| match field.parse::<u32>() {
            Ok(index) => Index { index, span }.to_token_stream(),
            Err(_) => name(field, span).to_token_stream(),
        });
    let method = if placeholder.hashed {
        quote_spanned!(span=> hash)
    } else {
        quote_spanned!(span=> part)
    };
    quote_spanned!(span=> #runtime::Value(&#root #(.#fields)*).#method())
}

/// `{page.type}` is the field `r#type`. syn does not know `gen` for the keyword that it is since edition 2024.
pub(super) fn name(name: &str, span: Span) -> Ident {
    match syn::parse_str::<Ident>(name) {
        Ok(_) if name != "gen" => Ident::new(name, span),
        _ => Ident::new_raw(name, span),
    }
}
