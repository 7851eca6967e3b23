//! The resource id, and what may not be in a key as it is.

use super::{READ, accepts, refuses};

#[test]
fn what_the_template_names_is_not_appended() {
    // Were it appended, it would be ambiguous.
    accepts(
        r#""perm:{user_id}:{post_id:hash}""#,
        "async fn perm(user_id: i64, post_id: i64) -> bool { body() }",
    );
    for template in [
        "{target.user_id}",
        "{user.id}",
        "{user_id.0}",
        "{result.user_id}",
    ] {
        accepts(
            &format!(r#""perm:{template}", method = "PUT""#),
            "async fn perm(target: Target, user: User, user_id: i64) -> bool { body() }",
        );
    }
}

#[test]
fn a_secret_is_no_name_of_a_key() {
    for (path, parameter) in [
        ("token", "token: &str"),
        ("api_key", "api_key: String"),
        ("login.password", "login: Login"),
        ("reset_token.0", "reset_token: Token"),
        ("token.value", "token: Token"),
        ("key", "key: ApiKey"),
        ("by", "by: &SecretString"),
        (
            "auth",
            "TypedHeader(auth): TypedHeader<Authorization<Bearer>>",
        ),
    ] {
        let function = format!("async fn me({parameter}) -> Profile {{ body() }}");
        refuses(
            &format!(r#"«"me:{{{path}}}"»"#),
            &function,
            &format!(
                "`{path}` is a secret, and whoever lists the keys would read it: write `{{{path}:hash}}`"
            ),
        );
        accepts(&format!(r#""me:{{{path}:hash}}""#), &function);
    }
    accepts(
        r#""me:{token_id}:{token.user_id}:{tokens_left}""#,
        "async fn me(token_id: i64, token: Claims, tokens_left: u8) -> Profile { body() }",
    );
    refuses(
        r#"«"me"», resource_id_type = String"#,
        "async fn me(password: String) -> Profile { body() }",
        "`password` is a secret, and whoever lists the keys would read it: write `{password:hash}`",
    );
}

#[test]
fn the_resource_id_is_inferred_or_asked_for() {
    refuses(
        r#"«"staff"»"#,
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
        r#""search:{query}", resource_id_type = (i64, String)"#,
        "async fn search(query: &str) -> Posts { body() }",
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
