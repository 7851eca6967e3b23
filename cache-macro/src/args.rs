//! What stands between the parentheses of `#[cache(...)]`. Knows nothing of the function.

use std::time::Duration;

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use syn::ext::IdentExt as _;
use syn::parse::{Parse, ParseStream, Parser as _};
use syn::punctuated::Punctuated;
use syn::{Expr, Lit, LitStr, Path, Token, Type, UnOp, braced, bracketed, parenthesized};

use crate::errors::{Errors, did_you_mean};

const ARGUMENTS: [&str; 16] = [
    "key_prefix",
    "resource_id_name",
    "resource_id_type",
    "expiration",
    "stale_while_revalidate",
    "stale_if_error",
    "to_invalidate_extra",
    "pattern_to_invalidate_extra",
    "tags",
    "tags_to_invalidate",
    "method",
    "condition",
    "unless",
    "skip",
    "cache",
    "crate",
];

#[derive(Default)]
pub(crate) struct CacheArgs {
    pub(crate) key_prefix: Option<Arg<LitStr>>,
    pub(crate) resource_id_name: Option<Arg<LitStr>>,
    pub(crate) resource_id_type: Option<Arg<Vec<Type>>>,
    pub(crate) expiration: Option<Arg<Time>>,
    pub(crate) stale_while_revalidate: Option<Arg<Time>>,
    pub(crate) stale_if_error: Option<Arg<Time>>,
    pub(crate) to_invalidate_extra: Option<Arg<Vec<(LitStr, LitStr)>>>,
    pub(crate) pattern_to_invalidate_extra: Option<Arg<Vec<LitStr>>>,
    pub(crate) tags: Option<Arg<Vec<LitStr>>>,
    pub(crate) tags_to_invalidate: Option<Arg<Vec<LitStr>>>,
    pub(crate) method: Option<Arg<LitStr>>,
    pub(crate) condition: Option<Arg<Expr>>,
    pub(crate) unless: Option<Arg<Expr>>,
    pub(crate) skip: Option<Arg<Vec<Ident>>>,
    pub(crate) cache: Option<Arg<Expr>>,
    pub(crate) krate: Option<Arg<Path>>,
}

/// A value and the span of the key it was given under.
pub(crate) struct Arg<T> {
    pub(crate) key: Span,
    pub(crate) value: T,
}

pub(crate) enum Time {
    Literal(Duration),
    Expression(Box<Expr>),
}

impl CacheArgs {
    /// Reads as much as can be read; every mistake is reported, not only the first.
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
            return set(
                &mut self.key_prefix,
                &Ident::new("key_prefix", prefix.span()),
                prefix,
            );
        }
        let key = input.call(Ident::parse_any).map_err(|error| {
            syn::Error::new(error.span(), "expected an argument like `expiration = 60`")
        })?;
        if !ARGUMENTS.contains(&key.to_string().as_str()) {
            return Err(unknown_argument(&key));
        }
        if key == "skip" {
            return set(&mut self.skip, &key, parse_skip(&key, input)?);
        }
        let equals: Option<Token![=]> = input.parse()?;
        if equals.is_none() || input.is_empty() || input.peek(Token![,]) {
            return Err(syn::Error::new(
                key.span(),
                format!("`{key}` needs a value: `{key} = …`"),
            ));
        }
        match key.to_string().as_str() {
            "key_prefix" => set(&mut self.key_prefix, &key, text(input, &key)?),
            "resource_id_name" => set(&mut self.resource_id_name, &key, text(input, &key)?),
            "resource_id_type" => set(&mut self.resource_id_type, &key, types(input)?),
            "expiration" => set(&mut self.expiration, &key, time(input, &key)?),
            "stale_while_revalidate" => {
                set(&mut self.stale_while_revalidate, &key, time(input, &key)?)
            }
            "stale_if_error" => set(&mut self.stale_if_error, &key, time(input, &key)?),
            "to_invalidate_extra" => set(
                &mut self.to_invalidate_extra,
                &key,
                dictionary(input, &key)?,
            ),
            "pattern_to_invalidate_extra" => set(
                &mut self.pattern_to_invalidate_extra,
                &key,
                list(input, &key, "user_{user_id}_*")?,
            ),
            "tags" => set(&mut self.tags, &key, list(input, &key, "user:{user_id}")?),
            "tags_to_invalidate" => set(
                &mut self.tags_to_invalidate,
                &key,
                list(input, &key, "user:{user_id}")?,
            ),
            "method" => set(&mut self.method, &key, method(input, &key)?),
            "condition" => set(&mut self.condition, &key, input.parse()?),
            "unless" => set(&mut self.unless, &key, predicate(input)?),
            "cache" => set(&mut self.cache, &key, input.parse()?),
            _ => set(&mut self.krate, &key, input.call(Path::parse_mod_style)?),
        }
    }
}

