//! What a request's method means for the cache.

/// A parameter that knows the method of the request.
///
/// A function with such a parameter reads on `GET` and `HEAD`, passes through on `OPTIONS` and `TRACE`,
/// and invalidates on every other method. `http::Method`, `http::Request`, `http::request::Parts` and
/// actix's `HttpRequest` implement it; implement it for a request type of your own:
///
/// ```
/// use cache_runtime::RequestMethod;
///
/// struct Call {
///     verb: String,
/// }
///
/// impl RequestMethod for Call {
///     fn request_method(&self) -> &str {
///         &self.verb
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not know the request's method",
    label = "taken for a request because of its name",
    note = "say what the function does with `method = \"GET\"` or `method = \"PUT\"`, or put this parameter into the key",
    note = "the types of axum and actix-web need the feature `axum` or `actix` of `cache-runtime`"
)]
pub trait RequestMethod {
    /// The method as the request has it, in capitals: `GET`.
    fn request_method(&self) -> &str;
}

impl<T: RequestMethod + ?Sized> RequestMethod for &T {
    fn request_method(&self) -> &str {
        (**self).request_method()
    }
}

/// What a call does to the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// It may be served from the cache.
    Read,
    /// It has nothing to do with the cache.
    Pass,
    /// It runs, and then invalidates.
    Write,
}

impl Access {
    /// What a request with this method does (RFC 9110, section 9.2.1).
    pub(crate) fn of(method: &str) -> Self {
        match method {
            "GET" | "HEAD" => Self::Read,
            "OPTIONS" | "TRACE" => Self::Pass,
            _ => Self::Write,
        }
    }
}

/// What the method of this request does.
pub fn access_of(request: &impl RequestMethod) -> Option<Access> {
    Some(Access::of(request.request_method()))
}
