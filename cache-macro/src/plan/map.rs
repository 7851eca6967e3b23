//! What the map of the program is told: the templates, and the types of their placeholders where these are certain.

use syn::ext::IdentExt as _;
use syn::{PathArguments, Type};

use super::{Kind, Made, Method};
use crate::handler::{Handler, is_integer, strip, type_name};
use crate::template::{Placeholder, Template};

/// A function, or a name by hand, as the map knows it.
pub(crate) struct Mapped<'a> {
    pub(crate) kind: MappedKind,
    pub(crate) name: String,
    pub(crate) keys: Vec<MappedTemplate<'a>>,
    pub(crate) tags: Vec<MappedTemplate<'a>>,
    pub(crate) patterns: Vec<MappedTemplate<'a>>,
}

#[derive(Clone, Copy)]
pub(crate) enum MappedKind {
    Reader,
    Writer,
    /// The request's method, which a parameter tells, says which of both.
    ReaderAndWriter,
    ByHand(Made),
}

pub(crate) struct MappedTemplate<'a> {
    pub(crate) text: String,
    /// The types of its placeholders, in their order.
    pub(crate) types: Vec<Option<&'a Type>>,
}

impl<'a> Mapped<'a> {
    /// Nothing for a function that the cache has no part in.
    pub(super) fn of(kind: &Kind<'_>, handler: &'a Handler) -> Option<Self> {
        let all = |templates: &[Template]| -> Vec<MappedTemplate<'a>> {
            let of = |template: &Template| MappedTemplate::of(template, handler);
            templates.iter().map(of).collect()
        };
        let name = handler.sig.ident.unraw().to_string();
        Some(match kind {
            Kind::Pass => return None,
            Kind::Read(read) => Self {
                kind: match &read.method {
                    Method::Asked(sources) if sources.iter().any(|source| source.required) => {
                        MappedKind::ReaderAndWriter
                    }
                    Method::Asked(_) | Method::Stated => MappedKind::Reader,
                },
                name,
                keys: vec![MappedTemplate::of(&read.key, handler)],
                tags: all(&read.tags),
                patterns: Vec::new(),
            },
            Kind::Write(write) => Self {
                kind: MappedKind::Writer,
                name,
                keys: all(&write.keys),
                tags: all(&write.tags),
                patterns: all(&write.patterns),
            },
        })
    }

    pub(super) fn by_hand(made: Made, template: &Template) -> Self {
        let mapped = || {
            vec![MappedTemplate {
                text: template.to_string(),
                types: template.placeholders().map(|_| None).collect(),
            }]
        };
        let only = |wanted| if made == wanted { mapped() } else { Vec::new() };
        Self {
            kind: MappedKind::ByHand(made),
            name: format!("{}!", made.name()),
            keys: only(Made::Key),
            tags: only(Made::Tag),
            patterns: only(Made::Pattern),
        }
    }
}

impl<'a> MappedTemplate<'a> {
    fn of(template: &Template, handler: &'a Handler) -> Self {
        let ty = |placeholder: &Placeholder| certain_type(placeholder, handler);
        Self {
            text: template.to_string(),
            types: template.placeholders().map(ty).collect(),
        }
    }
}

/// The type of a placeholder, if it is one of which the map knows how its values are written. An item within the
/// function names it, which can't name what the function is generic over.
fn certain_type<'a>(placeholder: &Placeholder, handler: &'a Handler) -> Option<&'a Type> {
    let binding = handler.binding(&placeholder.root)?;
    let ty = strip(binding.certain_type()?);
    let is_known = is_integer(ty) || type_name(ty).as_deref() == Some("Uuid");
    let Type::Path(path) = ty else { return None };
    let mut generics = handler.generics();
    let is_plain = path.qself.is_none()
        && path
            .path
            .segments
            .iter()
            .all(|segment| matches!(segment.arguments, PathArguments::None))
        && !generics.any(|(generic, _)| path.path.is_ident(generic));
    (is_known && is_plain && placeholder.fields.is_empty() && !placeholder.hashed).then_some(ty)
}
