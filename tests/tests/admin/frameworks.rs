//! The page and its endpoint.

use crate::visitor::{AUTHORIZATION, OWN, PATH, body, on_every_framework};

#[test]
fn the_page_and_its_endpoint_answer() {
    on_every_framework(|application| {
        let page = application.get("");
        assert_eq!(page.status, 200);
        assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
        assert!(page.text.starts_with("<!doctype html>"));
        assert!(page.text.len() < 40_000);
        let policy = page.header("content-security-policy");
        assert!(
            policy.starts_with("default-src 'none'; script-src 'sha256-"),
            "{policy}"
        );
        assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
        let state = application.get("?state");
        for answer in [&page, &state, &application.get("?map")] {
            assert_eq!(answer.status, 200, "{}", answer.text);
            assert_eq!(answer.header("cache-control"), "no-store");
            assert_eq!(answer.header("x-content-type-options"), "nosniff");
            assert_eq!(answer.header("referrer-policy"), "no-referrer");
        }
        assert_eq!(state.header("content-type"), "application/json");
        assert_eq!(state.body["store"], "in-process store");
        assert_eq!(state.body["functions"].as_array().map(Vec::len), Some(0));

        assert!(!application.is_hit());
        assert!(application.is_hit());
        let state = application.get("?state").body;
        let function = &state["functions"][0];
        assert_eq!(
            (&function["hits"], &function["misses"]),
            (&1.into(), &1.into())
        );

        for (query, status) in [("?other", 404), ("?remove", 404), ("?look", 404)] {
            assert_eq!(application.get(query).status, status, "{query}");
        }
    });
}

#[test]
fn an_entry_is_looked_up_and_removed() {
    on_every_framework(|application| {
        application.is_hit();
        let key = application.key();
        let found = application.step("look", "key", &key);
        assert_eq!(found.status, 200, "{}", found.text);
        assert_eq!(found.body["served"], true);
        assert!(found.body["ttl"].as_u64() > Some(0), "{}", found.text);
        assert!(application.is_hit(), "looking changes nothing");

        let removed = application.step("remove", "key", &key);
        assert_eq!((removed.status, &removed.body["removed"]), (200, &1.into()));
        assert_eq!(application.step("look", "key", &key).body["served"], false);
        assert!(!application.is_hit());
        let removed = application.step("remove", "pattern", "*");
        assert_eq!(removed.body["removed"], 1);
        assert!(!application.is_hit());
    });
}

#[test]
fn what_other_sites_can_send_changes_nothing() {
    on_every_framework(|application| {
        application.is_hit();
        let key = application.key();
        let json = body("key", &key);
        let foreign = ("origin", "https://evil.example");
        let cross = ("sec-fetch-site", "cross-site");
        let form = format!("kind=key&name={key}");
        let form_type = "application/x-www-form-urlencoded";
        for (headers, content_type, body) in [
            // What a form can send, or a script that does not ask first.
            (vec![AUTHORIZATION], "text/plain", &json),
            (vec![AUTHORIZATION], form_type, &form),
            (vec![AUTHORIZATION, OWN], "text/plain", &json),
            // What is only sent by a page of the same site, or by a program.
            (vec![AUTHORIZATION], "application/json", &json),
            (vec![AUTHORIZATION, OWN, foreign], "application/json", &json),
            (vec![AUTHORIZATION, OWN, cross], "application/json", &json),
        ] {
            for step in ["remove", "look"] {
                let path = format!("{PATH}?{step}");
                let body = Some((content_type, body.as_bytes()));
                let answer = application.app.send_with("POST", &path, &headers, body);
                assert_eq!(answer.status, 403, "{headers:?} {content_type}");
            }
            assert!(application.is_hit());
        }
        for query in ["?remove", "?remove&kind=key&name=*"] {
            application.get(query);
            assert!(application.is_hit(), "a GET changes nothing");
        }
        // The page itself, through a proxy or not.
        let own = format!("http://{}", application.app.address());
        for header in [("sec-fetch-site", "same-origin"), ("origin", own.as_str())] {
            let headers = [AUTHORIZATION, OWN, header];
            let body = Some(("application/json", json.as_bytes()));
            let path = format!("{PATH}?remove");
            let answer = application.app.send_with("POST", &path, &headers, body);
            assert_eq!(answer.status, 200, "{header:?} {}", answer.text);
            assert!(!application.is_hit());
        }
    });
}

#[test]
fn what_is_no_name_is_refused() {
    on_every_framework(|application| {
        application.is_hit();
        let large = body("key", &"x".repeat(200_000));
        for body in [
            "",
            "{}",
            "[]",
            r#"{"kind":"key","name":""}"#,
            r#"{"kind":"pattern","name":""}"#,
            r#"{"kind":"everything","name":"*"}"#,
            r#"{"kind":"key","name":"a","more":1}"#,
            "\u{0}",
            large.as_str(),
        ] {
            let body = Some(("application/json", body.as_bytes()));
            let path = format!("{PATH}?remove");
            let headers = [AUTHORIZATION, OWN];
            let answer = application.app.send_with("POST", &path, &headers, body);
            assert_eq!(answer.status, 400, "{}", answer.text);
        }
        let long = application.step("look", "key", &"名".repeat(3400));
        assert_eq!(long.status, 200, "{}", long.text);
        assert!(application.is_hit());
    });
}
