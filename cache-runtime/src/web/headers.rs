//! The headers of HTTP that a cache reads and writes, as text.

use std::borrow::Cow;

use crate::call::request_context::CacheDirective;
use crate::codec::cache_status::{CacheStatus, Disposition, ForwardReason, Freshness};

/// A header of responses that the layer reads or adds.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Header {
    Age,
    CacheControl,
    CacheStatus,
    ContentEncoding,
    ETag,
    Vary,
}

impl Header {
    /// Its name in lower case.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Age => "age",
            Self::CacheControl => "cache-control",
            Self::CacheStatus => "cache-status",
            Self::ContentEncoding => "content-encoding",
            Self::ETag => "etag",
            Self::Vary => "vary",
        }
    }
}

/// A strong entity tag of the bytes with this digest (RFC 9110, section 8.8.3).
///
/// Each hit makes one: `{digest:032x}` would take three times as many instructions.
pub(crate) fn etag(digest: u128) -> String {
    const PAIRS: [[u8; 2]; 256] = pairs();
    let mut etag = [b'"'; 34];
    let (places, _) = etag[1..33].as_chunks_mut();
    for (place, byte) in places.iter_mut().zip(digest.to_be_bytes()) {
        *place = PAIRS[usize::from(byte)];
    }
    str::from_utf8(&etag).unwrap_or_default().to_owned()
}

/// Each byte as two digits.
const fn pairs() -> [[u8; 2]; 256] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut pairs = [[0; 2]; 256];
    let mut byte = 0;
    while byte < pairs.len() {
        pairs[byte] = [DIGITS[byte >> 4], DIGITS[byte & 0xf]];
        byte += 1;
    }
    pairs
}

/// The same entity, though not the same bytes.
pub(crate) fn weak(etag: &str) -> String {
    format!("W/{etag}")
}

/// Whether one of these `If-None-Match` fields names this tag, by weak comparison, as it has to be there
/// (RFC 9110, section 13.1.2).
pub(crate) fn names<'v>(fields: impl IntoIterator<Item = &'v [u8]>, etag: &str) -> bool {
    fields.into_iter().any(|field| {
        field.trim_ascii() == b"*"
            || elements(field, None)
                .any(|tag| tag.strip_prefix(b"W/").unwrap_or(tag) == etag.as_bytes())
    })
}

/// What the `Cache-Control` fields of a request ask for (RFC 9111, section 5.2.1).
pub(crate) fn directive<'v>(fields: impl IntoIterator<Item = &'v [u8]>) -> CacheDirective {
    let mut directive = CacheDirective::None;
    for element in fields
        .into_iter()
        .flat_map(|field| elements(field, Some(b'\\')))
    {
        let name = element.split(|&byte| byte == b'=').next();
        let name = name.unwrap_or_default().trim_ascii();
        if name.eq_ignore_ascii_case(b"no-store") {
            return CacheDirective::NoStore;
        }
        if name.eq_ignore_ascii_case(b"no-cache") {
            directive = CacheDirective::Refresh;
        }
    }
    directive
}

/// The elements of a list, of which commas in quoted text are a part (RFC 9110, section 5.6.1). What this
/// byte stands in front of is not the end of one; an entity tag has no such byte.
fn elements(field: &[u8], escape: Option<u8>) -> impl Iterator<Item = &[u8]> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    let elements = field.split(move |&byte| {
        match byte {
            _ if is_escaped => is_escaped = false,
            _ if is_quoted && Some(byte) == escape => is_escaped = true,
            b'"' => is_quoted = !is_quoted,
            b',' => return !is_quoted,
            _ => {}
        }
        false
    });
    elements.map(<[u8]>::trim_ascii)
}

/// What most responses say in `Cache-Status` and `Cache-Control`.
pub(crate) const HIT: &str = "cache-runtime; hit";
pub(crate) const NEAR_HIT: &str = "cache-runtime; hit; detail=near";
pub(crate) const ASK_ALWAYS: &str = "private, no-cache";

/// Its member of `Cache-Status` (RFC 9211), with why the function ran where it `explains`.
pub(crate) fn cache_status(status: &CacheStatus, explains: bool) -> Cow<'static, str> {
    let text = match status.disposition {
        Disposition::Hit => HIT,
        Disposition::NearHit => NEAR_HIT,
        Disposition::Collapsed => "cache-runtime; fwd=miss; collapsed",
        Disposition::StaleIfError => "cache-runtime; fwd=stale; detail=stale-if-error",
        Disposition::Forwarded { reason, stored, .. } => match (reason, stored) {
            (ForwardReason::Miss, false) => "cache-runtime; fwd=miss",
            (ForwardReason::Miss, true) => "cache-runtime; fwd=miss; stored",
            (ForwardReason::Stale, false) => "cache-runtime; fwd=stale",
            (ForwardReason::Stale, true) => "cache-runtime; fwd=stale; stored",
            (ForwardReason::Request, false) => "cache-runtime; fwd=request",
            (ForwardReason::Request, true) => "cache-runtime; fwd=request; stored",
            (ForwardReason::Bypass, _) => "cache-runtime; fwd=bypass",
            (ForwardReason::Method, _) => "cache-runtime; fwd=method",
        },
    };
    let mut text = Cow::from(text);
    if let Disposition::Forwarded {
        detail: Some(detail),
        ..
    } = status.disposition
        && explains
    {
        text = format!("{text}; detail={}", detail.as_str()).into();
    }
    let Some(freshness) = &status.freshness else {
        return text;
    };
    format!("{text}; ttl={}", freshness.seconds_left()).into()
}

