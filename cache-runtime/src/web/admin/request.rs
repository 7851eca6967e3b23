//! What decides on a request for the page.

use std::fmt;

use sha2::{Digest as _, Sha256};

use crate::util::base64;

/// What a request for the page of a cache tells of itself, whatever the framework is. [`Cache::admin`](crate::Cache::admin)
/// has an example.
#[derive(Clone)]
pub struct AdminRequest {
    method: String,
    query: String,
    /// In their order, with names in lower case.
    headers: Vec<(String, Vec<u8>)>,
}

impl AdminRequest {
    /// `host` is what the request is addressed to, where no header says so.
    pub(super) fn new<'r>(
        method: &str,
        query: Option<&str>,
        headers: impl IntoIterator<Item = (&'r str, &'r [u8])>,
        host: Option<&str>,
    ) -> Self {
        let headers = headers.into_iter();
        let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.to_vec()));
        let mut request = Self {
            method: method.to_owned(),
            query: query.unwrap_or_default().to_owned(),
            headers: headers.collect(),
        };
        if let Some(host) = host.filter(|_| !request.has("host")) {
            request.headers.push(("host".to_owned(), host.into()));
        }
        request
    }

    /// Such as `GET`.
    ///
    /// ```
    /// use cache_runtime::{AdminAccess, Cache};
    ///
    /// let admin = Cache::in_memory().admin(|request| {
    ///     println!("{} of the page", request.method());
    ///     async { AdminAccess::NotFound }
    /// });
    /// ```
    pub fn method(&self) -> &str {
        &self.method
    }

    /// The value of a header, whose name may be written in capitals or not: that of the first one of this name. Nothing
    /// where there is none, or where it is not visible ASCII.
    ///
    /// ```
    /// use cache_runtime::{AdminAccess, Cache};
    ///
    /// let admin = Cache::in_memory().admin(|request| {
    ///     let is_known = request.header("x-session") == Some("of the admin"); // look it up
    ///     async move {
    ///         if is_known { AdminAccess::Granted } else { AdminAccess::NotFound }
    ///     }
    /// });
    /// ```
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        let (_, value) = headers.find(|(other, _)| other.eq_ignore_ascii_case(name))?;
        let is_visible = value.iter().all(|byte| matches!(byte, b'\t' | b' '..=b'~'));
        str::from_utf8(value).ok().filter(|_| is_visible)
    }

    /// Whether it asks for something to be removed; else it looks only.
    ///
    /// ```
    /// use cache_runtime::{AdminAccess, Cache};
    ///
    /// let admin = Cache::in_memory().admin(|request| {
    ///     let looks_only = !request.removes();
    ///     async move {
    ///         if looks_only { AdminAccess::Granted } else { AdminAccess::NotFound }
    ///     }
    /// });
    /// ```
    pub fn removes(&self) -> bool {
        self.method == "POST" && self.query == "remove"
    }

    /// Whether it has this name and this password, as a browser sends them that was answered with
    /// [`AdminAccess::Unauthorized`](crate::AdminAccess::Unauthorized) (`Authorization: Basic`, RFC 7617). How long this
    /// takes does not tell how much of them was right. An empty password is nobody's.
    ///
    /// ```
    /// use cache_runtime::{AdminAccess, Cache};
    ///
    /// let admin = Cache::in_memory().admin(|request| {
    ///     let is_known = request.has_password("admin", "s3cret");
    ///     async move {
    ///         if is_known { AdminAccess::Granted } else { AdminAccess::Unauthorized }
    ///     }
    /// });
    /// ```
    #[must_use]
    pub fn has_password(&self, user: &str, password: &str) -> bool {
        let Some(field) = self.header("authorization") else {
            return false;
        };
        let (scheme, credentials) = field.split_once(' ').unwrap_or((field, ""));
        let expected = base64::encode(format!("{user}:{password}").as_bytes());
        !password.is_empty()
            && scheme.eq_ignore_ascii_case("basic")
            && Sha256::digest(credentials.trim()) == Sha256::digest(expected)
    }

    pub(super) fn query(&self) -> &str {
        &self.query
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.headers.iter().any(|(other, _)| other == name)
    }
}

impl fmt::Debug for AdminRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AdminRequest")
            .field("method", &self.method)
            .field("query", &self.query)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(authorization: &str) -> AdminRequest {
        let header = ("Authorization", authorization.as_bytes());
        AdminRequest::new("GET", None, [header], None)
    }

    #[test]
    fn a_password_is_that_of_its_user() {
        // `admin:secret`, and `admin:` with nothing behind it.
        let request = with("Basic YWRtaW46c2VjcmV0");
        assert!(request.has_password("admin", "secret"));
        assert!(with("basic  YWRtaW46c2VjcmV0").has_password("admin", "secret"));
        for (user, password) in [("admin", "secret "), ("root", "secret"), ("admin", "")] {
            assert!(!request.has_password(user, password), "{user} {password}");
        }
        assert!(!with("Basic YWRtaW46").has_password("admin", ""));
        for other in [
            "",
            "Basic",
            "Bearer YWRtaW46c2VjcmV0",
            "Basic YWRtaW46c2VjcmV",
        ] {
            assert!(!with(other).has_password("admin", "secret"), "{other}");
        }
        let none = AdminRequest::new("GET", None, [], None);
        assert!(!none.has_password("admin", "secret"));
    }

    #[test]
    fn its_headers_are_not_in_the_log() {
        let shown = format!("{:?}", with("Basic YWRtaW46c2VjcmV0"));
        assert!(!shown.contains("YWRtaW4"), "{shown}");
    }
}
