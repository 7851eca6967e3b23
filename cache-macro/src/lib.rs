#![doc = "The attribute of [`cache-runtime`](https://docs.rs/cache-runtime), which re-exports it: depend on that crate."]

mod args;
mod errors;
mod expand;
mod handler;
mod plan;
mod template;

use proc_macro2::TokenStream;

use crate::args::CacheArgs;
use crate::errors::Errors;
use crate::handler::Handler;

/// TODO
#[proc_macro_attribute]
pub fn cache(
    args: proc_macro::TokenStream,
    item: proc_macro::TokenStream,
) -> proc_macro::TokenStream {
    cache_or_error(args.into(), item.into()).into()
}

/// On a mistake: the error, and the function as it was written, so that its callers stay quiet.
fn cache_or_error(args: TokenStream, item: TokenStream) -> TokenStream {
    expand_cache(args, item.clone()).unwrap_or_else(|error| {
        let mut tokens = error.to_compile_error();
        tokens.extend(item);
        tokens
    })
}

fn expand_cache(args: TokenStream, item: TokenStream) -> syn::Result<TokenStream> {
    let handler: Handler = syn::parse2(item)?;
    let mut errors = Errors::default();
    let args = CacheArgs::parse(args, &mut errors);
    errors.into_result(())?;
    Ok(expand::expand(&plan::plan(args, &handler)?, &handler))
}
