//! Parsers of the shapes that an argument's value can have. They get the argument's name for their messages.

use proc_macro2::{Ident, Literal, Span, TokenStream, TokenTree};
use syn::ext::IdentExt as _;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::spanned::Spanned as _;
use syn::{Expr, Lit, LitStr, Path, Token, Type, UnOp, braced, bracketed, parenthesized};

/// Makes a parser of `= value` from the parser of a value.
pub(super) fn after_equals<T>(
    value: impl Fn(&Ident, ParseStream<'_>) -> syn::Result<T>,
) -> impl Fn(&Ident, ParseStream<'_>) -> syn::Result<T> {
    move |key, input| {
        let equals: Option<Token![=]> = input.parse()?;
        if equals.is_none() || input.is_empty() || input.peek(Token![,]) {
            let message = format!("`{key}` needs a value: `{key} = …`");
            return Err(syn::Error::new(key.span(), message));
        }
        value(key, input)
    }
}

pub(super) fn text(key: &Ident, input: ParseStream<'_>) -> syn::Result<LitStr> {
    input.parse().map_err(|error: syn::Error| {
        syn::Error::new(
            error.span(),
            format!("`{key}` must be a string literal, such as `{key} = \"…\"`"),
        )
    })
}

pub(super) fn method(key: &Ident, input: ParseStream<'_>) -> syn::Result<LitStr> {
    let method = text(key, input)?;
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

/// `2`
pub(super) fn number(key: &Ident, input: ParseStream<'_>) -> syn::Result<u32> {
    let expression = ungroup(input.parse()?);
    let number = match &expression {
        Expr::Lit(literal) => match &literal.lit {
            Lit::Int(number) if number.suffix().is_empty() => number.base10_parse().ok(),
            _ => None,
        },
        _ => None,
    };
    number.ok_or_else(|| {
        let message = format!("`{key}` must be a whole number, such as `{key} = 2`");
        syn::Error::new_spanned(expression, message)
    })
}

/// An argument that stands alone.
pub(super) fn flag(key: &Ident, input: ParseStream<'_>) -> syn::Result<()> {
    if input.is_empty() || input.peek(Token![,]) {
        return Ok(());
    }
    let _: Option<Token![=]> = input.parse()?;
    let message = format!("`{key}` has no value: write `{key}`, or leave it out");
    Err(input.error(message))
}

/// `8`, or an expression of a `usize`
pub(super) fn count(key: &Ident, input: ParseStream<'_>) -> syn::Result<Expr> {
    let expression = ungroup(input.parse()?);
    let is_count = match &expression {
        Expr::Lit(literal) => match &literal.lit {
            Lit::Int(number) => number.base10_parse::<u32>().is_ok_and(|number| number > 0),
            _ => false,
        },
        Expr::Unary(unary) => !matches!(unary.op, UnOp::Neg(_)),
        _ => true,
    };
    if is_count {
        return Ok(expression);
    }
    let message =
        format!("`{key}` must be a whole number above zero, such as `{key} = 8`, or a `usize`");
    Err(syn::Error::new_spanned(expression, message))
}

/// `0.001`, or an expression of an `f64`
pub(super) fn rate(key: &Ident, input: ParseStream<'_>) -> syn::Result<Expr> {
    let expression = ungroup(input.parse()?);
    let literal = match &expression {
        Expr::Lit(literal) => match &literal.lit {
            Lit::Float(number) => number.base10_parse().ok(),
            Lit::Int(number) => number.base10_parse().ok(),
            _ => None,
        },
        Expr::Unary(unary) if matches!(unary.op, UnOp::Neg(_)) => None,
        _ => return Ok(expression),
    };
    let Some(rate) = literal.filter(|rate| (0.0..=1.0).contains(rate)) else {
        let message =
            format!("`{key}` must be a number from 0 to 1, such as `{key} = 0.001`, or an `f64`");
        return Err(syn::Error::new_spanned(expression, message));
    };
    let mut number = Literal::f64_suffixed(rate);
    number.set_span(expression.span());
    Ok(Expr::Verbatim(TokenTree::from(number).into()))
}

pub(super) fn expression(_: &Ident, input: ParseStream<'_>) -> syn::Result<Expr> {
    input.parse().map(ungroup)
}

/// An expression that is a fragment of a `macro_rules!` comes in an invisible group.
pub(super) fn ungroup(expression: Expr) -> Expr {
    match expression {
        Expr::Group(group) => ungroup(*group.expr),
        other => other,
    }
}

pub(super) fn path(_: &Ident, input: ParseStream<'_>) -> syn::Result<Path> {
    input.call(Path::parse_mod_style)
}

/// `T` or `(T, U)`
pub(super) fn types(_: &Ident, input: ParseStream<'_>) -> syn::Result<Vec<Type>> {
    let mut ty: Type = input.parse()?;
    while let Type::Group(group) = ty {
        ty = *group.elem;
    }
    let types: Vec<Type> = match ty {
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

/// `|value| …` or `Vec::is_empty`, with examples for its message.
pub(super) fn predicate(
    name: &str,
    of: &str,
    closure: &str,
    function: &str,
) -> impl Fn(&Ident, ParseStream<'_>) -> syn::Result<Expr> {
    let shape = format!(
        "`{name}` must be a closure or a function of the {of}, such as `{closure}` or `{function}`"
    );
    let name = name.to_owned();
    move |_, input| {
        let predicate = ungroup(input.parse()?);
        refuse_async(&name, &predicate)?;
        if of_value(&predicate) {
            Ok(predicate)
        } else {
            Err(syn::Error::new_spanned(predicate, &shape))
        }
    }
}

/// Whether a write that failed made its targets stale.
pub(crate) enum InvalidateOnError {
    Always,
    /// A predicate of the error tells.
    If(Box<Expr>),
}

/// `true`, or `|error| error.is_late()`
pub(super) fn invalidate_on_error(
    _: &Ident,
    input: ParseStream<'_>,
) -> syn::Result<InvalidateOnError> {
    let value = ungroup(input.parse()?);
    refuse_async("invalidate_on_error", &value)?;
    match &value {
        Expr::Lit(literal) if matches!(&literal.lit, Lit::Bool(bool) if bool.value) => {
            Ok(InvalidateOnError::Always)
        }
        predicate if of_value(predicate) => Ok(InvalidateOnError::If(Box::new(value))),
        _ => Err(syn::Error::new_spanned(
            value,
            "`invalidate_on_error` must be `true`, or a closure or a function of the error, such as `|error| error.is_late()` or `Error::is_late`",
        )),
    }
}

/// Whether it looks like something that takes one value.
pub(super) fn of_value(value: &Expr) -> bool {
    match value {
        Expr::Closure(closure) => closure.inputs.len() == 1,
        Expr::Path(_) => true,
        _ => false,
    }
}

/// An async closure returns a future, which nobody would await.
pub(super) fn refuse_async(name: &str, value: &Expr) -> syn::Result<()> {
    let Expr::Closure(closure) = value else {
        return Ok(());
    };
    let Some(asyncness) = closure.asyncness else {
        return Ok(());
    };
    let message = format!(
        "`{name}` can't wait: its closure looks at a value that is there, and is not `async`"
    );
    Err(syn::Error::new(asyncness.span, message))
}

/// `{"user_posts": "{user_id}", "latest_posts": "global"}`
pub(super) fn dictionary(
    key: &Ident,
    input: ParseStream<'_>,
) -> syn::Result<Vec<(LitStr, LitStr)>> {
    const SHAPE: &str =
        "`to_invalidate_extra` must look like `{\"user_posts\": \"{user_id}\"}`: prefix, colon, id";
    if !input.peek(syn::token::Brace) {
        return Err(input.error(SHAPE));
    }
    let content;
    braced!(content in input);
    let pairs = items::<Pair>(key, &content, SHAPE)?;
    Ok(pairs.map(|Pair(prefix, id)| (prefix, id)).collect())
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

/// `["user_{user_id}_*", "search_*"]`
pub(super) fn list(example: &str) -> impl Fn(&Ident, ParseStream<'_>) -> syn::Result<Vec<LitStr>> {
    move |key, input| {
        let shape = format!("`{key}` must be a list of string literals, such as `[\"{example}\"]`");
        if !input.peek(syn::token::Bracket) {
            return Err(input.error(shape));
        }
        let content;
        bracketed!(content in input);
        Ok(items(key, &content, &shape)?.collect())
    }
}

/// What `skip` calls the `..` of a pattern.
pub(crate) const REST: &str = "..";

/// A name in `skip(…)`: of a parameter or a generic one, `self`, or `..`.
pub(crate) struct Skipped {
    /// The name without `r#`.
    pub(crate) name: String,
    pub(crate) span: Span,
}

impl Parse for Skipped {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        if let Some(rest) = input.parse::<Option<Token![..]>>()? {
            let name = REST.to_owned();
            return Ok(Self {
                name,
                span: rest.spans[0],
            });
        }
        let ident = input.call(Ident::parse_any)?;
        let (name, span) = (ident.unraw().to_string(), ident.span());
        Ok(Self { name, span })
    }
}

/// `(trace_id, db)`
pub(super) fn names(key: &Ident, input: ParseStream<'_>) -> syn::Result<Vec<Skipped>> {
    const SHAPE: &str = "`skip` must name parameters, such as `skip(trace_id)`";
    if !input.peek(syn::token::Paren) {
        return Err(syn::Error::new(key.span(), SHAPE));
    }
    let content;
    parenthesized!(content in input);
    Ok(items(key, &content, SHAPE)?.collect())
}

/// `[$crate]`, which a macro of the runtime puts in front
pub(super) fn path_in_brackets(input: ParseStream<'_>) -> syn::Result<Path> {
    let path;
    bracketed!(path in input);
    path.call(Path::parse_mod_style)
}

/// Parses what stands between brackets, separated by commas: one item at least.
fn items<T: Parse>(
    key: &Ident,
    content: ParseStream<'_>,
    shape: &str,
) -> syn::Result<impl Iterator<Item = T> + use<T>> {
    let items = Punctuated::<T, Token![,]>::parse_terminated(content).map_err(|error| {
        // syn would complain a second time of a rest that nobody has read.
        let _ = content.parse::<TokenStream>();
        syn::Error::new(error.span(), shape)
    })?;
    if items.is_empty() {
        let message = format!("`{key}` is empty: put something into it, or leave it out");
        return Err(syn::Error::new(key.span(), message));
    }
    Ok(items.into_iter())
}
