//! Parses the templates of the arguments, and checks that the names in them exist.

use syn::LitStr;

use super::{Planner, RESULT};
use crate::args::Arg;
use crate::errors::did_you_mean;
use crate::handler::{Name, type_name};
use crate::template::{Placeholder, Template};

/// The names that a template can use.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Scope {
    Parameters,
    /// A write makes its keys when it has returned, so they can use `result` as well.
    ParametersAndResult,
}

impl Planner<'_> {
    /// Parses a template that must not be empty.
    pub(super) fn template(&mut self, source: &LitStr, scope: Scope) -> Option<Template> {
        let template = self.optional_template(source, scope)?;
        self.errors.keep(not_empty(template, source))
    }

    pub(super) fn templates(
        &mut self,
        sources: Option<&Arg<Vec<LitStr>>>,
        scope: Scope,
    ) -> Vec<Template> {
        let sources = sources.into_iter().flat_map(|sources| &sources.value);
        sources
            .filter_map(|source| self.template(source, scope))
            .collect()
    }

    pub(super) fn optional_template(&mut self, source: &LitStr, scope: Scope) -> Option<Template> {
        let template = self.errors.keep(Template::parse(source))?;
        self.check_names(template, scope)
    }

    /// Returns the template if all its names exist.
    pub(super) fn check_names(&mut self, template: Template, scope: Scope) -> Option<Template> {
        let unknown = template
            .placeholders()
            .find_map(|placeholder| self.unknown_name(placeholder, scope));
        let Some(error) = unknown else {
            self.check_secrets(&template);
            return Some(template);
        };
        self.errors.push(error);
        None
    }

    fn unknown_name(&self, placeholder: &Placeholder, scope: Scope) -> Option<syn::Error> {
        let name = placeholder.root.as_str();
        let is_result = name == RESULT && scope == Scope::ParametersAndResult;
        match self.handler.name(name) {
            Some(Name::Type(_)) if !placeholder.fields.is_empty() => {
                let message = format!("`{name}` is a type: it has no fields");
                return Some(syn::Error::new(placeholder.span, message));
            }
            Some(Name::Value(_)) => return self.field_of_an_option(placeholder),
            None if !is_result => {}
            _ => return None,
        }
        let message = if name == RESULT {
            "`{result}` is the return value: only the templates of a write can use it".into()
        } else {
            self.no_such_parameter(name)
        };
        Some(syn::Error::new(placeholder.span, message))
    }

    /// rustc's own message would offer `unwrap`, which a template can't call.
    fn field_of_an_option(&self, placeholder: &Placeholder) -> Option<syn::Error> {
        let (name, field) = (&placeholder.root, placeholder.fields.first()?);
        let ty = self.handler.binding(name)?.certain_type()?;
        (type_name(ty)? == "Option").then(|| {
            let message = format!(
                "`{name}` is an `Option`, which has no field `{field}`: name the whole, as `{{{name}:hash}}`"
            );
            syn::Error::new(placeholder.span, message)
        })
    }

    /// The message names the closest parameter, and all there are.
    pub(super) fn no_such_parameter(&self, name: &str) -> String {
        let bindings = self.handler.bindings();
        let names: Vec<&str> = bindings.map(|binding| binding.name.as_str()).collect();
        let hint = match did_you_mean(name, names.iter().copied()) {
            Some(closest) => format!(
                "did you mean `{closest}`? There are `{}`",
                names.join("`, `")
            ),
            None if names.is_empty() => "the function binds no names".into(),
            None => format!("there are `{}`", names.join("`, `")),
        };
        let of_impl = if names_a_type(name) {
            "; the types of an `impl` are within `{Self}`"
        } else {
            ""
        };
        format!("no parameter is named `{name}`; {hint}{of_impl}")
    }
}

fn names_a_type(name: &str) -> bool {
    name.starts_with(|first: char| first.is_uppercase())
}

pub(super) fn not_empty(template: Template, source: &LitStr) -> syn::Result<Template> {
    if template.is_empty() {
        let message = "this is empty: write some text, a `{placeholder}`, or both";
        return Err(syn::Error::new(source.span(), message));
    }
    Ok(template)
}
