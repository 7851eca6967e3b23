//! Makes the patterns of a write, which remove no more than they say.

use syn::LitStr;

use super::Planner;
use super::templates::Scope;
use crate::template::{Segment, Template};

impl Planner<'_> {
    pub(super) fn pattern(&mut self, source: &LitStr, scope: Scope) -> Option<Template> {
        let pattern = self.template(source, scope)?;
        self.errors.keep(bounded(pattern, source))
    }
}

/// A pattern ends in `*`, as in the reference, and has text in front of that.
pub(super) fn bounded(mut pattern: Template, source: &LitStr) -> syn::Result<Template> {
    let stars = match pattern.segments.split_last() {
        Some((Segment::Literal(text), others))
            if text.bytes().all(|byte| b"*?".contains(&byte)) =>
        {
            others.last()
        }
        last => last.map(|(last, _)| last),
    };
    let text = source.value();
    let text = text.trim_end_matches(['*', '?']);
    let message = match stars {
        None => format!(
            "`{}` takes every key of the cache: write the text that yours begin with, such as `user_*`",
            source.value()
        ),
        Some(Segment::Placeholder(_)) => format!(
            "`{text}*` takes what only begins with the value as well: write the text behind it, such as `{text}_*` or `{text}:*`"
        ),
        Some(Segment::Literal(_)) => {
            if !ends_in_star(&pattern) {
                pattern.push_literal("*");
            }
            return Ok(pattern);
        }
    };
    Err(syn::Error::new(source.span(), message))
}

fn ends_in_star(pattern: &Template) -> bool {
    match pattern.segments.last() {
        Some(Segment::Literal(text)) => text.ends_with('*') && !text.ends_with("\\*"),
        _ => false,
    }
}
