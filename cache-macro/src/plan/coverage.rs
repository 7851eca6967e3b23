//! Checks that the key covers its inputs: if it left one out, a caller would get what was made for another. All
//! parameters are inputs but for the known dependencies; so are `self` and the function's generics.

use syn::ext::IdentExt as _;
use syn::{Expr, Type};

use super::Planner;
use crate::args::REST;
use crate::handler::{Binding, Generic, Param, Role, has_no_display, strip, type_argument};
use crate::template::Template;

impl Planner<'_> {
    /// `skip` may name each input once, and none that the key has.
    pub(super) fn check_skip(&mut self, key: Option<&Template>) {
        let mut seen = Vec::new();
        for skipped in self.args.skip.iter().flat_map(|skip| &skip.value) {
            let name = &skipped.name;
            if name == REST {
                if self
                    .handler
                    .params
                    .iter()
                    .all(|param| param.rests.is_empty())
                {
                    self.error(skipped.span, "no parameter's pattern has a `..`");
                }
            } else if name == "Self" || self.handler.name(name).is_none() {
                self.error(skipped.span, self.no_such_parameter(name));
            } else if key.is_some_and(|key| key.uses(name)) {
                self.error(
                    skipped.span,
                    format!("`{name}` is in the key: it can't be skipped"),
                );
            }
            if seen.contains(&name) {
                self.error(skipped.span, format!("`{name}` is skipped twice"));
            }
            seen.push(name);
        }
    }

    pub(super) fn check_coverage(&mut self, key: &Template) {
        self.check_self(key);
        self.check_generics(key);
        for param in &self.handler.params {
            match param.role {
                Role::Dependency | Role::Transaction | Role::Method => {}
                _ => self.check_param(param, key),
            }
        }
    }

    fn check_self(&mut self, key: &Template) {
        let Some(receiver) = self.handler.sig.receiver() else {
            return;
        };
        if !key.uses("self") && !self.skips("self") {
            self.error(
                receiver.self_token.span,
                "`self` is not in the key, so all its values would share one entry: add a field (`{self.tenant}`) to `key_prefix`, and `{Self}` where its type is generic, or `skip(self)`",
            );
        }
    }

    fn check_generics(&mut self, key: &Template) {
        for (ident, generic) in self.handler.generics() {
            let name = ident.unraw().to_string();
            let values = match generic {
                Generic::Type => "types",
                Generic::Const => "values",
            };
            if !key.uses(&name) && !self.skips(&name) {
                self.error(ident.span(), is_missing(&name, &name, values));
            }
        }
    }

    fn check_param(&mut self, param: &Param, key: &Template) {
        for binding in &param.bindings {
            let name = &binding.name;
            if self.skips(name) || self.is_the_cache(binding) {
                continue;
            }
            for missing in uncovered(binding, key) {
                let message = if param.role == Role::Request {
                    format!(
                        "`{missing}` tells more than its method: take what its value depends on in a parameter that the key has, and add `skip({name})`"
                    )
                } else {
                    is_missing(&missing, name, "values")
                };
                self.error(binding.ident.span(), message);
            }
        }
        if !self.skips(REST) {
            for rest in &param.rests {
                self.error(
                    *rest,
                    "`..` leaves out what the key then has not: name it here and in `key_prefix`, or `skip(..)`",
                );
            }
        }
    }

    /// `cache = cache` names the parameter.
    fn is_the_cache(&self, binding: &Binding) -> bool {
        let path = self.args.cache.as_ref().map(|cache| &cache.value);
        matches!(path, Some(Expr::Path(path)) if path.path.is_ident(&binding.ident))
    }
}

/// `missing` is as a template would have it: `user`, `path.1`, `tags:hash`.
fn is_missing(missing: &str, root: &str, values: &str) -> String {
    let name = missing.trim_end_matches(":hash");
    format!(
        "`{name}` is not in the key, so all its {values} would share one entry: add `{{{missing}}}` to `key_prefix`, or `skip({root})`"
    )
}

/// Tells what of a parameter the key leaves out: nothing, the whole, or single fields of a tuple.
fn uncovered(binding: &Binding, key: &Template) -> Vec<String> {
    let name = &binding.name;
    let extracted = binding.ty.as_ref().and_then(type_argument);
    let tuple = match extracted.or(binding.ty.as_ref()).map(strip) {
        Some(Type::Tuple(tuple)) => Some(tuple),
        _ => None,
    };
    if !key.uses(name) {
        let is_hashed = tuple.is_none() && binding.ty.as_ref().is_some_and(has_no_display);
        return vec![format!("{name}{}", if is_hashed { ":hash" } else { "" })];
    }
    let Some(tuple) = tuple else {
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
            !placeholders.any(|part| part.root == *name && covers(&part.fields, index))
        })
        .map(|index| format!("{name}.{index}"))
        .collect()
}