/// `Age`, in seconds (RFC 9111, section 5.1). Nothing where it is not known.
pub(crate) fn age(freshness: &Freshness) -> Option<String> {
    Some(freshness.age()?.to_string())
}

/// `Cache-Control`: nobody but the client keeps it, for as long as it was to be fresh. What of that has passed, `Age`
/// tells; without an `Age` it is what is left.
pub(crate) fn max_age(freshness: &Freshness) -> String {
    format!("private, max-age={}", freshness.lifetime())
}

/// `Vary`, of the names of headers. What is none makes it `*`, which fits no request: rather that than a response for
/// the wrong one.
pub(crate) fn vary(names: &[&str]) -> String {
    let is_name = |name: &&str| {
        let is_token =
            |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        !name.is_empty() && name.bytes().all(is_token)
    };
    if names.iter().all(is_name) {
        names.join(", ").to_ascii_lowercase()
    } else {
        "*".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::codec::cache_status::Detail;

    #[test]
    fn a_tag_is_named_alone_in_a_list_and_weakly() {
        let tag = etag(1);
        assert_eq!(tag, format!("\"{:032x}\"", 1));
        let other = u128::MAX / 0x1f;
        assert_eq!(etag(other), format!("\"{other:032x}\""));
        let names = |field: &str| names([field.as_bytes()], &tag);
        for field in [
            tag.clone(),
            format!("W/{tag}"),
            format!("\"a,b\" , W/\"x\",{tag}"),
            format!("\"a\\\", {tag}"),
            "*".to_owned(),
            " * ".to_owned(),
        ] {
            assert!(names(&field), "{field}");
        }
        for field in [
            String::new(),
            tag.replace('"', ""),
            format!("\"x, {tag}"),
            format!("w/{tag}"),
            format!("\"*\", \"{tag}\""),
            "**".to_owned(),
        ] {
            assert!(!names(&field), "{field}");
        }
    }

    #[test]
    fn a_request_is_read_as_directives_and_not_as_text() {
        for (field, expected) in [
            ("no-cache", CacheDirective::Refresh),
            ("max-age=0, NO-CACHE", CacheDirective::Refresh),
            ("no-store", CacheDirective::NoStore),
            ("no-cache, no-store", CacheDirective::NoStore),
            ("no-cache=\"x\"", CacheDirective::Refresh),
            ("", CacheDirective::None),
            ("x=\"no-cache, no-store\"", CacheDirective::None),
            ("x=\"\\\", no-store\"", CacheDirective::None),
            ("no-cachet, x-no-store", CacheDirective::None),
            ("only-if-cached", CacheDirective::None),
        ] {
            assert_eq!(directive([field.as_bytes()]), expected, "{field}");
        }
        assert_eq!(directive([&b"x"[..], b"no-store"]), CacheDirective::NoStore);
    }

    #[test]
    fn a_status_tells_what_became_of_a_call() {
        let mut status = CacheStatus::forwarded(ForwardReason::Miss, None);
        let cache_status = |status: &CacheStatus| super::cache_status(status, true);
        assert_eq!(cache_status(&status), "cache-runtime; fwd=miss");
        assert_eq!(
            cache_status(&status.stored(true)),
            "cache-runtime; fwd=miss; stored"
        );
        status = CacheStatus::forwarded(ForwardReason::Miss, Some(Detail::Tag)).stored(true);
        assert_eq!(
            cache_status(&status),
            "cache-runtime; fwd=miss; stored; detail=tag"
        );
        assert_eq!(
            super::cache_status(&status, false),
            "cache-runtime; fwd=miss; stored"
        );
        status = CacheStatus::new(Disposition::Hit);
        let seconds = Duration::from_secs;
        let (minute, none) = (Some(seconds(60)), Duration::ZERO);
        let freshness = Freshness::of(minute, seconds(50), none);
        status.freshness = Some(freshness);
        assert_eq!(cache_status(&status), "cache-runtime; hit; ttl=50");
        assert_eq!(age(&freshness).as_deref(), Some("10"));
        let freshness = Freshness::of(minute, none, seconds(5));
        status.freshness = Some(freshness);
        assert_eq!(cache_status(&status), "cache-runtime; hit; ttl=-5");
        assert_eq!(age(&freshness).as_deref(), Some("65"));
        assert_eq!(max_age(&freshness), "private, max-age=60");
        for (overdue, left) in [(1, -1), (999, -1), (1000, -1), (1001, -2)] {
            let freshness = Freshness::of(None, none, Duration::from_millis(overdue));
            assert_eq!(freshness.seconds_left(), left, "{overdue}");
        }
        let freshness = Freshness::of(None, seconds(50), none);
        assert_eq!(age(&freshness), None);
        assert_eq!(max_age(&freshness), "private, max-age=50");
    }

    #[test]
    fn what_is_no_header_varies_by_everything() {
        assert_eq!(vary(&[]), "");
        assert_eq!(vary(&["Cookie", "x-tenant"]), "cookie, x-tenant");
        for wrong in ["", "a b", "a,b", "a\r\nb", "é"] {
            assert_eq!(vary(&["cookie", wrong]), "*", "{wrong}");
        }
    }
}
