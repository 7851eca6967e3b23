//! Which functions are handlers by their attributes or their parameters.

use super::tokens;
use crate::cache_or_error;

#[track_caller]
fn is_handler(attribute: &str, function: &str) -> bool {
    let output = cache_or_error(tokens(attribute), tokens(function)).to_string();
    assert!(!output.contains("compile_error"), "{output}");
    output.contains("is_handler : true")
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
