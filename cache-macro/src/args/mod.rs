//! Parses what stands between the parentheses of `#[cache(...)]`. Nothing of the function is known here.

mod by_hand;
mod shared;
mod time;
mod value;

use proc_macro2::{Ident, TokenStream, TokenTree};
use syn::ext::IdentExt as _;
use syn::parse::{ParseStream, Parser as _};
use syn::{Expr, LitStr, Path, Token, Type};

pub(crate) use self::by_hand::{ByHand, GivenValue};
pub(crate) use self::shared::{Filling, SharedName, SharedTemplates, first_shared};
pub(crate) use self::time::{Expiration, StaleIfError, Time};
use self::time::{expiration, near, stale_if_error, time};
pub(crate) use self::value::{InvalidateOnError, REST, Skipped};
use self::value::{
    after_equals, count, dictionary, expression, flag, invalidate_on_error, list, method, names,
    number, path, predicate, rate, text, types,
};
use crate::errors::{Errors, did_you_mean};

/// States each argument once, as `name: Type = parser;`. The parser reads what stands behind the name. An
/// argument whose name is a keyword is stated as `field as "name": …`.
macro_rules! arguments {
    ($($field:ident $(as $name:literal)?: $type:ty = $parser:expr;)*) => {
        pub(crate) const NAMES: &[&str] = &[$(arguments!(@name $field $($name)?)),*];

        #[derive(Default)]
        pub(crate) struct CacheArgs {
            $(pub(crate) $field: Option<Arg<$type>>,)*
        }

        impl CacheArgs {
            /// Reads what stands behind the key into the field of that name.
            fn parse_value(&mut self, key: Ident, input: ParseStream<'_>) -> syn::Result<()> {
                match key.to_string().as_str() {
                    $(arguments!(@name $field $($name)?) => {
                        let value = $parser(&key, input)?;
                        set(&mut self.$field, key, value)
                    })*
                    _ => Err(unknown_argument(&key, is_of_a_value(input))),
                }
            }
        }
    };
    (@name $field:ident) => { stringify!($field) };
    (@name $field:ident $name:literal) => { $name };
}

arguments! {
    key_prefix: LitStr = after_equals(text);
    resource_id_name: LitStr = after_equals(text);
    resource_id_type: Vec<Type> = after_equals(types);
    version: u32 = after_equals(number);
    expiration: Expiration = after_equals(expiration);
    stale_while_revalidate: Time = after_equals(time);
    stale_if_error: StaleIfError = after_equals(stale_if_error);
    near: Time = after_equals(near);
    max_loads: Expr = after_equals(count);
    detached: () = flag;
    verify: Expr = after_equals(rate);
    to_invalidate_extra: Vec<(LitStr, LitStr)> = after_equals(dictionary);
    pattern_to_invalidate_extra: Vec<LitStr> = after_equals(list("user_{user_id}_*"));
    tags: Vec<LitStr> = after_equals(list("user:{user_id}"));
    tags_to_invalidate: Vec<LitStr> = after_equals(list("user:{user_id}"));
    invalidate_on_error: InvalidateOnError = after_equals(invalidate_on_error);
    method: LitStr = after_equals(method);
    condition: Expr = after_equals(expression);
    unless: Expr = after_equals(predicate("unless", "value", "|posts| posts.is_empty()", "Vec::is_empty"));
    skip: Vec<Skipped> = names;
    cache: Expr = after_equals(expression);
    krate as "crate": Path = after_equals(path);
}

/// The value of an argument, and its name where the attribute has it.
pub(crate) struct Arg<T> {
    pub(crate) key: Ident,
    pub(crate) value: T,
}

impl CacheArgs {
    /// Reads as much as can be read, so that every mistake is reported and not only the first.
    pub(crate) fn parse(tokens: TokenStream, errors: &mut Errors) -> Self {
        let mut args = Self::default();
        let parser = |input: ParseStream<'_>| {
            while !input.is_empty() {
                if let Err(error) = args.parse_argument(input) {
                    errors.push(error);
                    skip_to_comma(input)?;
                }
                if !input.is_empty() {
                    input.parse::<Token![,]>()?;
                }
            }
            Ok(())
        };
        let outcome = parser.parse2(tokens);
        if let Err(error) = outcome {
            errors.push(error);
        }
        args
    }

    fn parse_argument(&mut self, input: ParseStream<'_>) -> syn::Result<()> {
        if input.peek(LitStr) {
            let prefix: LitStr = input.parse()?;
            let key = Ident::new("key_prefix", prefix.span());
            return set(&mut self.key_prefix, key, prefix);
        }
        let key = input.call(Ident::parse_any).map_err(|error| {
            syn::Error::new(error.span(), "expected an argument like `expiration = 60`")
        })?;
        self.parse_value(key, input)
    }

    /// The first argument that only a write can have.
    pub(crate) fn of_writes(&self) -> Option<&Ident> {
        let on_error = self.invalidate_on_error.as_ref().map(|arg| &arg.key);
        self.invalidation().or(on_error)
    }

    /// The first argument that says what to invalidate.
    pub(crate) fn invalidation(&self) -> Option<&Ident> {
        let extra = self.to_invalidate_extra.as_ref().map(|arg| &arg.key);
        let patterns = self.pattern_to_invalidate_extra.as_ref();
        let tags = self.tags_to_invalidate.as_ref();
        extra
            .or(patterns.map(|arg| &arg.key))
            .or(tags.map(|arg| &arg.key))
    }
}

fn set<T>(slot: &mut Option<Arg<T>>, key: Ident, value: T) -> syn::Result<()> {
    if slot.is_some() {
        return Err(syn::Error::new(
            key.span(),
            format!("`{key}` is given twice"),
        ));
    }
    *slot = Some(Arg { key, value });
    Ok(())
}

/// Skips the rest of an argument that has a mistake, so that mistakes in the others are reported as well.
fn skip_to_comma(input: ParseStream<'_>) -> syn::Result<()> {
    while !input.is_empty() && !input.peek(Token![,]) {
        input.parse::<TokenTree>()?;
    }
    Ok(())
}

/// Whether what stands behind the argument's name begins as `= item.id()` does.
fn is_of_a_value(input: ParseStream<'_>) -> bool {
    input.peek(Token![=]) && input.peek2(Ident::peek_any) && input.peek3(Token![.])
}

fn unknown_argument(key: &Ident, is_of_a_value: bool) -> syn::Error {
    let name = key.to_string();
    let meant = match name.as_str() {
        "ttl" | "expire" | "expires" | "expiry" | "time" => Some("expiration"),
        "key" | "prefix" | "name" => Some("key_prefix"),
        "pattern" | "patterns" => Some("pattern_to_invalidate_extra"),
        "invalidate" | "invalidates" => Some("to_invalidate_extra"),
        "id" | "resource_id" if !is_of_a_value => Some("resource_id_name"),
        "tag" => Some("tags"),
        "swr" | "stale" => Some("stale_while_revalidate"),
        "sie" => Some("stale_if_error"),
        "limit" | "concurrency" | "max_concurrency" => Some("max_loads"),
        _ => did_you_mean(&name, NAMES.iter().copied()),
    };
    let hint = match meant {
        Some(meant) => format!("did you mean `{meant}`?"),
        None if is_of_a_value => format!(
            "a template names parameters and their fields, and calls nothing: take `{name}` as a parameter"
        ),
        None => format!("there are `{}`", NAMES.join("`, `")),
    };
    syn::Error::new(key.span(), format!("unknown argument `{name}`; {hint}"))
}