fn set<T>(slot: &mut Option<Arg<T>>, key: &Ident, value: T) -> syn::Result<()> {
    if slot.is_some() {
        return Err(syn::Error::new(
            key.span(),
            format!("`{key}` is given twice"),
        ));
    }
    *slot = Some(Arg {
        key: key.span(),
        value,
    });
    Ok(())
}

/// After a mistake, reading goes on behind the next comma, so that independent mistakes come together.
fn skip_to_comma(input: ParseStream<'_>) -> syn::Result<()> {
    while !input.is_empty() && !input.peek(Token![,]) {
        input.parse::<TokenTree>()?;
    }
    Ok(())
}

fn unknown_argument(key: &Ident) -> syn::Error {
    let name = key.to_string();
    let meant = match name.as_str() {
        "ttl" | "expire" | "expires" | "expiry" | "time" => Some("expiration"),
        "key" | "prefix" | "name" => Some("key_prefix"),
        "pattern" | "patterns" => Some("pattern_to_invalidate_extra"),
        "invalidate" | "invalidates" => Some("to_invalidate_extra"),
        "id" | "resource_id" => Some("resource_id_name"),
        "tag" => Some("tags"),
        "swr" | "stale" => Some("stale_while_revalidate"),
        "sie" => Some("stale_if_error"),
        _ => did_you_mean(&name, ARGUMENTS),
    };
    let hint = match meant {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => format!("there are `{}`", ARGUMENTS.join("`, `")),
    };
    syn::Error::new(key.span(), format!("unknown argument `{name}`; {hint}"))
}

fn text(input: ParseStream<'_>, key: &Ident) -> syn::Result<LitStr> {
    input.parse().map_err(|error: syn::Error| {
        syn::Error::new(
            error.span(),
            format!("`{key}` must be a string literal, such as `{key} = \"…\"`"),
        )
    })
}

fn method(input: ParseStream<'_>, key: &Ident) -> syn::Result<LitStr> {
    let method = text(input, key)?;
    let name = method.value();
    let is_token = !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if is_token && name == name.to_ascii_uppercase() {
        return Ok(method);
    }
    let example = if is_token {
        name.to_ascii_uppercase()
    } else {
        "PUT".into()
    };
    let message = format!("`method` must be a request method in capitals, such as `\"{example}\"`");
    Err(syn::Error::new(method.span(), message))
}

/// `T` or `(T, U)`.
fn types(input: ParseStream<'_>) -> syn::Result<Vec<Type>> {
    let types: Vec<Type> = match input.parse()? {
        Type::Tuple(tuple) if tuple.elems.is_empty() => {
            let message = "`resource_id_type` must name a type, such as `i64` or `(i64, String)`";
            return Err(syn::Error::new_spanned(tuple, message));
        }
        Type::Tuple(tuple) => tuple.elems.into_iter().collect(),
        Type::Paren(inner) => vec![*inner.elem],
        single => vec![single],
    };
    for ty in &types {
        if let Type::Path(path) = ty {
            let rust = match path.path.get_ident().map(ToString::to_string).as_deref() {
                Some("int") => "i64",
                Some("str") => "String",
                _ => continue,
            };
            let message = format!("name the Rust type that the parameter has, such as `{rust}`");
            return Err(syn::Error::new_spanned(ty, message));
        }
    }
    Ok(types)
}

/// `{"user_posts": "{user_id}", "latest_posts": "global"}`
fn dictionary(input: ParseStream<'_>, key: &Ident) -> syn::Result<Vec<(LitStr, LitStr)>> {
    const SHAPE: &str =
        "`to_invalidate_extra` must look like `{\"user_posts\": \"{user_id}\"}`: prefix, colon, id";
    if !input.peek(syn::token::Brace) {
        return Err(input.error(SHAPE));
    }
    let content;
    braced!(content in input);
    let pairs = Punctuated::<Pair, Token![,]>::parse_terminated(&content);
    let pairs = pairs.map_err(|error| in_brackets(&content, &error, SHAPE))?;
    not_empty(
        pairs
            .into_iter()
            .map(|Pair(prefix, id)| (prefix, id))
            .collect(),
        key,
    )
}

/// `"user_posts": "{user_id}"`
struct Pair(LitStr, LitStr);

