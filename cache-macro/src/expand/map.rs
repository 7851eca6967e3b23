//! What the map of the program is told of a function, or of a name by hand.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote};

use crate::plan::{Made, Mapped, MappedKind, MappedTemplate};

/// `runtime::mapped! { Reader "post" [("post:{id}" u64)] [("user:{name}" str)] [] }`
///
/// Whether there is a map is a feature of the runtime, which an attribute can't see: so this is a macro of the runtime,
/// and without the feature it expands to nothing. A placeholder of which no type is known is any text, a `str`.
pub(super) fn expand(mapped: &Mapped<'_>, runtime: &TokenStream) -> TokenStream {
    let kind = match mapped.kind {
        MappedKind::Reader => "Reader",
        MappedKind::Writer => "Writer",
        MappedKind::ReaderAndWriter => "ReaderAndWriter",
        MappedKind::ByHand(Made::Key) => "Key",
        MappedKind::ByHand(Made::Tag) => "Tag",
        MappedKind::ByHand(Made::Pattern) => "Pattern",
    };
    let kind = Ident::new(kind, Span::call_site());
    let name = &mapped.name;
    let templates = |templates: &[MappedTemplate<'_>]| -> TokenStream {
        templates.iter().map(template).collect()
    };
    let (keys, tags, patterns) = (
        templates(&mapped.keys),
        templates(&mapped.tags),
        templates(&mapped.patterns),
    );
    quote!(#runtime::mapped! { #kind #name [#keys] [#tags] [#patterns] })
}

fn template(template: &MappedTemplate<'_>) -> TokenStream {
    let text = &template.text;
    let types = template
        .types
        .iter()
        .map(|ty| ty.map_or_else(|| quote!(str), ToTokens::to_token_stream));
    quote!((#text #(#types),*))
}
