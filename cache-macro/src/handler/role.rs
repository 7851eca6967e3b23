//! Tells from its type what a parameter is to its function.

use syn::Type;

use super::dependencies::{is_dependency, is_transaction};
use super::types::{is_plain, type_argument, type_name};

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Role {
    /// The same whoever calls: `State<Db>`, `&PgPool`.
    Dependency,
    /// Is, or may have, a transaction that is committed outside of the function.
    Transaction,
    /// The request's method, and nothing else of it.
    Method,
    /// An input that tells the request's method as well: `Request`, `HttpRequest`, `Parts`.
    Request,
    /// An input that takes the request's body: `Json`, `Form`, ….
    Body,
    /// An input that can't tell the request's method: numbers, `bool`, `char`, text, `Uuid`, and options, lists
    /// and references of them.
    Plain,
    /// Any other input.
    Input,
}

impl Role {
    pub(super) fn of(ty: &Type) -> Self {
        if is_plain(ty) {
            return Self::Plain;
        }
        if is_transaction(ty) {
            return Self::Transaction;
        }
        if is_dependency(ty) {
            return Self::Dependency;
        }
        let Some(name) = type_name(ty) else {
            return Self::Input;
        };
        let wraps = type_argument(ty).is_some();
        match name.as_str() {
            "Method" => Self::Method,
            "Request" | "HttpRequest" | "Parts" => Self::Request,
            "Json" | "Body" | "Form" | "MultipartForm" | "TypedMultipart" if wraps => Self::Body,
            "Bytes" | "Multipart" | "Payload" => Self::Body,
            _ => Self::Input,
        }
    }
}
