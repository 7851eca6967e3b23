//! Checks that the key covers its inputs: if it left one out, a caller would get what was made for another. All
//! parameters are inputs but for the known dependencies; so are `self` and the function's generics.

use syn::ext::IdentExt as _;
use syn::{Expr, Type, TypeTuple};

use super::Planner;
use crate::args::REST;
use crate::handler::{
    Binding, Extraction, Generic, Param, Role, has_no_display, is_plain, strip, type_argument,
    type_name,
};
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
        if key.uses("self") || self.skips("self") {
            return;
        }
        let and_its_type = if key.uses("Self") {
            ""
        } else {
            ", and `{Self}` where its type is generic"
        };
        let message = format!(
            "`self` is not in the key, so all its values would share one entry: add a field (`{{self.tenant}}`) to `key_prefix`{and_its_type}, or `skip(self)`"
        );
        self.error(receiver.self_token.span, message);
    }

    fn check_generics(&mut self, key: &Template) {
        for (ident, generic) in self.handler.generics() {
            let name = ident.unraw().to_string();
            let values = match generic {
                Generic::Type => "types",
                Generic::Const => "values",
            };
            if !key.uses(&name) && !self.skips(&name) {
                self.error(ident.span(), is_missing(&name, &name, values, &[""]));
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
                    is_missing(
                        &missing,
                        name,
                        "values",
                        self.forms(param, binding, &missing),
                    )
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

    /// What may stand behind the name in a placeholder, as far as the type tells by its name.
    fn forms(&self, param: &Param, binding: &Binding, missing: &str) -> &'static [&'static str] {
        let Some(ty) = binding.ty.as_ref().filter(|_| binding.name == missing) else {
            return &[""];
        };
        let has_display = |ty: &Type| is_plain(ty) || type_argument(ty).is_some_and(is_plain);
        let is_generic = |name: &str| self.handler.generics().any(|(ident, _)| ident == name);
        match type_name(ty) {
            _ if tuple(binding).is_some() => &[".0"],
            _ if has_no_display(ty) => &[":hash"],
            None => &[""],
            Some(name) if has_display(ty) || is_generic(&name) => &[""],
            // Headers, cookies and the like.
            Some(_)
                if param.extraction == Extraction::Sure
                    && param.name().is_some()
                    && type_argument(ty).is_none() =>
            {
                &[""]
            }
            Some(name) if name == "Option" => &["", ":hash"],
            Some(_) => &["", ".id", ":hash"],
        }
    }

    /// `cache = cache` names the parameter.
    fn is_the_cache(&self, binding: &Binding) -> bool {
        let path = self.args.cache.as_ref().map(|cache| &cache.value);
        matches!(path, Some(Expr::Path(path)) if path.path.is_ident(&binding.ident))
    }
}

/// `missing` is what a template would name, `user` or `path.1`, and may do so in each of these forms.
fn is_missing(missing: &str, root: &str, values: &str, forms: &[&str]) -> String {
    let forms = forms.iter().map(|form| format!("`{{{missing}{form}}}`"));
    let forms = forms.collect::<Vec<_>>();
    let forms = match forms.as_slice() {
        [others @ .., last] if !others.is_empty() => format!("{} or {last}", others.join(", ")),
        forms => forms.concat(),
    };
    format!(
        "`{missing}` is not in the key, so all its {values} would share one entry: add {forms} to `key_prefix`, or `skip({root})`"
    )
}

/// A parameter that is a tuple, or an extractor around one.
fn tuple(binding: &Binding) -> Option<&TypeTuple> {
    let ty = binding.ty.as_ref()?;
    match strip(type_argument(ty).unwrap_or(ty)) {
        Type::Tuple(tuple) => Some(tuple),
        _ => None,
    }
}

/// Tells what of a parameter the key leaves out: nothing, the whole, or single fields of a tuple.
fn uncovered(binding: &Binding, key: &Template) -> Vec<String> {
    let name = &binding.name;
    if !key.uses(name) {
        return vec![name.clone()];
    }
    let Some(tuple) = tuple(binding) else {
        return Vec::new();
    };
    let is_extracted = binding
        .ty
        .as_ref()
        .is_some_and(|ty| type_argument(ty).is_some());
    let covers = |path: &[String], index: &str| match path {
        [] => true,
        [first] => first == index,
        // `path.0.1`: the extractor may itself be a tuple around the tuple.
        [first, second, ..] => first == index || (is_extracted && first == "0" && second == index),
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
