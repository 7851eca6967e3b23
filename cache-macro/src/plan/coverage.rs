//! Checks that the key covers its inputs: if it left one out, a caller would get what was made for another.

use syn::{Expr, Type};

use super::Planner;
use crate::handler::{Binding, Role, type_argument};
use crate::template::Template;

impl Planner<'_> {
    /// `skip` may name each parameter once, and none that the key has.
    pub(super) fn check_skip(&mut self, key: Option<&Template>) {
        let mut seen = Vec::new();
        for ident in self.args.skip.iter().flat_map(|skip| &skip.value) {
            let name = ident.to_string();
            if self.handler.binding(&name).is_none() {
                self.error(ident.span(), self.no_such_parameter(&name));
            } else if key.is_some_and(|key| key.uses(&name)) {
                self.error(
                    ident.span(),
                    format!("`{name}` is in the key: it can't be skipped"),
                );
            } else if seen.contains(&name) {
                self.error(ident.span(), format!("`{name}` is skipped twice"));
            }
            seen.push(name);
        }
    }

    pub(super) fn check_coverage(&mut self, key: &Template) {
        let takes_a_request = self.handler.takes_a_request();
        for param in &self.handler.params {
            let is_input = match param.role {
                Role::Infrastructure | Role::Request => false,
                Role::Plain => true,
                _ => takes_a_request,
            };
            for binding in param.bindings.iter().filter(|_| is_input) {
                let name = &binding.name;
                if self.skips(name) || self.is_the_cache(binding) {
                    continue;
                }
                for missing in uncovered(binding, key) {
                    let message = format!(
                        "`{missing}` is not in the key, so all its values would share one answer: add `{{{missing}}}` to `key_prefix`, or `skip({name})`"
                    );
                    self.error(binding.ident.span(), message);
                }
            }
        }
    }

    /// `cache = cache` names the parameter.
    fn is_the_cache(&self, binding: &Binding) -> bool {
        let path = self.args.cache.as_ref().map(|cache| &cache.value);
        matches!(path, Some(Expr::Path(path)) if path.path.is_ident(&binding.ident))
    }
}

/// Tells what of a parameter the key leaves out: nothing, the whole, or single fields of a tuple.
fn uncovered(binding: &Binding, key: &Template) -> Vec<String> {
    if !key.uses(&binding.name) {
        return vec![binding.name.clone()];
    }
    let Some(ty) = &binding.ty else {
        return Vec::new();
    };
    let extracted = type_argument(ty);
    let Type::Tuple(tuple) = extracted.unwrap_or(ty) else {
        return Vec::new();
    };
    let covers = |path: &[String], index: &str| match path {
        [] => true,
        [first] => first == index,
        // `path.0.1`: the extractor may itself be a tuple around the tuple.
        [first, second, ..] => {
            first == index || (extracted.is_some() && first == "0" && second == index)
        }
    };
    (0..tuple.elems.len())
        .map(|index| index.to_string())
        .filter(|index| {
            let mut placeholders = key.placeholders();
            !placeholders.any(|part| part.root == binding.name && covers(&part.fields, index))
        })
        .map(|index| format!("{}.{index}", binding.name))
        .collect()
}
