//! What the attribute asks of this function, decided. Every rule and its message lives here.

use proc_macro2::Ident;
use std::time::Duration;
use syn::{Expr, LitStr, Path, Type};

use crate::args::{Arg, CacheArgs, Time};
use crate::errors::{Errors, did_you_mean};
use crate::handler::{
    Binding, Handler, Param, Role, is_integer, is_text, same_type, type_argument, type_name,
};
use crate::template::{Placeholder, Segment, Template};

pub(crate) struct Plan {
    pub(crate) krate: Option<Path>,
    pub(crate) cache: Option<Expr>,
    pub(crate) flow: Flow,
}

pub(crate) enum Flow {
    /// `OPTIONS`, `TRACE`: the function as it is.
    Pass,
    Read(Box<Read>),
    Write(Write),
}

pub(crate) struct Read {
    pub(crate) key: Template,
    pub(crate) tags: Vec<Template>,
    pub(crate) expiration: Time,
    pub(crate) windows: Windows,
    pub(crate) condition: Option<Expr>,
    pub(crate) unless: Option<Expr>,
    /// `method` says that it reads, whatever the request is.
    pub(crate) is_explicit: bool,
    pub(crate) method: Vec<MethodSource>,
}

/// What a value is good for past its expiration.
pub(crate) struct Windows {
    pub(crate) revalidate: Option<Time>,
    pub(crate) error: Option<Time>,
    /// Its refresh can't leave the thread: a parameter says so.
    pub(crate) on_thread: bool,
}

pub(crate) struct Write {
    pub(crate) keys: Vec<Template>,
    pub(crate) tags: Vec<Template>,
    pub(crate) patterns: Vec<Template>,
    pub(crate) method: Vec<MethodSource>,
}

/// A parameter that may know the request's method.
pub(crate) struct MethodSource {
    pub(crate) param: Ident,
    /// It has to: a rule was relaxed because of its type's name.
    pub(crate) required: bool,
}

pub(crate) const RESULT: &str = "result";

pub(crate) fn plan(args: CacheArgs, handler: &Handler) -> syn::Result<Plan> {
    let mut errors = Errors::default();
    let flow = Planner {
        handler,
        errors: &mut errors,
    }
    .flow(&args);
    errors.into_result(())?;
    let flow = match flow {
        Some(Access::Pass) | None => Flow::Pass,
        Some(Access::Read { key, tags, method }) => Flow::Read(Box::new(Read {
            key,
            tags,
            is_explicit: args.method.is_some(),
            expiration: args
                .expiration
                .map_or(Time::Literal(Duration::from_secs(3600)), |time| time.value),
            windows: Windows {
                revalidate: args.stale_while_revalidate.map(|time| time.value),
                error: args.stale_if_error.map(|time| time.value),
                on_thread: handler.params.iter().any(|param| param.stays_on_thread),
            },
            condition: args.condition.map(|condition| condition.value),
            unless: args.unless.map(|unless| unless.value),
            method,
        })),
        Some(Access::Write(write)) => Flow::Write(write),
    };
    Ok(Plan {
        krate: args.krate.map(|krate| krate.value),
        cache: args.cache.map(|cache| cache.value),
        flow,
    })
}

enum Access {
    Pass,
    Read {
        key: Template,
        tags: Vec<Template>,
        method: Vec<MethodSource>,
    },
    Write(Write),
}

/// What the function does, as far as can be told before it runs.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Pass,
    Read,
    Write,
}

struct Planner<'p> {
    handler: &'p Handler,
    errors: &'p mut Errors,
}

