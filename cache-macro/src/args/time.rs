//! Parses a time: `60`, `"5m"`, or an expression of a `Duration`; and one with a predicate beside it.

use std::time::Duration;

use proc_macro2::{Ident, TokenStream};
use syn::parse::ParseStream;
use syn::token::Brace;
use syn::{Expr, Lit, Token, UnOp, braced};

use super::value::{predicate, ungroup};

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
    let content;
    braced!(content in input);
    let read = |content: ParseStream<'_>| {
        let window = time(key, content)?;
        let shape = |_| syn::Error::new(content.span(), SHAPE);
        content.parse::<Token![,]>().map_err(shape)?;
        let name: Ident = content.parse().map_err(shape)?;
        if name != "errors" {
            return Err(syn::Error::new(name.span(), SHAPE));
        }
        content.parse::<Token![=]>().map_err(shape)?;
        let errors = predicate(
            "errors",
            "error",
            "|error| error.is_timeout()",
            "Error::is_timeout",
        )(&name, content)?;
        content.parse::<Option<Token![,]>>()?;
        if !content.is_empty() {
            return Err(syn::Error::new(content.span(), SHAPE));
        }
        Ok(StaleIfError {
            window,
            errors: Some(errors),
        })
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
