//! Decides what the attribute asks of this function. Every rule is in this room, with its message.

mod by_hand;
mod coverage;
mod key;
mod kind;
mod map;
mod patterns;
mod read;
mod secrets;
mod shared;
mod templates;
mod transactions;
mod verbs;
mod write;

use proc_macro2::Span;
use syn::{Expr, Ident, Path};

pub(crate) use self::by_hand::{Made, PlanByHand, plan_by_hand};
pub(crate) use self::map::{Mapped, MappedKind, MappedTemplate};
pub(crate) use self::shared::check_shared;
use crate::args::{Arg, CacheArgs, Expiration, InvalidateOnError, StaleIfError, Time};
use crate::errors::Errors;
use crate::handler::Handler;
use crate::template::Template;

/// The placeholder that stands for what a write returns.
pub(crate) const RESULT: &str = "result";

pub(crate) struct Plan<'a> {
    pub(crate) krate: Option<&'a Path>,
    pub(crate) cache: Option<&'a Expr>,
    pub(crate) kind: Kind<'a>,
    /// What the map of the program is told, if there is one.
    pub(crate) mapped: Option<Mapped<'a>>,
}

/// What the function does, as far as can be told before it runs.
pub(crate) enum Kind<'a> {
    /// The method is `OPTIONS` or `TRACE`: the function stays as it is.
    Pass,
    Read(Read<'a>),
    Write(Write<'a>),
}

pub(crate) struct Read<'a> {
    pub(crate) key: Template,
    pub(crate) tags: Vec<Template>,
    pub(crate) expiration: &'a Expiration,
    pub(crate) stale_while_revalidate: Option<&'a Arg<Time>>,
    pub(crate) stale_if_error: Option<&'a StaleIfError>,
    /// How old a copy in memory may be.
    pub(crate) near: Option<&'a Time>,
    /// Loads go on when their callers have gone.
    pub(crate) detached: Option<&'a Arg<()>>,
    /// How many hits are verified.
    pub(crate) verify: Option<&'a Arg<Expr>>,
    /// How many loads run at once.
    pub(crate) max_loads: Option<&'a Expr>,
    pub(crate) background: Background,
    pub(crate) condition: Option<&'a Expr>,
    pub(crate) unless: Option<&'a Expr>,
    pub(crate) method: Method<'a>,
    pub(crate) is_handler: IsHandler,
}

/// Whether a function is the handler of a request, as far as its attributes and its parameters tell: what it returns, the
/// runtime looks at.
#[derive(Clone, Copy)]
pub(crate) enum IsHandler {
    /// It stands under a framework's attribute, or takes an extractor.
    Known,
    /// Its parameters may be extractors of the application's own: if a framework sends what it returns.
    IfSent,
    /// A parameter is a number or a reference: if a framework sends that which gives such to a handler.
    IfSentPlain,
    /// It is a method.
    Never,
}

/// Where a refresh in the background and a verification run, and a load that is detached.
pub(crate) enum Background {
    Disabled,
    Spawn,
    /// On the caller's thread, since a parameter isn't `Send`.
    SpawnLocal,
    Detached,
    DetachedLocal,
}

pub(crate) struct Write<'a> {
    pub(crate) keys: Vec<Template>,
    pub(crate) tags: Vec<Template>,
    pub(crate) patterns: Vec<Template>,
    pub(crate) on_error: Option<&'a InvalidateOnError>,
    pub(crate) method: Method<'a>,
}

impl Write<'_> {
    fn templates(&self) -> impl Iterator<Item = &Template> {
        self.keys.iter().chain(&self.tags).chain(&self.patterns)
    }
}

/// How a call learns the request's method.
pub(crate) enum Method<'a> {
    /// It need not: `method = "…"` states it.
    Stated,
    /// It asks these parameters in turn, and then, in a handler, the layer, if there is one.
    Asked(Vec<MethodSource<'a>>),
}

/// A parameter that may know the request's method.
pub(crate) struct MethodSource<'a> {
    pub(crate) param: &'a Ident,
    /// The parameter must know it: because of its type's name, the key need not cover the parameter.
    pub(crate) required: bool,
}

pub(crate) fn plan<'a>(args: &'a CacheArgs, handler: &'a Handler) -> syn::Result<Plan<'a>> {
    let planner = Planner {
        args,
        handler,
        errors: Errors::default(),
    };
    let kind = planner.kind()?;
    Ok(Plan {
        krate: args.krate.as_ref().map(|krate| &krate.value),
        cache: args.cache.as_ref().map(|cache| &cache.value),
        mapped: Mapped::of(&kind, handler),
        kind,
    })
}

/// Checks the rules one after another, and collects the messages of those that are broken.
struct Planner<'a> {
    args: &'a CacheArgs,
    handler: &'a Handler,
    errors: Errors,
}

impl Planner<'_> {
    fn error(&mut self, span: Span, message: impl std::fmt::Display) {
        self.errors.push(syn::Error::new(span, message));
    }

    fn skips(&self, name: &str) -> bool {
        let mut skipped = self.args.skip.iter().flat_map(|skip| &skip.value);
        skipped.any(|skipped| skipped.name == name)
    }
}
