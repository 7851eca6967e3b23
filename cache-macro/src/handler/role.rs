//! Tells from the name of its type what a parameter is to its function.

use syn::Type;

use super::types::{is_plain, type_argument, type_name};

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Role {
    /// `State`, `web::Data`: the same whoever asks.
    Infrastructure,
    /// `Method`, `Request`, `HttpRequest`, `Parts`: infrastructure that knows the request's method.
    Request,
    /// `Json`, `Form`, …: takes the request's body.
    Body,
    /// Any other part of a request.
    Extractor,
    /// Numbers, `bool`, `char`, text, `Uuid`, and options, lists and references of them.
    Plain,
    Unknown,
}

impl Role {
    pub(super) fn of(ty: &Type) -> Self {
        if is_plain(ty) {
            return Self::Plain;
        }
        let Some(name) = type_name(ty) else {
            return Self::Unknown;
        };
        // A user's own `State` or `std::path::Path` has no type argument.
        let wraps = type_argument(ty).is_some();
        match name.as_str() {
            "Method" | "Request" | "HttpRequest" | "Parts" => Self::Request,
            "State" | "Data" | "ThinData" if wraps => Self::Infrastructure,
            "Json" | "Body" | "Form" | "MultipartForm" | "TypedMultipart" if wraps => Self::Body,
            "Bytes" | "Multipart" | "Payload" => Self::Body,
            "Path" | "Query" | "Extension" | "ReqData" | "TypedHeader" | "Header"
            | "ConnectInfo" | "Session" | "QsQuery" | "Either"
                if wraps =>
            {
                Self::Extractor
            }
            "HeaderMap" | "RawQuery" | "RawPathParams" | "OriginalUri" | "Uri" | "Cookies"
            | "CookieJar" | "PrivateCookieJar" | "SignedCookieJar" | "Session" | "Identity"
            | "Host" | "PeerAddr" | "ConnectionInfo" | "BearerAuth" | "BasicAuth" => {
                Self::Extractor
            }
            _ => Self::Unknown,
        }
    }
}
