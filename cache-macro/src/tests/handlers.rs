//! Which functions are handlers by their attributes or their parameters.

use super::tokens;
use crate::cache_or_error;

#[track_caller]
fn is_handler(attribute: &str, function: &str) -> bool {
    handler(attribute, function) == "Known"
}

#[track_caller]
fn handler(attribute: &str, function: &str) -> String {
    let output = cache_or_error(tokens(attribute), tokens(function)).to_string();
    assert!(!output.contains("compile_error"), "{output}");
    let (_, rest) = output.split_once("Handler :: ").expect("a read");
    rest.split(' ').next().expect("a variant").to_owned()
}

#[test]
fn what_no_extractor_can_be_tells_that_most_frameworks_call_no_such_handler() {
    for (parameters, skipped, expected) in [
        ("", "", "IfSent"),
        ("input: Caller", "input", "IfSent"),
        ("input: Option<Caller>", "input", "IfSent"),
        ("input: String", "input", "IfSent"),
        ("input: Uuid", "input", "IfSent"),
        ("input: i64", "input", "IfSentPlain"),
        (
            "caller: Caller, input: bool",
            "caller, input",
            "IfSentPlain",
        ),
        ("input: &str", "input", "IfSentPlain"),
        ("pool: &PgPool", "", "IfSentPlain"),
        ("&self, input: Caller", "self, input", "Never"),
        ("self: Arc<Self>, input: Caller", "self, input", "Never"),
    ] {
        let function = format!("async fn page({parameters}) -> Page {{ body() }}");
        let skip = if skipped.is_empty() {
            String::new()
        } else {
            format!(", skip({skipped})")
        };
        let attribute = format!("\"page\"{skip}");
        assert_eq!(handler(&attribute, &function), expected, "{parameters}");
    }
}

#[test]
fn an_extractor_makes_a_handler() {
    for ty in [
        "Path<i64>",
        "axum::extract::Path<(i64, String)>",
        "web::Query<Filter>",
        "State<Db>",
        "&State<Db>",
        "&'r rocket::State<Db>",
        "Data<Db>",
        "Data<&Db>",
        "Option<Query<Filter>>",
        "Valid<Query<Filter>>",
        "TypedHeader<UserAgent>",
        "HeaderMap",
        "&CookieJar<'_>",
        "&mut Depot",
        "PathParam<i64>",
    ] {
        let function = format!("async fn page(input: {ty}) -> Page {{ body() }}");
        assert!(is_handler("\"page\", skip(input)", &function), "{ty}");
    }
}

#[test]
fn any_other_parameter_makes_none() {
    for ty in [
        "i64",
        "&str",
        "Path",
        "&Path",
        "&std::path::Path",
        "State",
        "&Data<Db>",
        "&HeaderMap",
        "Option<i64>",
        "Vec<Path<i64>>",
        "User",
    ] {
        let function = format!("async fn page(input: {ty}) -> Page {{ body() }}");
        assert!(!is_handler("\"page\", skip(input)", &function), "{ty}");
    }
    for ty in ["&PgPool", "Arc<dyn Mailer>", "&Cache"] {
        let function = format!("async fn page(input: {ty}) -> Page {{ body() }}");
        assert!(!is_handler("\"page\"", &function), "{ty}");
    }
}

#[test]
fn an_attribute_of_a_framework_makes_a_handler() {
    for (attribute, expected) in [
        ("#[get(\"/page\")]", true),
        ("#[actix_web::head(\"/page\")]", true),
        ("#[rocket::options(\"/page\")]", true),
        ("#[handler]", true),
        ("#[salvo::oapi::endpoint]", true),
        ("#[route(\"/page\", method = \"GET\")]", true),
        ("#[tracing::instrument]", false),
        ("#[doc = \"get\"]", false),
        ("", false),
    ] {
        let function = format!("{attribute} async fn page() -> Page {{ body() }}");
        assert_eq!(is_handler("\"page\"", &function), expected, "{attribute}");
    }
}
