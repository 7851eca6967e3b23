//! What keeps other sites from using the page by the browser of someone who may see it. A request of theirs has the
//! browser's credentials, but not the page's own header, unless the browser has asked first, and it is never told that it
//! may send it.

use super::AdminRequest;

/// What the page sends with each step; no form and no image can.
const HEADER: &str = "x-cache-admin";

/// Whether a step comes from the page itself, or from a program that is no browser.
pub(super) fn check(request: &AdminRequest) -> Result<(), &'static str> {
    let content_type = request.header("content-type").unwrap_or_default();
    let media_type = content_type.split(';').next().unwrap_or_default();
    if !media_type.trim().eq_ignore_ascii_case("application/json") {
        return Err("the content type has to be application/json");
    }
    if !request.has(HEADER) {
        return Err("the header x-cache-admin is missing");
    }
    if !is_of_this_site(request) {
        return Err("this comes from another site");
    }
    Ok(())
}

/// By what the browser says of it: `Sec-Fetch-Site` on encrypted connections and at home, `Origin` on others.
fn is_of_this_site(request: &AdminRequest) -> bool {
    if request.has("sec-fetch-site") {
        return matches!(
            request.header("sec-fetch-site"),
            Some("same-origin" | "none")
        );
    }
    if !request.has("origin") {
        return true;
    }
    let origin = request.header("origin").unwrap_or_default();
    let host = origin.split_once("://").map(|(_, host)| host);
    let own = request.header("host");
    host.zip(own)
        .is_some_and(|(host, own)| host.eq_ignore_ascii_case(own))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_let_in(headers: &[(&str, &str)]) -> bool {
        let headers = headers
            .iter()
            .map(|(name, value)| (*name, value.as_bytes()));
        check(&AdminRequest::new("POST", Some("remove"), headers, None)).is_ok()
    }

    #[test]
    fn only_the_page_itself_and_programs_take_steps() {
        let usual = [
            ("Host", "shop.example:8080"),
            ("Content-Type", "application/json"),
            ("X-Cache-Admin", "1"),
        ];
        let with = |more: &[(&str, &str)]| is_let_in(&[&usual[..], more].concat());
        assert!(with(&[]));
        assert!(with(&[
            ("sec-fetch-site", "same-origin"),
            ("origin", "https://proxied")
        ]));
        assert!(with(&[("origin", "http://SHOP.example:8080")]));
        for site in ["cross-site", "same-site", "", "same-origin, none"] {
            let own = ("origin", "http://shop.example:8080");
            assert!(!with(&[("sec-fetch-site", site), own]), "{site}");
        }
        for origin in [
            "null",
            "",
            "http://shop.example",
            "http://evil.example",
            "http://shop.example:8080.evil.example",
            "shop.example:8080",
        ] {
            assert!(!with(&[("origin", origin)]), "{origin}");
        }
        for missing in 1..3 {
            let mut rest = usual.to_vec();
            rest.remove(missing);
            assert!(!is_let_in(&rest), "{rest:?}");
        }
        for simple in [
            "text/plain",
            "application/x-www-form-urlencoded",
            "multipart/form-data",
        ] {
            let rest = [usual[0], usual[2], ("content-type", simple)];
            assert!(!is_let_in(&rest), "{simple}");
        }
        let no_host = [usual[1], usual[2], ("origin", "http://shop.example")];
        assert!(!is_let_in(&no_host));
    }
}
