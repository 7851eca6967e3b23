//! Plans a function that writes: it invalidates keys, tags and patterns.

use proc_macro2::Span;

use super::templates::Scope;
use super::{Kind, Planner, RESULT, Write};
use crate::args::Arg;

const SCOPE: Scope = Scope::ParametersAndResult;

impl<'a> Planner<'a> {
    pub(super) fn write(mut self) -> syn::Result<Kind<'a>> {
        let args = self.args;
        self.check_arguments_of_writes();
        let mut keys = Vec::new();
        if let Some(prefix) = &args.key_prefix {
            keys.extend(self.key(prefix, SCOPE));
        }
        let extra = args.to_invalidate_extra.iter();
        for (prefix, id) in extra.flat_map(|extra| &extra.value) {
            let prefix = self.template(prefix, SCOPE);
            let id = self.optional_template(id, SCOPE);
            if let (Some(prefix), Some(id)) = (prefix, id) {
                keys.push(prefix.with_id(id));
            }
        }
        let tags = self.templates(args.tags_to_invalidate.as_ref(), SCOPE);
        let mut patterns = Vec::new();
        let sources = args.pattern_to_invalidate_extra.iter();
        for source in sources.flat_map(|sources| &sources.value) {
            patterns.extend(self.pattern(source, SCOPE));
        }
        let on_error = args.invalidate_on_error.as_ref();
        let write = Write {
            keys,
            tags,
            patterns,
            on_error: on_error.map(|on_error| &on_error.value),
            method: self.method(None),
        };
        self.check_result(&write);
        self.check_on_error(&write);
        self.errors.into_result(Some(Kind::Write(write)))
    }

    fn check_arguments_of_writes(&mut self) {
        let args = self.args;
        self.refuse(args.expiration.as_ref());
        self.refuse(args.stale_while_revalidate.as_ref());
        self.refuse(args.stale_if_error.as_ref());
        self.refuse(args.near.as_ref());
        self.refuse(args.max_loads.as_ref());
        self.refuse(args.detached.as_ref());
        self.refuse(args.verify.as_ref());
        self.refuse(args.condition.as_ref());
        self.refuse(args.unless.as_ref());
        match &args.skip {
            Some(skip) if self.are_transactions(&skip.value) => self.check_skip(None),
            skip => self.refuse(skip.as_ref()),
        }
        self.check_transaction_of_write();
        if let Some(tags) = &args.tags {
            self.error(
                tags.key.span(),
                "`tags` is for reads, and this function writes: `tags_to_invalidate` removes what is stored under tags",
            );
        }
        if args.key_prefix.is_some() {
            return;
        }
        if args.invalidation().is_none() {
            self.error(
                Span::call_site(),
                "nothing to invalidate: give `key_prefix`, `to_invalidate_extra`, `pattern_to_invalidate_extra` or `tags_to_invalidate`",
            );
            return;
        }
        let name = args.resource_id_name.as_ref().map(|name| &name.key);
        let ty = args.resource_id_type.as_ref().map(|ty| &ty.key);
        let version = args.version.as_ref().map(|version| &version.key);
        if let Some(key) = name.or(ty).or(version) {
            let message = format!("`{key}` belongs to a `key_prefix`, and there is none");
            self.error(key.span(), message);
        }
    }

    fn refuse<T>(&mut self, argument: Option<&Arg<T>>) {
        if let Some(Arg { key, .. }) = argument {
            let message =
                format!("`{key}` is for reads, and this function writes: it stores no value");
            self.error(key.span(), message);
        }
    }

    /// A write that failed has no value that `{result…}` could be filled from.
    fn check_on_error(&mut self, write: &Write<'_>) {
        let Some(on_error) = &self.args.invalidate_on_error else {
            return;
        };
        let mut templates = write.templates();
        if templates.all(|template| template.uses(RESULT)) && self.errors.is_empty() {
            self.error(
                on_error.key.span(),
                "`invalidate_on_error` has nothing to remove: all that is named here needs `{result…}`, which a write that failed doesn't have",
            );
        }
    }

    fn check_result(&mut self, write: &Write<'_>) {
        let mut templates = write.templates();
        if let Some(binding) = self.handler.binding(RESULT)
            && templates.any(|template| template.uses(RESULT))
        {
            self.error(
                binding.ident.span(),
                "`{result…}` would mean both this parameter and the return value: rename the parameter",
            );
        }
    }
}
