//! Templates that are written once, and what asks for them.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};

use crate::args::{SharedName, SharedTemplates};

/// Input: `pub(crate) post_key = "{username}_post_cache:{id}";`
///
/// Output:
/// ```text
/// macro_rules! post_key {
///     ($($call:tt)*) => { runtime::macros::fill! { "{username}_post_cache:{id}" $($call)* } };
/// }
/// pub(crate) use post_key;
/// ```
pub(crate) fn expand_shared(shared: &SharedTemplates) -> TokenStream {
    let krate = &shared.krate;
    let templates = shared.templates.iter().map(|shared| {
        let (attrs, vis, name, template) =
            (&shared.attrs, &shared.vis, &shared.name, &shared.template);
        let export = (!matches!(vis, syn::Visibility::Inherited)).then(|| quote!(#vis use #name;));
        quote! {
            #(#attrs)*
            macro_rules! #name {
                ($($call:tt)*) => { #krate::__private::macros::fill! { #template $($call)* } };
            }
            #export
        }
    });
    quote!(#(#templates)*)
}

/// Input: `cache`, `post_key!, method = "PUT"`, `async fn …`
///
/// Output: `post_key! { cache {post_key!, method = "PUT"} {async fn …} }`
pub(crate) fn ask_for(
    name: &SharedName,
    asked_by: &str,
    args: &TokenStream,
    item: &TokenStream,
) -> TokenStream {
    let (path, asked_by) = (&name.path, format_ident!("{asked_by}"));
    quote!(#path! { #asked_by {#args} {#item} })
}
