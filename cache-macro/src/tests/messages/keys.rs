//! What a key has to cover, and the resource id.

use super::{READ, accepts, refuses};

fn missing(name: &str, root: &str) -> String {
    format!(
        "`{name}` is not in the key, so all its values would share one answer: add `{{{name}}}` to `key_prefix`, or `skip({root})`"
    )
}

#[test]
fn a_key_that_leaves_out_an_input_is_refused() {
    refuses(
        r#""{username}_posts""#,
        "async fn posts(username: &str, «page»: u32, db: &Db) -> Posts { body() }",
        &missing("page", "page"),
    );
    refuses(
        r#""posts""#,
        "async fn posts(State(db): State<Db>, «user»: CurrentUser, Path(id): Path<i64>) -> Json<Posts> { body() }",
        &missing("user", "user"),
    );
    refuses(
        r#""posts""#,
        "async fn posts(«headers»: HeaderMap) -> Json<Posts> { body() }",
        &missing("headers", "headers"),
    );
    refuses(
        r#""{path.0}_posts""#,
        "async fn posts(«path»: web::Path<(String, i64)>) -> Json<Posts> { body() }",
        &missing("path.1", "path"),
    );
}

#[test]
fn a_key_that_covers_its_inputs_is_accepted() {
    let plain = "async fn posts(username: &str, page: u32, db: &Db) -> Posts { body() }";
    accepts(r#""{username}_posts_{page}""#, plain);
    let handler = "async fn posts(State(db): State<Db>, user: CurrentUser, Path(id): Path<i64>) -> Json<Posts> { body() }";
    accepts(r#""posts", skip(user)"#, handler);
    let pair = "async fn posts(path: web::Path<(String, i64)>) -> Json<Posts> { body() }";
    accepts(r#""{path.0}_posts_{path.1}""#, pair);
    accepts(r#""{path.0.0}_posts_{path.0.1}""#, pair);
    accepts(
        r#""post", cache = cache"#,
        "async fn post(method: Method, cache: Cache, id: i64) -> Post { body() }",
    );
}

#[test]
fn a_name_that_skip_can_not_mean_is_refused() {
    for (attribute, message) in [
        (
            r#""post", skip(«page»)"#,
            "no parameter is named `page`; there are `post_id`",
        ),
        (
            r#""post", skip(post_id, «post_id»)"#,
            "`post_id` is skipped twice",
        ),
        (
            r#""post_{post_id}", skip(«post_id»)"#,
            "`post_id` is in the key: it can't be skipped",
        ),
    ] {
        refuses(attribute, READ, message);
    }
}

#[test]
fn the_resource_id_is_inferred_or_asked_for() {
    refuses(
        r#"«"org_{org_id}_dept_{dept_id}"»"#,
        "async fn staff(org_id: i64, dept_id: i64) -> Staff { body() }",
        "`org_id` and `dept_id` could each be the resource id: choose with `resource_id_name = \"org_id\"`",
    );
    refuses(
        r#""search", «resource_id_type» = Uuid"#,
        "async fn search(query: String) -> Posts { body() }",
        "no parameter has such a type and a name with `id` in it: use `resource_id_name`",
    );
    refuses(
        r#""search", resource_id_name = "query", «resource_id_type» = i64"#,
        "async fn search(query: String) -> Posts { body() }",
        "`resource_id_name` names `query`, which has another type; drop `resource_id_type`",
    );
    accepts(
        r#""search:{page}", resource_id_type = (i64, String)"#,
        "async fn search(query: &str, page: u32) -> Posts { body() }",
    );
    accepts(
        r#""size", skip(width)"#,
        "async fn size(width: i64) -> u64 { body() }",
    );
}

#[test]
fn a_resource_id_without_a_prefix_is_refused() {
    for (attribute, name) in [
        (
            r#"to_invalidate_extra = {"a": "b"}, «resource_id_name» = "post_id""#,
            "resource_id_name",
        ),
        (
            r#"to_invalidate_extra = {"a": "b"}, «resource_id_type» = i64"#,
            "resource_id_type",
        ),
    ] {
        let message = format!("`{name}` belongs to a `key_prefix`, and there is none");
        refuses(attribute, READ, &message);
    }
}
