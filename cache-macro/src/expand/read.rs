//! The block of a function that reads.

use proc_macro2::{TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned as _;

use super::kept::Kept;
use super::template::{expand_template, render};
use super::unless::Unless;
use super::{
    expand_body, expand_errors, expand_function, expand_method, expand_option, local, return_type,
};
use crate::args::Time;
use crate::handler::Handler;
use crate::plan::{Background, IsHandler, Method, Read};

pub(super) fn expand(
    read: &Read<'_>,
    cache: &TokenStream,
    handler: &Handler,
    runtime: &TokenStream,
) -> TokenStream {
    let [call, body, output, codec, sent, is_failure] =
        ["call", "handler", "output", "codec", "sent", "is_failure"].map(local);
    let access = match &read.method {
        Method::Stated => quote!(::core::option::Option::Some(#runtime::Access::Read)),
        Method::Asked(sources) => expand_method(sources, runtime),
    };
    let function = expand_function(handler, runtime);
    let is_handler = expand_handler(read.is_handler);
    let mut render = |placeholder: &_| render(placeholder, handler, runtime);
    let key = expand_template(&read.key, "key", runtime, &mut render);
    let tags: Vec<_> = read
        .tags
        .iter()
        .map(|tag| expand_template(tag, "key", runtime, &mut render))
        .collect();
    let expiration = expand_time(&read.expiration.time);
    let windows = expand_windows(read, runtime);
    let near = expand_option(read.near.map(expand_time));
    let max_loads = expand_option(read.max_loads.map(ToTokens::to_token_stream));
    let verify = expand_option(read.verify.map(|verify| verify.value.to_token_stream()));
    let condition = read
        .condition
        .map_or_else(|| quote!(true), ToTokens::to_token_stream);
    // Each with clones of its own, which a closure takes along.
    let [mut kept, mut kept_for_errors, mut kept_for_ttl] =
        ["kept", "errors", "ttl"].map(|name| Kept::new(name, handler));
    let unless = read.unless.map(|unless| kept.replace_in(unless));
    let ttl_of = read.expiration.ttl_of.as_ref();
    let ttl_of = ttl_of.map(|ttl_of| kept_for_ttl.replace_in(ttl_of));
    let Unless {
        statement,
        own_ttl,
        predicate: unless,
    } = Unless::new(unless.as_ref(), ttl_of.as_ref(), runtime);
    let errors = read.stale_if_error.and_then(|error| error.errors.as_ref());
    let errors = errors.map(|errors| kept_for_errors.replace_in(errors));
    let errors = errors.map_or_else(
        || quote!(layer.by_status()),
        |errors| expand_errors(&errors, "errors", runtime),
    );
    let kept = [kept, kept_for_errors, kept_for_ttl].map(|kept| kept.statements(runtime));
    let background = match read.background {
        Background::Disabled => quote!(Disabled),
        Background::Spawn => quote!(Spawn),
        Background::SpawnLocal => quote!(SpawnLocal),
        Background::Detached => quote!(Detached),
        Background::DetachedLocal => quote!(DetachedLocal),
    };
    let future = expand_body(handler);
    // rustc's message for a value that can't be stored points at the return type.
    let codec_method = quote_spanned!(return_type(handler).span()=> codec);
    let wait = at_argument(
        quote!(#runtime::read(#call, #codec, #sent, #unless, #is_failure, #body, #runtime::#background).await),
        read,
    );
    quote! {
        #statement
        let #call = {
            use #runtime::dispatch::*;
            #runtime::Read { function: #function, cache: #cache, access: #access, handler: #runtime::Handler::#is_handler, key: #key, tags: #runtime::tags([#(#tags),*]), expiration: #expiration, own_ttl: #own_ttl, windows: #windows, near: #near, max_loads: #max_loads, verify: #verify, condition: #condition }
        };
        #(#kept)*
        let (#body, #output) = #runtime::output_of(#future);
        let (#codec, #sent, #is_failure) = {
            use #runtime::dispatch::*;
            let #sent = (&&&&&&&#output).sent();
            let layer = #output.layer();
            (layer.wrap(layer.inner().#codec_method(), layer.error().status(), layer.error().sendable()), #sent, #errors)
        };
        #wait
    }
}

fn expand_handler(is_handler: IsHandler) -> TokenStream {
    match is_handler {
        IsHandler::Known => quote!(Known),
        IsHandler::IfSent => quote!(IfSent),
        IsHandler::IfSentPlain => quote!(IfSentPlain),
        IsHandler::Never => quote!(Never),
    }
}

/// Gives these tokens the place of the argument that asks for a task, if there is one: rustc's message for a function that
/// can't run there points at it.
fn at_argument(tokens: TokenStream, read: &Read<'_>) -> TokenStream {
    let window = read.stale_while_revalidate.map(|window| &window.key);
    let key = window.or(read.detached.map(|detached| &detached.key));
    let Some(key) = key.or(read.verify.map(|verify| &verify.key)) else {
        return tokens;
    };
    let located = |mut token: TokenTree| {
        token.set_span(token.span().located_at(key.span()));
        token
    };
    tokens.into_iter().map(located).collect()
}

/// How long the value may still be served past its expiration, and in which cases.
fn expand_windows(read: &Read<'_>, runtime: &TokenStream) -> TokenStream {
    let rest = quote!(::core::default::Default::default());
    let revalidate = read.stale_while_revalidate;
    let revalidate = revalidate.map(|window| expand_time(&window.value));
    let revalidate = revalidate.map(|time| quote!(revalidate: #time,));
    let error = read.stale_if_error.map(|error| expand_time(&error.window));
    let error = error.map(|time| quote!(error: #time,));
    match (revalidate, error) {
        (None, None) => rest,
        (Some(revalidate), Some(error)) => quote!(#runtime::Windows { #revalidate #error }),
        (revalidate, error) => quote!(#runtime::Windows { #revalidate #error ..#rest }),
    }
}

fn expand_time(time: &Time) -> TokenStream {
    match time {
        Time::Literal(duration) => {
            let milliseconds = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
            quote!(::core::time::Duration::from_millis(#milliseconds))
        }
        Time::Expression(expression) => expression.to_token_stream(),
    }
}
