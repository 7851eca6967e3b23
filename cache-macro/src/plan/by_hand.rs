//! Plans a key, a tag or a pattern that is made by hand: by the same rules as in the attribute, but for those that
//! look at a function.

use super::map::Mapped;
use super::patterns::bounded;
use super::secrets::told_secret;
use super::templates::not_empty;
use crate::args::{ByHand, GivenValue};
use crate::errors::Errors;
use crate::template::Template;

/// What is made.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Made {
    Key,
    Tag,
    Pattern,
}

impl Made {
    /// What the macro is called that makes it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::Tag => "tag",
            Self::Pattern => "pattern",
        }
    }
}

pub(crate) struct PlanByHand {
    pub(crate) template: Template,
    pub(crate) made: Made,
    /// What the map of the program is told.
    pub(crate) mapped: Mapped<'static>,
}

pub(crate) fn plan_by_hand(args: &ByHand, made: Made) -> syn::Result<PlanByHand> {
    let mut errors = Errors::default();
    let template = Template::parse(&args.template)
        .and_then(|template| not_empty(template, &args.template))
        .and_then(|template| match made {
            Made::Pattern => bounded(template, &args.template),
            Made::Key | Made::Tag => Ok(template),
        });
    let template = errors.keep(template);
    if let Some(template) = &template {
        let placeholders = template.placeholders();
        errors.extend(placeholders.filter_map(|placeholder| told_secret(placeholder, None)));
        errors.extend(unused(&args.values, template));
    }
    let template = errors.into_result(template)?;
    Ok(PlanByHand {
        mapped: Mapped::by_hand(made, &template),
        template,
        made,
    })
}

/// The values that no placeholder stands for, or that are given twice.
fn unused(values: &[GivenValue], template: &Template) -> Vec<syn::Error> {
    let mut errors = Vec::new();
    for (at, GivenValue { name, span, .. }) in values.iter().enumerate() {
        let message = if values[..at].iter().any(|earlier| earlier.name == *name) {
            format!("`{name}` is given twice")
        } else if !template.uses(name) {
            format!("`{name}` is not in the template: add `{{{name}}}` to it, or leave it out")
        } else {
            continue;
        };
        errors.push(syn::Error::new(*span, message));
    }
    errors
}
