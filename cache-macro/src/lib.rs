#![doc = include_str!("../README.md")]

mod args;
mod errors;
mod expand;
mod handler;
mod plan;
mod template;
#[cfg(test)]
mod tests;

use proc_macro2::TokenStream;

use crate::args::{ByHand, CacheArgs, Filling, SharedTemplates, first_shared};
use crate::errors::Errors;
use crate::handler::Handler;
use crate::plan::Made;

/// Keeps an async function's return value as JSON under a key made from its parameters, or, on a function that
/// writes, removes what the write made stale.
///
/// ```
/// use cache_runtime::{Cache, cache};
///
/// #[cache(key_prefix = "{username}_post_cache", resource_id_name = "id", expiration = 3600)]
/// async fn read_post(username: &str, id: i64) -> Result<String, std::io::Error> {
///     Ok(format!("post {id} of {username}"))
/// }
///
/// #[cache(
///     key_prefix = "{username}_post_cache", resource_id_name = "id", method = "PUT",
///     to_invalidate_extra = {"latest_posts": "global"},
///     pattern_to_invalidate_extra = ["{username}_posts:*"]
/// )]
/// async fn update_post(username: &str, id: i64, text: String) -> Result<(), std::io::Error> {
///     Ok(())
/// }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let cache = Cache::in_memory();
/// cache.install();
/// read_post("john", 1).await?;
/// assert!(cache.get::<String>("john_post_cache:1").await?.is_some());
/// update_post("john", 1, "new".into()).await?;
/// assert!(cache.get::<String>("john_post_cache:1").await?.is_none());
/// # Ok(())
/// # }
/// ```
///
/// The crate's documentation lists the arguments.
#[proc_macro_attribute]
pub fn cache(
    args: proc_macro::TokenStream,
    item: proc_macro::TokenStream,
) -> proc_macro::TokenStream {
    cache_or_error(args.into(), item.into()).into()
}

/// What `cache_runtime::key!` calls, with the runtime in brackets in front.
#[doc(hidden)]
#[proc_macro]
pub fn key(input: proc_macro::TokenStream) -> proc_macro::TokenStream {
    by_hand_or_error(input.into(), Made::Key).into()
}

/// What `cache_runtime::tag!` calls.
#[doc(hidden)]
#[proc_macro]
pub fn tag(input: proc_macro::TokenStream) -> proc_macro::TokenStream {
    by_hand_or_error(input.into(), Made::Tag).into()
}

/// What `cache_runtime::pattern!` calls.
#[doc(hidden)]
#[proc_macro]
pub fn pattern(input: proc_macro::TokenStream) -> proc_macro::TokenStream {
    by_hand_or_error(input.into(), Made::Pattern).into()
}

/// What `cache_runtime::templates!` calls.
#[doc(hidden)]
#[proc_macro]
pub fn templates(input: proc_macro::TokenStream) -> proc_macro::TokenStream {
    shared_or_error(input.into()).into()
}

/// What the macros call that `templates!` makes, with the template in front.
#[doc(hidden)]
#[proc_macro]
pub fn fill(input: proc_macro::TokenStream) -> proc_macro::TokenStream {
    fill_or_error(input.into()).into()
}

fn shared_or_error(input: TokenStream) -> TokenStream {
    let expand = |shared: SharedTemplates| {
        plan::check_shared(&shared)?;
        Ok(expand::expand_shared(&shared))
    };
    let expanded = syn::parse2(input).and_then(expand);
    expanded.unwrap_or_else(|error: syn::Error| error.to_compile_error())
}

fn fill_or_error(input: TokenStream) -> TokenStream {
    let filling: Filling = match syn::parse2(input) {
        Ok(filling) => filling,
        Err(_) => return not_called_so(),
    };
    let made = match filling.asked_by.to_string().as_str() {
        "key" => Some(Made::Key),
        "tag" => Some(Made::Tag),
        "pattern" => Some(Made::Pattern),
        _ => None,
    };
    match (filling.filled(), made) {
        (Ok(args), None) => cache_or_error(args, filling.item),
        // By hand the item is the runtime's path.
        (Ok(args), Some(made)) => {
            by_hand_or_error([filling.item, args].into_iter().collect(), made)
        }
        (Err(error), None) => mistakes_beside(&error, filling.item),
        (Err(error), Some(_)) => expand::expand_mistakes(&error),
    }
}

/// `post_key!("john")`: the name of a template is no macro of its own.
fn not_called_so() -> TokenStream {
    let message = "this is the name of a template: write `key!(post_key!)`, `tag!(post_key!)` or `pattern!(post_key!)`, or name it in `#[cache]`";
    expand::expand_mistakes(&syn::Error::new(proc_macro2::Span::call_site(), message))
}

fn by_hand_or_error(input: TokenStream, made: Made) -> TokenStream {
    if let Some(asked) = ask_by_hand(&input, made) {
        return asked;
    }
    let expand = |args: ByHand| {
        let plan = plan::plan_by_hand(&args, made)?;
        Ok(expand::expand_by_hand(&args, &plan))
    };
    let expanded = syn::parse2(input).and_then(expand);
    expanded.unwrap_or_else(|error| expand::expand_mistakes(&error))
}

/// Leaves the rest to a shared template, if one is named in the place of a literal.
fn ask_by_hand(input: &TokenStream, made: Made) -> Option<TokenStream> {
    let mut args = input.clone().into_iter();
    let krate = args.next()?.into();
    let args = args.collect();
    let name = first_shared(&args)?;
    Some(expand::ask_for(&name, made.name(), &args, &krate))
}

/// A mistake becomes a message beside the function as it was written, so that rustc does not complain of the
/// function's callers as well.
fn cache_or_error(args: TokenStream, item: TokenStream) -> TokenStream {
    if let Some(name) = first_shared(&args) {
        return expand::ask_for(&name, "cache", &args, &item);
    }
    expand_cache(args, item.clone()).unwrap_or_else(|error| mistakes_beside(&error, item))
}

fn mistakes_beside(error: &syn::Error, item: TokenStream) -> TokenStream {
    let mut tokens = error.to_compile_error();
    tokens.extend(item);
    tokens
}

fn expand_cache(args: TokenStream, item: TokenStream) -> syn::Result<TokenStream> {
    let handler: Handler = syn::parse2(item)?;
    let mut errors = Errors::default();
    let args = CacheArgs::parse(args, &mut errors);
    let args = errors.into_result(Some(args))?;
    let plan = plan::plan(&args, &handler)?;
    Ok(expand::expand(&plan, &handler))
}
