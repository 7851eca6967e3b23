//! Templates, and the names in them.

use super::{READ, accepts, refuses};

const FUNCTION: &str = "async fn post(username: &str, page: u32) -> Post { body() }";

#[test]
fn a_template_that_can_not_be_read_is_refused() {
    for (attribute, message) in [
        (
            r#"key_prefix = «"{username}{page}"»"#,
            "`{username}{page}` needs text in between: without it different values make the same key",
        ),
        (
            r#"key_prefix = «"{username"»"#,
            "a `{` without its `}`; a literal brace is written `{{`",
        ),
        (
            r#"key_prefix = «"username}"»"#,
            "a `}` without its `{`; a literal brace is written `}}`",
        ),
        (
            r#"key_prefix = «"{}"»"#,
            "a placeholder needs a name: a parameter (`{id}`) or a field of one (`{page.number}`)",
        ),
        (
            r#"key_prefix = «"{user name}"»"#,
            "`user name` is not a placeholder: name a parameter (`id`) or a field of one (`page.number`)",
        ),
        (
            r#""posts", resource_id_name = «"{page}"»"#,
            "`{page}` is not a placeholder: name a parameter (`id`) or a field of one (`page.number`)",
        ),
        (
            r#"key_prefix = «"{page:x}"»"#,
            "unknown format `:x` in `{page:x}`; the only one is `:hash`",
        ),
        (
            r#"key_prefix = «"{page}%"»"#,
            "`{page}` can't be followed by `%`, which begins an escape in a key",
        ),
    ] {
        refuses(attribute, FUNCTION, message);
    }
}

#[test]
fn an_empty_template_is_refused() {
    for attribute in [
        r#"key_prefix = «""»"#,
        r#"to_invalidate_extra = {«""»: "b"}"#,
        r#"pattern_to_invalidate_extra = ["a", «""»]"#,
        r#"tags_to_invalidate = [«""»]"#,
    ] {
        let message = "this is empty: write some text, a `{placeholder}`, or both";
        refuses(attribute, READ, message);
    }
}

#[test]
fn a_name_that_no_parameter_has_is_refused() {
    for (attribute, message) in [
        (
            r#"key_prefix = «"{usrname}_{page}"», skip(username)"#,
            "no parameter is named `usrname`; did you mean `username`? There are `username`, `page`",
        ),
        (
            r#""posts", resource_id_name = «"user"»"#,
            "no parameter is named `user`; did you mean `username`? There are `username`, `page`",
        ),
        (
            r#"to_invalidate_extra = {"posts": «"{xyz}"»}"#,
            "no parameter is named `xyz`; there are `username`, `page`",
        ),
        (
            r#""posts", tags = [«"{self.tenant}"»]"#,
            "no parameter is named `self`; there are `username`, `page`",
        ),
    ] {
        refuses(attribute, FUNCTION, message);
    }
    refuses(
        r#"«"{id}"»"#,
        "async fn countries() -> Countries { body() }",
        "no parameter is named `id`; the function binds no names",
    );
    refuses(
        r#"«"{T}:{id}"»"#,
        "async fn get(&self, id: i64) -> Row { body() }",
        "no parameter is named `T`; there are `id`; the types of an `impl` are within `{Self}`",
    );
}

#[test]
fn an_option_is_named_as_a_whole() {
    let message =
        "`caller` is an `Option`, which has no field `id`: name the whole, as `{caller:hash}`";
    for ty in ["Option<Caller>", "&Option<Caller>"] {
        let function = format!("async fn me(caller: {ty}) -> Profile {{ body() }}");
        refuses(r#"«"me:{caller.id}"»"#, &function, message);
        accepts(r#""me:{caller:hash}""#, &function);
    }
    // A type of its own may have fields, whatever is around it.
    let wrapped = "async fn me(Kept(caller): Kept<Option<Caller>>) -> Profile { body() }";
    accepts(r#""me:{caller.id}""#, wrapped);
}

#[test]
fn a_read_can_not_use_what_it_returns() {
    for attribute in [
        r#"key_prefix = «"{result.id}"»"#,
        r#""post", resource_id_name = «"result.id"»"#,
        r#""post", tags = [«"post:{result.id}"»]"#,
    ] {
        let message = "`{result}` is the return value: only the templates of a write can use it";
        refuses(attribute, READ, message);
    }
}

#[test]
fn a_parameter_with_the_name_of_the_result_is_refused_where_a_template_means_one_of_them() {
    for attribute in [
        r#""{result}""#,
        r#""posts", resource_id_name = "result""#,
        r#"to_invalidate_extra = {"post": "{result.id}"}"#,
        r#"pattern_to_invalidate_extra = ["{result.id}_"]"#,
        r#"tags_to_invalidate = ["{result.id}"]"#,
    ] {
        refuses(
            &format!(r#"method = "PUT", {attribute}"#),
            "async fn make(«result»: i64) -> Post { body() }",
            "`{result…}` would mean both this parameter and the return value: rename the parameter",
        );
    }
    accepts(
        r#"method = "PUT", to_invalidate_extra = {"{{result}}": "{results}"}"#,
        "async fn make(result: i64, results: i64) -> Post { body() }",
    );
}