impl Parse for Pair {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let prefix = input.parse()?;
        input.parse::<Token![:]>()?;
        Ok(Self(prefix, input.parse()?))
    }
}

/// A mistake between brackets, whose rest is passed over: left alone, syn would complain of it again.
fn in_brackets(content: ParseStream<'_>, error: &syn::Error, message: &str) -> syn::Error {
    let _ = content.parse::<TokenStream>();
    syn::Error::new(error.span(), message)
}

/// `["user_{user_id}_*", "search_*"]`
fn list(input: ParseStream<'_>, key: &Ident, example: &str) -> syn::Result<Vec<LitStr>> {
    let shape = format!("`{key}` must be a list of string literals, such as `[\"{example}\"]`");
    if !input.peek(syn::token::Bracket) {
        return Err(input.error(shape));
    }
    let content;
    bracketed!(content in input);
    let items = Punctuated::<LitStr, Token![,]>::parse_terminated(&content);
    let items = items.map_err(|error| in_brackets(&content, &error, &shape))?;
    not_empty(items.into_iter().collect(), key)
}

fn not_empty<T>(items: Vec<T>, key: &Ident) -> syn::Result<Vec<T>> {
    if items.is_empty() {
        return Err(syn::Error::new(
            key.span(),
            format!("`{key}` is empty: put something into it, or leave it out"),
        ));
    }
    Ok(items)
}

fn predicate(input: ParseStream<'_>) -> syn::Result<Expr> {
    const SHAPE: &str = "`unless` must be a closure or a function of the answer's value, such as `|posts| posts.is_empty()` or `Vec::is_empty`";
    let predicate: Expr = input.parse()?;
    match &predicate {
        Expr::Closure(closure) if closure.inputs.len() == 1 => Ok(predicate),
        Expr::Path(_) => Ok(predicate),
        _ => Err(syn::Error::new_spanned(predicate, SHAPE)),
    }
}

fn parse_skip(key: &Ident, input: ParseStream<'_>) -> syn::Result<Vec<Ident>> {
    const SHAPE: &str = "`skip` must name parameters, such as `skip(trace_id)`";
    if !input.peek(syn::token::Paren) {
        return Err(syn::Error::new(key.span(), SHAPE));
    }
    let content;
    parenthesized!(content in input);
    let names = Punctuated::<Ident, Token![,]>::parse_terminated(&content);
    let names = names.map_err(|error| in_brackets(&content, &error, SHAPE))?;
    not_empty(names.into_iter().collect(), key)
}

fn time(input: ParseStream<'_>, key: &Ident) -> syn::Result<Time> {
    let expression: Expr = input.parse()?;
    let literal = match &expression {
        Expr::Lit(literal) => match &literal.lit {
            Lit::Int(seconds) => seconds.base10_parse().ok().map(Duration::from_secs),
            Lit::Str(text) => parse_duration(&text.value()),
            _ => None,
        },
        Expr::Unary(unary) if matches!(unary.op, UnOp::Neg(_)) => None,
        _ => return Ok(Time::Expression(Box::new(expression))),
    };
    match literal {
        Some(time) if !time.is_zero() => Ok(Time::Literal(time)),
        _ => Err(syn::Error::new_spanned(
            expression,
            format!(
                "`{key}` must be whole seconds above zero, text such as `\"5m\"`, or a `Duration`"
            ),
        )),
    }
}

/// `"90s"`, `"5m"`, `"1h30m"`: numbers with the units `ms`, `s`, `m`, `h`, `d`.
fn parse_duration(text: &str) -> Option<Duration> {
    let mut total = Duration::ZERO;
    let mut rest = text.trim();
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let number: u64 = rest[..digits].parse().ok()?;
        let unit_and_more = &rest[digits..];
        let unit = &unit_and_more[..unit_and_more
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(unit_and_more.len())];
        let milliseconds: u64 = match unit.trim() {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return None,
        };
        total = total.checked_add(Duration::from_millis(number.checked_mul(milliseconds)?))?;
        rest = &unit_and_more[unit.len()..];
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_numbers_with_units() {
        let seconds = |text| parse_duration(text).map(|duration| duration.as_secs_f64());
        assert_eq!(seconds("90s"), Some(90.0));
        assert_eq!(seconds("1h30m"), Some(5400.0));
        assert_eq!(seconds("250ms"), Some(0.25));
        assert_eq!(seconds("2d"), Some(172_800.0));
        for wrong in [
            "",
            "5",
            "m",
            "5 minutes",
            "-5s",
            "5x",
            "99999999999999999999s",
            "s5",
        ] {
            assert_eq!(seconds(wrong), None, "{wrong}");
        }
    }
}
