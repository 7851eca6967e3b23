//! The block of a function that writes, and invalidates.

use proc_macro2::TokenStream;
use quote::{ToTokens as _, quote};

use super::kept::Kept;
use super::template::{expand_template, render, render_at};
use super::{expand_body, expand_errors, expand_function, expand_method, local};
use crate::args::InvalidateOnError;
use crate::handler::Handler;
use crate::plan::{Method, RESULT, Write};
use crate::template::{Placeholder, Template};

/// The block is as that of a read, with an outcome in place of the codec. A template with `{result…}` is late:
/// it is filled when the body has returned. By then the body has taken the parameters, so what a late template
/// needs of them is rendered before, into `part0`, `part1`, ….
pub(super) fn expand(
    write: &Write<'_>,
    cache: &TokenStream,
    handler: &Handler,
    runtime: &TokenStream,
) -> TokenStream {
    let [call, body, output, outcome, sent, is_stale] =
        ["call", "handler", "output", "outcome", "sent", "is_stale"].map(local);
    let access = match &write.method {
        Method::Stated => quote!(::core::option::Option::None),
        Method::Asked(sources) => expand_method(sources, runtime),
    };
    let (late_keys, keys) = late_and_early(&write.keys);
    let (late_tags, tags) = late_and_early(&write.tags);
    let (late_patterns, patterns) = late_and_early(&write.patterns);
    let function = expand_function(handler, runtime);
    let invalidations =
        expand_invalidations([&keys, &tags, &patterns], runtime, &mut |placeholder| {
            render(placeholder, handler, runtime)
        });
    let (parts, late) = expand_late([&late_keys, &late_tags, &late_patterns], handler, runtime);
    let mut kept = Kept::new("kept", handler);
    let failures = match write.on_error {
        None => quote!(#runtime::no_failure),
        Some(InvalidateOnError::Always) => quote!(#runtime::any_failure),
        Some(InvalidateOnError::If(errors)) => {
            expand_errors(&kept.replace_in(errors), "failures", runtime)
        }
    };
    let kept = kept.statements(runtime);
    let future = expand_body(handler);
    quote! {
        let #call = {
            use #runtime::dispatch::*;
            #runtime::Write { function: #function, cache: #cache, access: #access, invalidations: #invalidations }
        };
        #parts
        #kept
        let (#body, #output) = #runtime::output_of(#future);
        let (#outcome, #sent, #is_stale) = {
            use #runtime::dispatch::*;
            let #sent = (&&&&&&&#output).sent();
            let layer = #output.layer();
            (layer.wrap(layer.inner().outcome(), layer.error().status(), layer.error().sendable()), #sent, #failures)
        };
        #runtime::write(#call, #outcome, #sent, #late, #is_stale, #body).await
    }
}

fn late_and_early(templates: &[Template]) -> (Vec<&Template>, Vec<&Template>) {
    templates.iter().partition(|template| template.uses(RESULT))
}

/// `Invalidations::new([keys], [tags], [patterns])`
fn expand_invalidations(
    [keys, tags, patterns]: [&[&Template]; 3],
    runtime: &TokenStream,
    part: &mut dyn FnMut(&Placeholder) -> TokenStream,
) -> TokenStream {
    let mut all = |templates: &[&Template], function| -> Vec<TokenStream> {
        let expand = |template: &&Template| expand_template(template, function, runtime, part);
        templates.iter().map(expand).collect()
    };
    let (keys, tags, patterns) = (all(keys, "key"), all(tags, "key"), all(patterns, "pattern"));
    quote!(#runtime::Invalidations::new([#(#keys),*], [#(#tags),*], [#(#patterns),*]))
}

/// Makes the statement that renders the parameters of late templates, and the closure that fills these once
/// the result is there.
fn expand_late(
    templates: [&[&Template]; 3],
    handler: &Handler,
    runtime: &TokenStream,
) -> (TokenStream, TokenStream) {
    if templates.iter().all(|late| late.is_empty()) {
        return (
            TokenStream::new(),
            quote!(|_| #runtime::Invalidations::none()),
        );
    }
    let result = local(RESULT);
    let (mut names, mut rendered) = (Vec::new(), Vec::new());
    let mut part = |placeholder: &Placeholder| {
        if placeholder.root == RESULT {
            return render_at(placeholder, &result, runtime);
        }
        let name = local(&format!("part{}", names.len()));
        rendered.push(render(placeholder, handler, runtime));
        names.push(name.clone());
        name.to_token_stream()
    };
    let invalidations = expand_invalidations(templates, runtime, &mut part);
    let late = quote!(move |#result| { use #runtime::dispatch::*; #invalidations });
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
