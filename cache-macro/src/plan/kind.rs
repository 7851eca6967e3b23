//! Decides between read and write. `method` decides first, then an invalidation argument, then what the
//! function looks like; all others read.

use syn::ext::IdentExt as _;

use super::verbs::names_a_change;
use super::{IsHandler, Kind, Method, MethodSource, Planner};
use crate::handler::{Extraction, Handler, Param, Role};
use crate::template::Template;

impl<'a> Planner<'a> {
    pub(super) fn kind(self) -> syn::Result<Kind<'a>> {
        let of_writes = self.args.of_writes();
        if let Some(method) = &self.args.method {
            let name = method.value.value();
            return match (name.as_str(), of_writes) {
                ("OPTIONS" | "TRACE", _) => Ok(Kind::Pass),
                ("GET" | "HEAD", Some(argument)) => Err(syn::Error::new(
                    argument.span(),
                    format!(
                        "`{argument}` is for writes, and `{name}` is a read: name the write's method or drop it"
                    ),
                )),
                ("GET" | "HEAD", None) => self.read(),
                _ => self.write(),
            };
        }
        if of_writes.is_some() {
            return self.write();
        }
        let Some(reason) = why_it_looks_like_a_write(self.handler) else {
            return self.read();
        };
        if self.handler.params.iter().any(knows_the_method) {
            return self.write();
        }
        Err(syn::Error::new(
            self.handler.sig.ident.span(),
            format!(
                "this looks like a write, since it {reason}: add `method = \"PUT\"`, or `method = \"GET\"` if it is a read"
            ),
        ))
    }

    /// A parameter that the `key` of a read covers need not know the method, whatever its type is called.
    pub(super) fn method(&self, key: Option<&Template>) -> Method<'a> {
        if self.args.method.is_some() {
            return Method::Stated;
        }
        let source = |param: &'a Param| {
            let binding = param.name()?;
            let is_covered =
                key.is_some_and(|key| key.uses(&binding.name)) || self.skips(&binding.name);
            let required = match param.role {
                Role::Method | Role::Request => !is_covered,
                Role::Input => false,
                _ => return None,
            };
            Some(MethodSource {
                param: &binding.ident,
                required,
            })
        };
        Method::Asked(self.handler.params.iter().filter_map(source).collect())
    }
}

/// A handler follows the method of its request. Any other function reads, whatever the request is.
pub(super) fn is_handler(handler: &Handler) -> IsHandler {
    const ATTRIBUTES: [&str; 11] = [
        "connect", "delete", "endpoint", "get", "handler", "head", "options", "patch", "post",
        "put", "route",
    ];
    let is_routed = handler.attrs.iter().any(|attr| {
        let last = attr.path().segments.last();
        last.is_some_and(|last| ATTRIBUTES.iter().any(|name| last.ident == name))
    });
    let extracted = handler.params.iter().map(|param| param.extraction);
    let extracted: Vec<Extraction> = extracted.collect();
    if is_routed || extracted.contains(&Extraction::Sure) {
        IsHandler::Known
    } else if handler.sig.receiver().is_some() {
        IsHandler::Never
    } else if extracted.contains(&Extraction::Never) {
        IsHandler::IfSentPlain
    } else {
        IsHandler::IfSent
    }
}

fn knows_the_method(param: &Param) -> bool {
    matches!(param.role, Role::Method | Role::Request) && param.name().is_some()
}

/// The reason reads on from "since it".
fn why_it_looks_like_a_write(handler: &Handler) -> Option<String> {
    const ROUTES: [&str; 4] = ["post", "put", "patch", "delete"];
    let route = handler.attrs.iter().find_map(|attr| {
        let name = attr.path().segments.last()?.ident.to_string();
        ROUTES.contains(&name.as_str()).then_some(name)
    });
    if let Some(route) = route {
        return Some(format!("is routed by `#[{route}]`"));
    }
    if handler.params.iter().any(|param| param.role == Role::Body) {
        return Some("takes a request's body".into());
    }
    let name = handler.sig.ident.unraw().to_string();
    names_a_change(&name).then(|| format!("is named `{name}`"))
}
