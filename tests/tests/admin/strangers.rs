//! Who may not see the page sees nothing.

use std::future::ready;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use axum::routing::any;
use cache_runtime::{AdminAccess, Cache};
use cache_testkit::MINUTE;
use cache_testkit::app::{APPLICATIONS, App};
use tower::ServiceExt as _;

use crate::visitor::{OWN, PATH, body, on_every_framework};

#[test]
fn a_stranger_gets_a_401_and_nothing_else() {
    on_every_framework(|application| {
        application.is_hit();
        let json = body("pattern", "*");
        let large = "x".repeat(20_000);
        // `admin:` and `root:open sesame`.
        for authorization in [
            "",
            "Basic YWRtaW46",
            "Basic cm9vdDpvcGVuIHNlc2FtZQ==",
            "Bearer x",
        ] {
            let headers = [("authorization", authorization), OWN];
            for (method, query, body) in [
                ("GET", "", None),
                ("HEAD", "", None),
                ("GET", "?state", None),
                ("GET", "?map", None),
                ("GET", "?other", None),
                ("POST", "?look", Some(("application/json", json.as_bytes()))),
                (
                    "POST",
                    "?remove",
                    Some(("application/json", json.as_bytes())),
                ),
                ("POST", "?remove", Some(("text/plain", large.as_bytes()))),
                ("POST", "", None),
            ] {
                let path = format!("{PATH}{query}");
                let answer = application.app.send_with(method, &path, &headers, body);
                assert_eq!(answer.status, 401, "{method} {query}");
                assert_eq!(answer.text, "", "{method} {query}");
                let asked = answer.header("www-authenticate");
                assert!(asked.starts_with("Basic realm="), "{asked}");
            }
        }
        assert!(application.is_hit(), "nothing was removed");
    });
}

#[test]
fn without_a_password_there_is_no_page() {
    for application in APPLICATIONS {
        let app = App::start_with(application, &[]);
        let headers = [("authorization", "Basic YWRtaW46")];
        assert_eq!(app.send_with("GET", PATH, &headers, None).status, 404);
    }
}

#[tokio::test]
async fn the_closure_decides_for_each_request_what_there_is() {
    let cache = Cache::in_memory();
    cache.set("key", &1, MINUTE).await.expect("set");
    // Everybody in the team may look, and one may remove.
    let admin = cache.admin(|request| {
        let access = match request.header("X-User") {
            Some("boss") => AdminAccess::Granted,
            Some("team") if !request.removes() => AdminAccess::Granted,
            Some(_) => AdminAccess::Unauthorized,
            None => AdminAccess::NotFound,
        };
        ready(access)
    });
    let app: Router = Router::new().route(PATH, any(admin));
    let send = async |method: &str, query: &str, user: Option<&str>| {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{PATH}{query}"))
            .header("content-type", "application/json")
            .header(OWN.0, OWN.1);
        if let Some(user) = user {
            request = request.header("x-user", user);
        }
        let request = request.body(Body::from(body("key", "key"))).expect("one");
        let response = app.clone().oneshot(request).await.expect("a response");
        let (head, body) = response.into_parts();
        let body = axum::body::to_bytes(body, usize::MAX).await.expect("all");
        (head.status.as_u16(), head.headers.len(), body.len())
    };
    for (method, query) in [
        ("GET", ""),
        ("GET", "?state"),
        ("POST", "?look"),
        ("POST", "?remove"),
        ("PUT", ""),
    ] {
        let (status, headers, bytes) = send(method, query, None).await;
        assert_eq!((status, bytes), (404, 0), "{method} {query}");
        // Its length at most.
        assert!(headers <= 1, "{method} {query}: {headers} headers");
        assert_eq!(send(method, query, Some("other")).await.0, 401);
    }
    assert_eq!(send("POST", "?look", Some("team")).await.0, 200);
    assert_eq!(send("POST", "?remove", Some("team")).await.0, 401);
    assert_eq!(send("PUT", "", Some("team")).await.0, 405);
    assert_eq!(cache.get("key").await.expect("got"), Some(1));
    assert_eq!(send("POST", "?remove", Some("boss")).await.0, 200);
    assert_eq!(cache.get::<u64>("key").await.expect("got"), None);
}
