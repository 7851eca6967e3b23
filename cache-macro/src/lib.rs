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

/// Keeps what an async function returns as JSON under a key that is made from its parameters. On a function that
/// writes, removes what the write has made stale.
///
/// ```
/// use cache_runtime::{Cache, cache};
///
/// #[cache("post:{id}", expiration = "5m")]
/// async fn read_post(id: u64) -> Result<String, std::io::Error> {
///     Ok(format!("post {id}")) // SELECT …
/// }
///
/// #[cache("post:{id}", method = "PUT")]
/// async fn update_post(id: u64, text: &str) -> Result<(), std::io::Error> {
///     Ok(()) // UPDATE …
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let cache = Cache::in_memory();
/// cache.install();
/// read_post(1).await?; // a miss: runs, and stores `post:1` for five minutes
/// read_post(1).await?; // a hit
/// update_post(1, "new").await?; // runs, and removes `post:1`
/// read_post(1).await?; // a miss
/// assert_eq!((cache.stats().hits, cache.stats().misses), (1, 2));
/// # Ok(())
/// # }
/// ```
///
/// Concurrent misses of one key run the function once, over all processes. A read that starts after a write has returned
/// sees that write, also where a load was under way meanwhile: each load has a lease, as in
/// [Scaling Memcache at Facebook](https://www.usenix.org/system/files/conference/nsdi13/nsdi13-final170_update.pdf), and
/// each write a fence.
///
/// The signature of the function stays as it is. What goes wrong with the cache is told to the log, and never to the
/// caller: the function runs then, as if it had no attribute. The future is as safe to drop as the function's own: what
/// the cache still has to do is done in the background.
///
/// # Arguments
///
/// All are optional but the key of a read. An argument that does nothing for the function at hand is an error.
///
/// **The key**, of reads and of writes:
///
/// - `key_prefix = "posts:{user}"`: the template of the key. It may stand first, without its name. A read needs it; a
///   write that has it removes the entry of this key.
/// - `resource_id_name = "post_id"`: a parameter, or a field of one (`"page.number"`), that is appended to the key behind
///   a colon. By default, the one integer parameter that has `id` as a word of its name and is not in the template; if
///   there is none, nothing.
/// - `resource_id_type = (i64, String)`: the types of which that parameter may be. By default, the integers. A text type
///   qualifies under any name.
/// - `version = 2`: a whole number that becomes part of the key. By default, there is none. Change it when a stored value
///   of the same shape means something else.
/// - `skip(trace_id)`: inputs that the result does not depend on: parameters, `self`, generic parameters, or the `..` of a
///   pattern. By default, none. On a write, only a transaction.
///
/// **Reads**, that is, functions whose value is stored:
///
/// - `expiration = "5m"`: how long an entry is fresh. By default, one hour. Whole seconds (`300`), text with the units
///   `ms`, `s`, `m`, `h` and `d` (`"1h30m"`), or an expression of type `Duration`; more than zero.
///   `|token| token.expires_in` asks the value, inside its `Ok`, when it is about to be stored: whole seconds as an integer
///   of any type, or a `Duration`. Zero or less stores nothing, and a day is the longest, to which more is cut.
///   `{|token| token.expires_in, max = "7d"}` says another longest time.
/// - `stale_while_revalidate = 30`: how long a value is still served past its expiration while the function runs in the
///   background ([RFC 5861](https://www.rfc-editor.org/rfc/rfc5861)). By default, not at all. The same units. The
///   parameters have to be owned and the future `Send`, but for actix-web's handlers with an `HttpRequest`.
/// - `stale_if_error = "10m"`: how long a value is still served past its expiration where the function fails
///   ([RFC 5861](https://www.rfc-editor.org/rfc/rfc5861)). By default, not at all. The same units. A failure is a status
///   of 500 or more, or an `Err` that tells no status. `{"10m", errors = |error| error.is_timeout()}` says which errors
///   are failures.
/// - `near = "10ms"`: serves hits from the memory of the process, without a command to Redis. By default, what the setting
///   `near` says, which is off. From `"0ms"` to `"1s"`: so long does a write wait that removes such an entry, and so a hit
///   is never older than the last write that has returned.
/// - `max_loads = 8`: how many loads of the function run at once in a process, as a number of at least one or an expression
///   of type `usize`; more wait in their turn, and beyond a queue an older value is served, or the function runs. By
///   default, any number.
/// - `detached`: a load goes on in a task of its own when its caller has gone. By default, it is dropped with its caller.
///   The parameters have to be owned, and the future `Send`, as for `stale_while_revalidate`.
/// - `verify = 0.001`: of so many hits, a number from 0 to 1 or an expression of type `f64`, the function runs as well, in
///   the background. What it returns is compared with what was served; a difference that no write explains is counted, told
///   to the log, and repaired. By default, none. Where the setting `verify` is made, it says the rate of all functions that
///   have this argument. The parameters have to be owned, and the future `Send`, as for `stale_while_revalidate`.
/// - `tags = ["user:{user_id}"]`: templates of tags. The entry is valid until one of them is invalidated. By default, none.
/// - `condition = page < 10`: an expression of the parameters. The call uses the cache only if it is true. By default,
///   always.
/// - `unless = |posts| posts.is_empty()`: a closure or a function (`Vec::is_empty`) of the value, inside its `Ok`. What it
///   holds for is returned and not stored. By default, nothing.
///
/// **Writes**, that is, functions that remove entries when they have succeeded:
///
/// - `to_invalidate_extra = {"latest_posts": "global"}`: further keys, as templates of the prefix and the id. An empty id
///   means the prefix alone. By default, none.
/// - `tags_to_invalidate = ["user:{user_id}"]`: invalidates all that was stored under these tags, in one round trip. By
///   default, none.
/// - `pattern_to_invalidate_extra = ["user_{user_id}_*"]`: removes the keys that match these globs, by scanning all keys.
///   `*` is appended to a pattern that does not end in one, and values are escaped. By default, none.
/// - `invalidate_on_error = true`: removes also where the function returns an `Err`. By default, only a success removes.
///   `|error| error.is_late()` says for which errors.
///
/// **Both:**
///
/// - `method = "PUT"`: what the function does. `GET` and `HEAD` read, `OPTIONS` and `TRACE` leave the cache alone, any
///   other method writes. By default, what [Read or write](#read-or-write) says.
/// - `cache = self.cache`: an expression of the [`Cache`] to use. By default, that of the layer around the handler, else
///   the one that was installed last.
/// - `crate = path`: where the crate `cache_runtime` is. By default, `::cache_runtime`.
///
/// # Keys
///
/// A template has text and placeholders. `{id}` is a parameter or a binding of a destructured one, `{page.number}` and
/// `{pair.0}` are fields, `{self.tenant}` is one of the receiver, `{N}`, `{T}` and `{Self}` are a constant and the names
/// of types. `{filter:hash}` is the SHA-256 of all that serde tells of the value. In the templates of a write,
/// `{result.id}` is a field of the value that it returns, and `{result.1.id}` one of a value beside a status. `{{` and `}}`
/// are braces. Between two placeholders there has to be text.
///
/// Two lists of arguments never make the same key: values are percent-encoded where they could be taken for something
/// else, and hashed where they are longer than 256 bytes. A read and a write share an entry if their templates are the
/// same. Write such a template once with [`templates!`], and make the same keys by hand with [`key!`].
///
/// Every parameter of a read, its receiver and its generic parameters are in the key, or are known not to be inputs
/// (`State`, pools, clients, `Arc<dyn Trait>`, `Cache`, the request's method), or are in `skip(…)`. All else is an error
/// that names the parameter. A parameter of which the key has a field counts as named. One that is called or typed as a
/// secret (token, password, API key) has to be hashed.
///
/// ```
/// use cache_runtime::{Cache, cache};
///
/// struct Page {
///     number: u32,
/// }
///
/// #[cache("{tenant}_posts:page_{page.number}:{words:hash}", skip(trace_id), cache = cache)]
/// async fn search(cache: &Cache, tenant: &str, page: Page, words: Vec<String>, trace_id: u128) -> Vec<String> {
///     words
/// }
/// ```
///
/// # Read or write
///
/// The first of these decides:
///
/// 1. `method`;
/// 2. a parameter that knows the method of the request: `http::Method`, `http::Request`, `Parts`, actix's `HttpRequest`,
///    or a type of yours that implements [`RequestMethod`];
/// 3. the arguments of writes;
/// 4. in handlers under `Cache::layer`, the request: `GET` and `HEAD` read, `PUT` and the like remove the entry;
/// 5. otherwise the function reads.
///
/// A function that is named by a verb of change (`update_post`, `archive_post`), takes the body of a request, or is routed
/// by `#[post]`, `#[put]`, `#[patch]` or `#[delete]` has to say which it is. So does, by `method`, any write by a name
/// that is not in the list of verbs: it would read otherwise.
///
/// A write runs its function first, and removes behind it. It removes nothing where it was refused: a status of 400 to 499,
/// or an `Err` whose error implements [`HttpStatus`] and says so. Where it is in doubt (a status of 500 or more, any other
/// `Err`, a panic, a future that was dropped), what it names is stored for at most 30 seconds. A parameter that is a
/// transaction is an error, since it is committed behind the function: call the function within [`Cache::deferred`].
///
/// # Answers
///
/// A read returns what is `Serialize` and `DeserializeOwned`: plain data, `Arc<T>`, `Bytes`, a [`Cached`], or `Json<T>` of
/// a framework. These may stand in a `Result`, of which only the `Ok` is stored, or beside a status, of which only 200 is
/// stored. References, `()`, responses, headers and streams are errors. A write may return anything.
///
/// A hit returns what the stored JSON is decoded to. In debug builds, the log names a field that JSON does not bring back,
/// such as one under `skip_serializing`. A stored value that can't be decoded is a miss, and so is one that is larger than
/// the setting `max_value_size`, which is never stored.
///
/// ```
/// use std::num::ParseIntError;
/// use cache_runtime::{Cache, cache};
///
/// #[cache("sum:{numbers:hash}", unless = |sum| *sum == 0, cache = cache)]
/// async fn sum(cache: &Cache, numbers: Vec<String>) -> Result<i64, ParseIntError> {
///     numbers.iter().map(|number| number.parse::<i64>()).sum()
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), ParseIntError> {
/// let cache = Cache::in_memory();
/// for _ in 0..2 {
///     sum(&cache, vec!["40".into(), "2".into()]).await?; // a hit the second time
///     sum(&cache, vec!["0".into()]).await?; // not stored
///     sum(&cache, vec!["forty".into()]).await.unwrap_err(); // not stored
/// }
/// assert_eq!((cache.stats().fills, cache.stats().hits), (1, 1));
/// # Ok(())
/// # }
/// ```
///
/// # Limitations
///
/// - The function has to be an `async fn`, or a method under `#[async_trait]`.
/// - The attribute knows types by their names. A pool behind an alias is an input like any other, a transaction behind one
///   is not noticed.
/// - What a function takes from elsewhere (a static, a task-local, the clock, a header that no parameter has) is not in
///   its key.
/// - Attributes below `#[cache]` are seen, and those above are expanded before it: put `#[cache]` above `#[get]` and the
///   like where it has to know the route.
/// - `stale_while_revalidate`, `detached` and `verify` need parameters that are owned.
/// - A task that a handler spawns knows nothing of the request: it uses the installed cache, or that of `cache = …`.
/// - A read that is called by a write of the same entry, or in the scope of a transaction, runs without the cache.
///
/// # Examples
///
/// A list that expires, is refreshed in the background, and is removed through a tag:
///
/// ```
/// use cache_runtime::{Cache, cache};
///
/// #[cache(
///     "feed:{user_id}:{page}", expiration = "1m", stale_while_revalidate = "30s",
///     tags = ["user:{user_id}", "feeds"], condition = page < 10, cache = cache
/// )]
/// async fn feed(cache: Cache, user_id: u64, page: u32) -> Vec<String> {
///     vec![format!("a post for {user_id}")]
/// }
///
/// #[cache(tags_to_invalidate = ["user:{user_id}"], cache = cache)]
/// async fn follow(cache: &Cache, user_id: u64, whom: u64) -> Result<(), std::io::Error> {
///     Ok(())
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), std::io::Error> {
/// let cache = Cache::in_memory();
/// feed(cache.clone(), 1, 1).await;
/// feed(cache.clone(), 2, 1).await;
/// follow(&cache, 1, 2).await?;
/// feed(cache.clone(), 1, 1).await; // a miss
/// feed(cache.clone(), 2, 1).await; // a hit
/// assert_eq!((cache.stats().misses, cache.stats().hits), (3, 1));
/// # Ok(())
/// # }
/// ```
///
/// A write that names what it returns, a further key and a pattern:
///
/// ```
/// use cache_runtime::{Cache, cache};
///
/// struct Post {
///     id: u64,
/// }
///
/// #[cache(
///     to_invalidate_extra = {"post": "{result.id}", "latest_posts": "global"},
///     pattern_to_invalidate_extra = ["{username}_posts:*"],
///     cache = cache
/// )]
/// async fn create_post(cache: &Cache, username: &str, text: &str) -> Result<Post, std::io::Error> {
///     Ok(Post { id: 7 }) // INSERT …
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let cache = Cache::in_memory();
/// cache.set("john_posts:page_1", &[1, 2], std::time::Duration::from_secs(60)).await?;
/// create_post(&cache, "john", "hello").await?; // removes post:7, latest_posts:global and john_posts:*
/// assert_eq!(cache.get::<Vec<u64>>("john_posts:page_1").await?, None);
/// # Ok(())
/// # }
/// ```
///
/// A method, with the cache of its receiver:
///
/// ```
/// use cache_runtime::{Cache, cache};
///
/// struct Posts {
///     cache: Cache,
///     tenant: String,
/// }
///
/// impl Posts {
///     #[cache("{self.tenant}_post", resource_id_name = "id", cache = self.cache)]
///     async fn read(&self, id: u64) -> String {
///         format!("post {id} of {}", self.tenant)
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let posts = Posts { cache: Cache::in_memory(), tenant: "acme".into() };
/// posts.read(7).await;
/// posts.read(7).await;
/// assert_eq!(posts.cache.stats().hits, 1);
/// # }
/// ```
///
/// [`Cache`]: https://docs.rs/cache-runtime/latest/cache_runtime/struct.Cache.html
/// [`Cache::deferred`]: https://docs.rs/cache-runtime/latest/cache_runtime/struct.Cache.html#method.deferred
/// [`Cached`]: https://docs.rs/cache-runtime/latest/cache_runtime/struct.Cached.html
/// [`HttpStatus`]: https://docs.rs/cache-runtime/latest/cache_runtime/trait.HttpStatus.html
/// [`RequestMethod`]: https://docs.rs/cache-runtime/latest/cache_runtime/trait.RequestMethod.html
/// [`key!`]: https://docs.rs/cache-runtime/latest/cache_runtime/macro.key.html
/// [`templates!`]: https://docs.rs/cache-runtime/latest/cache_runtime/macro.templates.html
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
