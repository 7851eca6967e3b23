//! Makes the template of the function's own key: `key_prefix`, behind a colon the resource id, and behind `%v` the
//! version.

use syn::{LitStr, Type};

use super::Planner;
use super::templates::Scope;
use crate::args::Arg;
use crate::handler::{Binding, is_integer, is_text, same_type, type_argument, type_name};
use crate::template::Template;

impl Planner<'_> {
    pub(super) fn key(&mut self, prefix: &Arg<LitStr>, scope: Scope) -> Option<Template> {
        let template = self.template(&prefix.value, scope);
        if template.as_ref().is_some_and(Template::has_version) {
            let message = "a key ends in `%v` and a number where it has a version: leave that out, and add `version = …`";
            self.error(prefix.value.span(), message);
            return None;
        }
        let id = self.resource_id(prefix, template.as_ref(), scope);
        let key = template?.with_id(id?);
        Some(match &self.args.version {
            Some(version) => key.with_version(version.value),
            None => key,
        })
    }

    /// The template is empty where there is no resource id.
    fn resource_id(
        &mut self,
        prefix: &Arg<LitStr>,
        template: Option<&Template>,
        scope: Scope,
    ) -> Option<Template> {
        let Some(name) = &self.args.resource_id_name else {
            return self.inferred_id(prefix, template);
        };
        let id = self.errors.keep(Template::parse_path(&name.value))?;
        let id = self.check_names(id, scope)?;
        // Only of a whole parameter is the type known here: rustc alone knows that of a field.
        let whole = id.placeholders().find(|part| part.fields.is_empty());
        let ty = whole.and_then(|part| self.handler.binding(&part.root)?.ty.as_ref());
        if let (Some(wanted), Some(ty)) = (&self.args.resource_id_type, ty)
            && !wanted.value.iter().any(|wanted| same_type(wanted, ty))
        {
            let name = name.value.value();
            let message = format!(
                "`resource_id_name` names `{name}`, which has another type; drop `resource_id_type`"
            );
            self.error(wanted.key.span(), message);
            return None;
        }
        Some(id)
    }

    /// What the prefix names already is never appended, so that the same text makes the same key, whatever the
    /// parameters of its function are.
    fn inferred_id(
        &mut self,
        prefix: &Arg<LitStr>,
        template: Option<&Template>,
    ) -> Option<Template> {
        let wanted = self.args.resource_id_type.as_ref();
        let is_named = |name: &&str| template.is_some_and(|template| template.names(name));
        let (in_prefix, candidates): (Vec<&str>, Vec<&str>) = self
            .handler
            .bindings()
            .filter(|binding| could_be_the_id(binding, wanted.map(|wanted| &*wanted.value)))
            .map(|binding| binding.name.as_str())
            .filter(|name| !self.skips(name))
            .partition(is_named);
        match (candidates.as_slice(), wanted) {
            ([only], _) => {
                let id = Template::of_parameter(only, prefix.value.span());
                self.check_secrets(&id);
                Some(id)
            }
            ([], _) if !in_prefix.is_empty() => Some(Template::default()),
            ([], None) => Some(Template::default()),
            ([], Some(wanted)) => {
                self.error(
                    wanted.key.span(),
                    "no parameter has such a type and a name with `id` in it: use `resource_id_name`",
                );
                None
            }
            ([first, ..], _) => {
                let names = candidates.join("` and `");
                let message = format!(
                    "`{names}` could each be the resource id: choose with `resource_id_name = \"{first}\"`"
                );
                self.error(prefix.value.span(), message);
                None
            }
        }
    }
}

/// A parameter could be the resource id if `id` is a word of its name and it has a type that is wanted. A text
/// type, if it is wanted, qualifies under any name.
fn could_be_the_id(binding: &Binding, wanted: Option<&[Type]>) -> bool {
    let Some(ty) = &binding.ty else { return false };
    let in_path = type_argument(ty).filter(|_| type_name(ty).as_deref() == Some("Path"));
    let ty = in_path.unwrap_or(ty);
    let is_wanted = wanted.map_or_else(
        || is_integer(ty),
        |wanted| wanted.iter().any(|wanted| same_type(wanted, ty)),
    );
    is_wanted && (is_text(ty) || binding.name.split('_').any(|word| word == "id"))
}