impl Planner<'_> {
    fn flow(&mut self, args: &CacheArgs) -> Option<Access> {
        let kind = self.kind(args)?;
        match kind {
            Kind::Pass => Some(Access::Pass),
            Kind::Read => self.read(args),
            Kind::Write => self.write(args),
        }
    }

    fn error(&mut self, span: proc_macro2::Span, message: impl std::fmt::Display) {
        self.errors.push(syn::Error::new(span, message));
    }

    /// Read or write? The order is: `method`, a parameter's type, invalidation arguments, else a read.
    fn kind(&mut self, args: &CacheArgs) -> Option<Kind> {
        let invalidates = [
            args.to_invalidate_extra
                .as_ref()
                .map(|arg| ("to_invalidate_extra", arg.key)),
            args.pattern_to_invalidate_extra
                .as_ref()
                .map(|arg| ("pattern_to_invalidate_extra", arg.key)),
            args.tags_to_invalidate
                .as_ref()
                .map(|arg| ("tags_to_invalidate", arg.key)),
        ];
        let invalidates = invalidates.into_iter().flatten().next();
        if let Some(method) = &args.method {
            let name = method.value.value();
            let kind = match name.as_str() {
                "GET" | "HEAD" => Kind::Read,
                "OPTIONS" | "TRACE" => Kind::Pass,
                _ => Kind::Write,
            };
            if let (Kind::Read, Some((argument, span))) = (kind, invalidates) {
                self.error(span, format!("`{argument}` is for writes, and `{name}` is a read: name the write's method or drop it"));
                return None;
            }
            return Some(kind);
        }
        if invalidates.is_some() {
            return Some(Kind::Write);
        }
        let Some(reason) = self.handler.looks_like_a_write() else {
            return Some(Kind::Read);
        };
        if self.handler.params.iter().any(knows_the_method) {
            return Some(Kind::Write);
        }
        let span = self.handler.sig.ident.span();
        self.error(span, format!("this looks like a write, since it {reason}: add `method = \"PUT\"`, or `method = \"GET\"` if it is a read"));
        None
    }

    fn read(&mut self, args: &CacheArgs) -> Option<Access> {
        let Some(prefix) = &args.key_prefix else {
            self.error(
                proc_macro2::Span::call_site(),
                "`key_prefix` is missing: `#[cache(key_prefix = \"post_cache\")]`",
            );
            return None;
        };
        let key = self.own_key(args, prefix, false);
        let tags = self.templates(args.tags.as_ref(), false);
        let skipped = self.skipped(args, key.as_ref());
        let key = key?;
        if self.errors.is_empty() {
            self.cover(&key, &skipped, args);
            self.own(args);
        }
        let method = if args.method.is_some() {
            Vec::new()
        } else {
            self.method_sources(Some(&key), &skipped)
        };
        Some(Access::Read { key, tags, method })
    }

    fn write(&mut self, args: &CacheArgs) -> Option<Access> {
        self.refuse_on_write("expiration", args.expiration.as_ref());
        self.refuse_on_write(
            "stale_while_revalidate",
            args.stale_while_revalidate.as_ref(),
        );
        self.refuse_on_write("stale_if_error", args.stale_if_error.as_ref());
        self.refuse_on_write("condition", args.condition.as_ref());
        self.refuse_on_write("unless", args.unless.as_ref());
        self.refuse_on_write("skip", args.skip.as_ref());
        if let Some(tags) = &args.tags {
            self.error(tags.key, "`tags` is for reads, and this function writes: `tags_to_invalidate` removes what is stored under tags");
        }
        if let Some(binding) = self.handler.binding(RESULT) {
            let uses_it = |literal: &LitStr| literal.value().contains(&format!("{{{RESULT}"));
            if all_templates(args).any(uses_it) {
                let span = binding.ident.span();
                self.error(span, "`{result…}` would mean both this parameter and the answer: rename the parameter");
                return None;
            }
        }
        let mut keys = Vec::new();
        if let Some(prefix) = &args.key_prefix {
            keys.extend(self.own_key(args, prefix, true));
        } else if args.to_invalidate_extra.is_none()
            && args.pattern_to_invalidate_extra.is_none()
            && args.tags_to_invalidate.is_none()
        {
            self.error(proc_macro2::Span::call_site(), "nothing to invalidate: give `key_prefix`, `to_invalidate_extra`, `pattern_to_invalidate_extra` or `tags_to_invalidate`");
        } else if let Some(name) = &args.resource_id_name {
            self.error(
                name.key,
                "`resource_id_name` belongs to a `key_prefix`, and there is none",
            );
        } else if let Some(ty) = &args.resource_id_type {
            self.error(
                ty.key,
                "`resource_id_type` belongs to a `key_prefix`, and there is none",
            );
        }
        for (prefix, id) in args
            .to_invalidate_extra
            .iter()
            .flat_map(|extra| &extra.value)
        {
            let prefix = self.template(prefix, true);
            let id = self.optional_template(id, true);
            if let (Some(prefix), Some(id)) = (prefix, id) {
                keys.push(if id.is_empty() {
                    prefix
                } else {
                    prefix.with_id(id)
                });
            }
        }
        let tags = self.templates(args.tags_to_invalidate.as_ref(), true);
        let patterns = self.templates(args.pattern_to_invalidate_extra.as_ref(), true);
        let patterns = patterns.into_iter().map(open_ended).collect();
        let method = if args.method.is_some() {
            Vec::new()
        } else {
            self.method_sources(None, &[])
        };
        Some(Access::Write(Write {
            keys,
            tags,
            patterns,
            method,
        }))
    }

    fn refuse_on_write<T>(&mut self, name: &str, argument: Option<&Arg<T>>) {
        if let Some(argument) = argument {
            self.error(
                argument.key,
                format!("`{name}` is for reads, and this function writes: it stores no answer"),
            );
        }
    }

    /// A template that must not be empty, its names checked.
    fn template(&mut self, source: &LitStr, writes: bool) -> Option<Template> {
        let template = self.optional_template(source, writes)?;
        if template.is_empty() {
            self.error(
                source.span(),
                "this is empty: write some text, a `{placeholder}`, or both",
            );
            return None;
        }
        Some(template)
    }

    fn templates(&mut self, sources: Option<&Arg<Vec<LitStr>>>, writes: bool) -> Vec<Template> {
        let sources = sources.into_iter().flat_map(|sources| &sources.value);
        sources
            .filter_map(|source| self.template(source, writes))
            .collect()
    }

    fn optional_template(&mut self, source: &LitStr, writes: bool) -> Option<Template> {
        let template = self.errors.keep(Template::parse(source))?;
        self.names_exist(&template, writes).then_some(template)
    }

    fn names_exist(&mut self, template: &Template, writes: bool) -> bool {
        template
            .placeholders()
            .all(|placeholder| match self.unknown_name(placeholder, writes) {
                Some(message) => {
                    self.error(placeholder.source.span(), message);
                    false
                }
                None => true,
            })
    }

    fn unknown_name(&self, placeholder: &Placeholder, writes: bool) -> Option<String> {
        let name = placeholder.root.as_str();
        let is_self = name == "self" && self.handler.sig.receiver().is_some();
        if is_self || self.handler.binding(name).is_some() || (writes && name == RESULT) {
            return None;
        }
        if name == RESULT {
            return Some(
                "`{result}` is the answer: only the templates of a write can use it".into(),
            );
        }
        Some(format!(
            "no parameter is named `{name}`; {}",
            self.names(name)
        ))
    }

    /// The names there are, the closest first.
    fn names(&self, wanted: &str) -> String {
        let names: Vec<&str> = self
            .handler
            .bindings()
            .map(|binding| binding.name.as_str())
            .collect();
        match did_you_mean(wanted, names.iter().copied()) {
            Some(closest) => format!(
                "did you mean `{closest}`? There are `{}`",
                names.join("`, `")
            ),
            None if names.is_empty() => "the function binds no names".into(),
            None => format!("there are `{}`", names.join("`, `")),
        }
    }

    fn own_key(
        &mut self,
        args: &CacheArgs,
        prefix: &Arg<LitStr>,
        writes: bool,
    ) -> Option<Template> {
        let template = self.template(&prefix.value, writes);
        let id = self.resource_id(args, prefix, writes);
        let (template, id) = (template?, id?);
        Some(if id.is_empty() {
            template
        } else {
            template.with_id(id)
        })
    }

    /// The template behind the colon; empty where there is no resource id.
    fn resource_id(
        &mut self,
        args: &CacheArgs,
        prefix: &Arg<LitStr>,
        writes: bool,
    ) -> Option<Template> {
        let Some(name) = &args.resource_id_name else {
            return self.inferred_id(args, prefix);
        };
        let id = self.errors.keep(Template::parse_path(&name.value))?;
        if !self.names_exist(&id, writes) {
            return None;
        }
        let named = id
            .placeholders()
            .next()
            .filter(|placeholder| placeholder.fields.is_empty());
        let ty = named.and_then(|placeholder| self.handler.binding(&placeholder.root)?.ty.as_ref());
        if let (Some(wanted), Some(ty)) = (&args.resource_id_type, ty)
            && !wanted.value.iter().any(|wanted| same_type(wanted, ty))
        {
            let name = name.value.value();
            self.error(wanted.key, format!("`resource_id_name` names `{name}`, which has another type; drop `resource_id_type`"));
            return None;
        }
        Some(id)
    }

    fn inferred_id(&mut self, args: &CacheArgs, prefix: &Arg<LitStr>) -> Option<Template> {
        let wanted = args.resource_id_type.as_ref();
        let skipped = args.skip.iter().flat_map(|skip| &skip.value);
        let skipped: Vec<String> = skipped.map(ToString::to_string).collect();
        let candidates: Vec<&Binding> = self
            .handler
            .bindings()
            .filter(|binding| could_be_the_id(binding, wanted.map(|wanted| &*wanted.value)))
            .filter(|binding| !skipped.contains(&binding.name))
            .collect();
        match (candidates.as_slice(), wanted) {
            ([only], _) => Some(Template {
                segments: vec![Segment::Placeholder(Placeholder {
                    root: only.name.clone(),
                    fields: Vec::new(),
                    hashed: false,
                    source: LitStr::new(&only.name, prefix.value.span()),
                })],
            }),
            ([], None) => Some(Template::default()),
            ([], Some(wanted)) => {
                self.error(wanted.key, "no parameter has such a type and a name with `id` in it: use `resource_id_name`");
                None
            }
            (several, _) => {
                let names: Vec<&str> = several
                    .iter()
                    .map(|binding| binding.name.as_str())
                    .collect();
                let (names, first) = (names.join("` and `"), names[0]);
                self.error(prefix.value.span(), format!("`{names}` could each be the resource id: choose with `resource_id_name = \"{first}\"`"));
                None
            }
        }
    }

    fn skipped(&mut self, args: &CacheArgs, key: Option<&Template>) -> Vec<String> {
        let mut names = Vec::new();
        for ident in args.skip.iter().flat_map(|skip| &skip.value) {
            let name = ident.to_string();
            if self.handler.binding(&name).is_none() {
                let there_are = self.names(&name);
                self.error(
                    ident.span(),
                    format!("no parameter is named `{name}`; {there_are}"),
                );
            } else if key.is_some_and(|key| {
                key.placeholders()
                    .any(|placeholder| placeholder.root == name)
            }) {
                self.error(
                    ident.span(),
                    format!("`{name}` is in the key: it can't be skipped"),
                );
            } else if names.contains(&name) {
                self.error(ident.span(), format!("`{name}` is skipped twice"));
            }
            names.push(name);
        }
        names
    }

    /// A key covers its inputs: else one caller gets another's answer.
    fn cover(&mut self, key: &Template, skipped: &[String], args: &CacheArgs) {
        let takes_a_request = self.handler.takes_a_request();
        for param in &self.handler.params {
            let is_input = match param.role {
                Role::Infrastructure | Role::Request => false,
                Role::Plain => true,
                _ => takes_a_request,
            };
            for binding in param.bindings.iter().filter(|_| is_input) {
                if skipped.contains(&binding.name) || is_the_cache(binding, args) {
                    continue;
                }
                for missing in uncovered(binding, key) {
                    let name = &binding.name;
                    self.error(binding.ident.span(), format!(
                        "`{missing}` is not in the key, so all its values would share one answer: add `{{{missing}}}` to `key_prefix`, or `skip({name})`"
                    ));
                }
            }
        }
    }

    /// A refresh in the background outlives its caller, and so must its parameters.
    fn own(&mut self, args: &CacheArgs) {
        let Some(window) = &args.stale_while_revalidate else {
            return;
        };
        let Some(borrowed) = self.handler.borrowed().map(str::to_owned) else {
            return;
        };
        self.error(
            window.key,
            format!("`stale_while_revalidate` runs the function on when its caller has gone, and `{borrowed}` is borrowed: take it by value"),
        );
    }

    fn method_sources(&self, key: Option<&Template>, skipped: &[String]) -> Vec<MethodSource> {
        let in_key =
            |name: &str| key.is_some_and(|key| key.placeholders().any(|part| part.root == name));
        let source = |param: &Param| {
            let binding = param.bindings.first().filter(|binding| binding.whole)?;
            let considered = in_key(&binding.name) || skipped.contains(&binding.name);
            let required = match param.role {
                Role::Request => !considered,
                Role::Unknown => false,
                _ => return None,
            };
            Some(MethodSource {
                param: binding.ident.clone(),
                required,
            })
        };
        self.handler.params.iter().filter_map(source).collect()
    }
}

