//! Checks templates that are written once, as far as they can be without what uses them.

use super::templates::not_empty;
use crate::args::SharedTemplates;
use crate::errors::Errors;
use crate::template::Template;

pub(crate) fn check_shared(shared: &SharedTemplates) -> syn::Result<()> {
    let mut errors = Errors::default();
    for shared in &shared.templates {
        let template = Template::parse(&shared.template);
        errors.keep(template.and_then(|template| not_empty(template, &shared.template)));
    }
    errors.into_result(Some(()))
}
