//! Parses a time: `60`, `"5m"`, or an expression of a `Duration`; and one with a closure beside it.

use std::time::Duration;

use proc_macro2::{Ident, TokenStream};
use syn::parse::ParseStream;
use syn::token::Brace;
use syn::{Expr, Lit, Token, UnOp, braced};

use super::value::{of_value, predicate, refuse_async, ungroup};

pub(crate) enum Time {
    Literal(Duration),
    Expression(Box<Expr>),
}

pub(super) fn time(key: &Ident, input: ParseStream<'_>) -> syn::Result<Time> {
    let message = || {
        format!("`{key}` must be whole seconds above zero, text such as `\"5m\"`, or a `Duration`")
    };
    accepted(input, |time| !time.is_zero(), message)
}

/// The longest that a copy in memory may be served after it has become wrong. The runtime knows it too.
const LONGEST_NEAR: Duration = Duration::from_secs(1);

pub(super) fn near(key: &Ident, input: ParseStream<'_>) -> syn::Result<Time> {
    let message = || {
        format!(
            "`{key}` must be text such as `\"10ms\"`, from `\"0ms\"` to `\"1s\"`, or a `Duration`: so long does each write wait that removes such an entry"
        )
    };
    accepted(input, |time| *time <= LONGEST_NEAR, message)
}

/// How long an entry is fresh.
pub(crate) struct Expiration {
    /// At most, where the value tells.
    pub(crate) time: Time,
    /// What asks the value.
    pub(crate) ttl_of: Option<Expr>,
}

impl Expiration {
    pub(crate) const fn of(time: Time) -> Self {
        Self { time, ttl_of: None }
    }
}

/// What a value tells at most, unless the attribute says it. For so long its tags are kept in any case.
const LONGEST_OF_VALUE: Duration = Duration::from_secs(86_400);

/// `60`, `|token| token.expires_in`, or `{|token| token.expires_in, max = "7d"}`
pub(super) fn expiration(key: &Ident, input: ParseStream<'_>) -> syn::Result<Expiration> {
    if begins_with_closure(&input.fork()).unwrap_or(false) {
        return longest_beside_closure(key, input);
    }
    let ttl_of = match time(key, input)? {
        Time::Expression(value) if matches!(*value, Expr::Closure(_)) => *value,
        time => return Ok(Expiration::of(time)),
    };
    refuse_async("expiration", &ttl_of)?;
    if !of_value(&ttl_of) {
        return Err(syn::Error::new_spanned(
            ttl_of,
            "`expiration` must be a time, or a closure of the value, such as `|token| token.expires_in`",
        ));
    }
    Ok(Expiration {
        time: Time::Literal(LONGEST_OF_VALUE),
        ttl_of: Some(ttl_of),
    })
}

/// Else what is between braces is a block.
fn begins_with_closure(input: ParseStream<'_>) -> syn::Result<bool> {
    let content;
    braced!(content in input);
    let is_closure = matches!(ungroup(content.parse()?), Expr::Closure(_));
    Ok(is_closure || content.peek(Token![,]))
}

fn longest_beside_closure(key: &Ident, input: ParseStream<'_>) -> syn::Result<Expiration> {
    const SHAPE: &str = "`expiration` must be a time, or a closure of the value and the longest time: `{|token| token.expires_in, max = \"7d\"}`";
    let of = predicate(
        "expiration",
        "value",
        "|token| token.expires_in",
        "Token::expires_in",
    );
    let (ttl_of, time) = beside(input, key, SHAPE, "max", of, time)?;
    Ok(Expiration {
        time,
        ttl_of: Some(ttl_of),
    })
}

fn accepted(
    input: ParseStream<'_>,
    is_accepted: impl FnOnce(&Duration) -> bool,
    message: impl FnOnce() -> String,
) -> syn::Result<Time> {
    let expression = ungroup(input.parse()?);
    let literal = match &expression {
        Expr::Lit(literal) => match &literal.lit {
            Lit::Int(seconds) => seconds.base10_parse().ok().map(Duration::from_secs),
            Lit::Str(text) => parse_duration(&text.value()),
            _ => None,
        },
        Expr::Unary(unary) if matches!(unary.op, UnOp::Neg(_)) => None,
        _ => return Ok(Time::Expression(Box::new(expression))),
    };
    match literal.filter(is_accepted) {
        Some(time) => Ok(Time::Literal(time)),
        None => Err(syn::Error::new_spanned(expression, message())),
    }
}

/// How long an older value is served where the function fails, and which errors are failures.
pub(crate) struct StaleIfError {
    pub(crate) window: Time,
    /// Else their status tells.
    pub(crate) errors: Option<Expr>,
}

/// `60`, or `{60, errors = |error| error.is_timeout()}`
pub(super) fn stale_if_error(key: &Ident, input: ParseStream<'_>) -> syn::Result<StaleIfError> {
    const SHAPE: &str = "`stale_if_error` must be a time, or a time and which errors are failures: `{60, errors = |error| error.is_timeout()}`";
    if !input.peek(Brace) {
        let window = time(key, input)?;
        let errors = None;
        return Ok(StaleIfError { window, errors });
    }
    let of = predicate(
        "errors",
        "error",
        "|error| error.is_timeout()",
        "Error::is_timeout",
    );
    let (window, errors) = beside(input, key, SHAPE, "errors", time, of)?;
    Ok(StaleIfError {
        window,
        errors: Some(errors),
    })
}

/// `{first, name = second}`
fn beside<T, U>(
    input: ParseStream<'_>,
    key: &Ident,
    shape: &str,
    name: &str,
    first: impl FnOnce(&Ident, ParseStream<'_>) -> syn::Result<T>,
    second: impl FnOnce(&Ident, ParseStream<'_>) -> syn::Result<U>,
) -> syn::Result<(T, U)> {
    let content;
    braced!(content in input);
    let read = |content: ParseStream<'_>| {
        let first = first(key, content)?;
        let shape_at = |span| syn::Error::new(span, shape);
        let misshaped = |_| shape_at(content.span());
        content.parse::<Token![,]>().map_err(misshaped)?;
        let found: Ident = content.parse().map_err(misshaped)?;
        if found != name {
            return Err(shape_at(found.span()));
        }
        content.parse::<Token![=]>().map_err(misshaped)?;
        let second = second(&found, content)?;
        content.parse::<Option<Token![,]>>()?;
        if !content.is_empty() {
            return Err(shape_at(content.span()));
        }
        Ok((first, second))
    };
    read(&content).inspect_err(|_| {
        // syn would complain a second time of a rest that nobody has read.
        let _ = content.parse::<TokenStream>();
    })
}

/// Parses `"90s"`, `"5m"`, `"1h30m"`: numbers with the units `ms`, `s`, `m`, `h`, `d`.
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
