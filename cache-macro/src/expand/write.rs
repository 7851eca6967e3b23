//! The block of a function that removes what it makes stale.

use proc_macro2::TokenStream;
use quote::{ToTokens as _, quote};

use super::template::{expand_template, render, render_at};
use super::{expand_body, expand_method, local};
use crate::handler::Handler;
use crate::plan::{Method, RESULT, Write};
use crate::template::{Placeholder, Template};

/// As a read, with the outcome in the codec's place. Templates with `{result…}` are made once the body has
/// returned, which takes the parameters: what those templates need of them is rendered before, into `parts`.
pub(super) fn expand(
    write: &Write<'_>,
    cache: &TokenStream,
    handler: &Handler,
    runtime: &TokenStream,
) -> TokenStream {
    let [call, body, outcome] = ["call", "handler", "outcome"].map(local);
    let access = match &write.method {
        Method::Stated => quote!(::core::option::Option::None),
        Method::Asked(sources) => expand_method(sources, runtime),
    };
    let (late_keys, keys) = late_and_early(&write.keys);
    let (late_tags, tags) = late_and_early(&write.tags);
    let (late_patterns, patterns) = late_and_early(&write.patterns);
    let stale = expand_stale([&keys, &tags, &patterns], runtime, &mut |placeholder| {
        render(placeholder, runtime)
    });
    let (parts, late) = expand_late([&late_keys, &late_tags, &late_patterns], runtime);
    let future = expand_body(handler);
    quote! {{
        let #call = {
            use #runtime::dispatch::*;
            #runtime::Write { cache: #cache, access: #access, stale: #stale }
        };
        #parts
        let #body = #future;
        let #outcome = {
            use #runtime::dispatch::*;
            let layer = #runtime::output_of(&#body).layer();
            layer.wrap(layer.inner().outcome())
        };
        #runtime::write(#call, #outcome, #late, #body).await
    }}
}

/// Late are the templates that need the result.
fn late_and_early(templates: &[Template]) -> (Vec<&Template>, Vec<&Template>) {
    templates.iter().partition(|template| template.uses(RESULT))
}

/// `Stale::new([keys], [tags], [patterns])`
fn expand_stale(
    [keys, tags, patterns]: [&[&Template]; 3],
    runtime: &TokenStream,
    part: &mut dyn FnMut(&Placeholder) -> TokenStream,
) -> TokenStream {
    let mut all = |templates: &[&Template], function| -> Vec<TokenStream> {
        let expand = |template: &&Template| expand_template(template, function, runtime, part);
        templates.iter().map(expand).collect()
    };
    let (keys, tags, patterns) = (all(keys, "key"), all(tags, "key"), all(patterns, "pattern"));
    quote!(#runtime::Stale::new([#(#keys),*], [#(#tags),*], [#(#patterns),*]))
}

/// The parts of late templates that parameters fill, and the closure that adds what the result fills.
fn expand_late(templates: [&[&Template]; 3], runtime: &TokenStream) -> (TokenStream, TokenStream) {
    if templates.iter().all(|late| late.is_empty()) {
        return (TokenStream::new(), quote!(|_| #runtime::Stale::none()));
    }
    let result = local(RESULT);
    let (mut names, mut rendered) = (Vec::new(), Vec::new());
    let mut part = |placeholder: &Placeholder| {
        if placeholder.root == RESULT {
            return render_at(placeholder, &result, runtime);
        }
        let name = local(&format!("part{}", names.len()));
        rendered.push(render(placeholder, runtime));
        names.push(name.clone());
        name.to_token_stream()
    };
    let stale = expand_stale(templates, runtime, &mut part);
    let late = quote!(move |#result| { use #runtime::dispatch::*; #stale });
    if names.is_empty() {
        return (TokenStream::new(), late);
    }
    let parts = quote! {
        let [#(#names),*] = {
            use #runtime::dispatch::*;
            [#(#rendered),*]
        };
    };
    (parts, late)
}
