//! Turns a template into the call that makes a key or a pattern.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens as _, quote, quote_spanned};
use syn::Index;

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

/// Renders a placeholder that a parameter fills.
pub(super) fn render(placeholder: &Placeholder, runtime: &TokenStream) -> TokenStream {
    let root = name(&placeholder.root, placeholder.span);
    render_at(placeholder, &root, runtime)
}

/// Gives all tokens the place of the literal, so that rustc's own messages point there.
pub(super) fn render_at(
    placeholder: &Placeholder,
    root: &Ident,
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

/// `{type}` is the parameter `r#type`.
fn name(name: &str, span: Span) -> Ident {
    match syn::parse_str::<Ident>(name) {
        Err(_) if name != "self" => Ident::new_raw(name, span),
        _ => Ident::new(name, span),
    }
}