fn knows_the_method(param: &Param) -> bool {
    param.role == Role::Request && param.bindings.first().is_some_and(|binding| binding.whole)
}

fn all_templates(args: &CacheArgs) -> impl Iterator<Item = &LitStr> {
    let prefix = args.key_prefix.iter().map(|arg| &arg.value);
    let extra = args
        .to_invalidate_extra
        .iter()
        .flat_map(|arg| &arg.value)
        .flat_map(|(prefix, id)| [prefix, id]);
    let lists = [&args.pattern_to_invalidate_extra, &args.tags_to_invalidate];
    let lists = lists.into_iter().flatten().flat_map(|arg| &arg.value);
    prefix.chain(extra).chain(lists)
}

/// `id` is a word of its name and it has such a type; a text type, if asked for, qualifies under any name.
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

/// `cache = cache`
fn is_the_cache(binding: &Binding, args: &CacheArgs) -> bool {
    let path = args.cache.as_ref().map(|cache| &cache.value);
    matches!(path, Some(Expr::Path(path)) if path.path.is_ident(&binding.ident))
}

/// What of a parameter the key leaves out: nothing, the whole, or single fields of a tuple.
fn uncovered(binding: &Binding, key: &Template) -> Vec<String> {
    let paths: Vec<&[String]> = key
        .placeholders()
        .filter(|placeholder| placeholder.root == binding.name)
        .map(|placeholder| placeholder.fields.as_slice())
        .collect();
    if paths.is_empty() {
        return vec![binding.name.clone()];
    }
    let (tuple, wrapped) = match binding.ty.as_ref() {
        Some(Type::Tuple(tuple)) => (tuple, false),
        Some(ty) => match type_argument(ty) {
            Some(Type::Tuple(tuple)) => (tuple, true),
            _ => return Vec::new(),
        },
        None => return Vec::new(),
    };
    let covers = |path: &[String], index: &str| match path {
        [] => true,
        [first] => first == index,
        // `path.0.1`, where the extractor is a tuple around the tuple.
        [first, second, ..] => first == index || (wrapped && first == "0" && second == index),
    };
    (0..tuple.elems.len())
        .map(|index| index.to_string())
        .filter(|index| !paths.iter().any(|path| covers(path, index)))
        .map(|index| format!("{}.{index}", binding.name))
        .collect()
}

/// A pattern ends in `*`, as in the reference.
fn open_ended(mut pattern: Template) -> Template {
    let ends_in_star = match pattern.segments.last() {
        Some(Segment::Literal(text)) => text.ends_with('*') && !text.ends_with("\\*"),
        _ => false,
    };
    if !ends_in_star {
        pattern.push_literal("*");
    }
    pattern
}
