//! The values of arguments: their shapes, before anything is known of the function.

use super::{READ, accepts, refuses};

#[test]
fn text_has_to_be_a_literal() {
    for (attribute, name) in [
        ("key_prefix = «post»", "key_prefix"),
        (
            r#""post", resource_id_name = «post_id»"#,
            "resource_id_name",
        ),
        (r#""post", method = «PUT»"#, "method"),
        (r#""post", method = «(»PUT)"#, "method"),
    ] {
        let message = format!("`{name}` must be a string literal, such as `{name} = \"…\"`");
        refuses(attribute, READ, &message);
    }
}

#[test]
fn a_copy_in_memory_may_be_wrong_for_a_second_at_most() {
    for value in [r#""1001ms""#, r#""soon""#, "2", "-1", "true"] {
        refuses(
            &format!(r#""post", near = «{value}», skip(a)"#),
            READ,
            "`near` must be text such as `\"10ms\"`, from `\"0ms\"` to `\"1s\"`, or a `Duration`: so long does each write wait that removes such an entry",
        );
    }
    for value in [r#""0ms""#, r#""10ms""#, "1", "NEAR"] {
        accepts(&format!(r#""post", near = {value}"#), READ);
    }
}

#[test]
fn as_many_loads_as_run_at_once_are_a_number_above_zero() {
    for value in ["0", "-1", "8.5", "true", r#""8""#, "4294967296"] {
        refuses(
            &format!(r#""post", max_loads = «{value}», skip(a)"#),
            READ,
            "`max_loads` must be a whole number above zero, such as `max_loads = 8`, or a `usize`",
        );
    }
    for value in ["1", "8", "8usize", "MAX_LOADS", "pool.size() / 2", "*loads"] {
        accepts(&format!(r#""post", max_loads = {value}"#), READ);
    }
}

#[test]
fn hits_are_verified_at_a_rate_from_none_to_all() {
    for value in ["2", "1.001", "-0.1", "true", r#""0.1""#] {
        refuses(
            &format!(r#""post", verify = «{value}», skip(a)"#),
            READ,
            "`verify` must be a number from 0 to 1, such as `verify = 0.001`, or an `f64`",
        );
    }
    for value in [
        "0",
        "1",
        "0.0",
        "0.001",
        "1e-3",
        "1f64",
        "RATE",
        "settings.rate",
    ] {
        accepts(&format!(r#""post", verify = {value}"#), READ);
    }
}

#[test]
fn a_flag_has_no_value() {
    for attribute in [
        r#""post", detached = «true», skip(post_id)"#,
        r#""post", detached = «false»"#,
        r#""post", detached«(»60)"#,
    ] {
        refuses(
            attribute,
            READ,
            "`detached` has no value: write `detached`, or leave it out",
        );
    }
    for attribute in [r#""post", detached"#, r#"detached, key_prefix = "post""#] {
        accepts(attribute, READ);
    }
}

#[test]
fn a_method_is_written_in_capitals() {
    for (attribute, example) in [
        (r#""post", method = «"put"»"#, "PUT"),
        (r#""post", method = «"m-search"»"#, "M-SEARCH"),
        (r#""post", method = «"P T"»"#, "PUT"),
        (r#""post", method = «""»"#, "PUT"),
    ] {
        let message =
            format!("`method` must be a request method in capitals, such as `\"{example}\"`");
        refuses(attribute, READ, &message);
    }
}

#[test]
fn a_time_is_above_zero_and_has_a_unit() {
    for (attribute, name) in [
        (r#""post", expiration = «0»"#, "expiration"),
        (r#""post", expiration = «-5»"#, "expiration"),
        (r#""post", expiration = «1.5»"#, "expiration"),
        (
            r#""post", expiration = «"5 minutes"», skip(a)"#,
            "expiration",
        ),
        (r#""post", expiration = «"0s"»"#, "expiration"),
        (r#""post", stale_if_error = «"soon"»"#, "stale_if_error"),
        (
            r#""post", stale_while_revalidate = «0»"#,
            "stale_while_revalidate",
        ),
    ] {
        let message = format!(
            "`{name}` must be whole seconds above zero, text such as `\"5m\"`, or a `Duration`"
        );
        refuses(attribute, READ, &message);
    }
}

#[test]
fn an_expiration_may_be_asked_of_the_value() {
    const CLOSURE: &str = "`expiration` must be a time, or a closure of the value, such as `|token| token.expires_in`";
    const SHAPE: &str = "`expiration` must be a time, or a closure of the value and the longest time: `{|token| token.expires_in, max = \"7d\"}`";
    for value in ["«|| 60»", "«|token, id| token.expires_in»"] {
        refuses(
            &format!(r#""post", expiration = {value}, skip(a)"#),
            READ,
            CLOSURE,
        );
    }
    for value in [
        "{|token| token.expires_in«}»",
        "{|token| token.expires_in, «min» = 60}",
        "{|token| token.expires_in, «60»}",
        "{|token| token.expires_in, max«}»",
        "{|token| token.expires_in, max = 60, «min» = 1}",
    ] {
        refuses(&format!(r#""post", expiration = {value}"#), READ, SHAPE);
    }
    for value in ["{«|| 60», max = 60}", r#"{«"7d"», max = 60}"#] {
        refuses(
            &format!(r#""post", expiration = {value}"#),
            READ,
            "`expiration` must be a closure or a function of the value, such as `|token| token.expires_in` or `Token::expires_in`",
        );
    }
    refuses(
        r#""post", expiration = {|token| token.expires_in, max = «0»}"#,
        READ,
        "`max` must be whole seconds above zero, text such as `\"5m\"`, or a `Duration`",
    );
    for value in [
        "|token| token.expires_in",
        "|token: &Token| -> u64 { token.expires_in }",
        "|ref token| token.expires_in",
        "move |Token { expires_in, .. }| *expires_in",
        r#"{|token| token.expires_in, max = "7d"}"#,
        "{Token::expires_in, max = MONTH,}",
        "{ minutes(5) }",
        "{ let minutes = 5; 60 * minutes }",
    ] {
        accepts(&format!(r#""post", expiration = {value}"#), READ);
    }
}

#[test]
fn what_is_asked_of_a_value_does_not_wait() {
    for (attribute, name) in [
        (
            "expiration = «async» |token| token.expires_in",
            "expiration",
        ),
        (
            "expiration = {«async» |token| token.expires_in, max = 60}",
            "expiration",
        ),
        ("unless = «async» |post| post.is_empty()", "unless"),
        (
            "stale_if_error = {60, errors = «async» |error| error.is_late()}",
            "errors",
        ),
    ] {
        let message = format!(
            "`{name}` can't wait: its closure looks at a value that is there, and is not `async`"
        );
        refuses(&format!(r#""post", {attribute}"#), READ, &message);
    }
    refuses(
        r#""post", method = "PUT", invalidate_on_error = «async» |error| error.is_late()"#,
        READ,
        "`invalidate_on_error` can't wait: its closure looks at a value that is there, and is not `async`",
    );
}

#[test]
fn a_window_for_errors_may_say_which_they_are() {
    const SHAPE: &str = "`stale_if_error` must be a time, or a time and which errors are failures: `{60, errors = |error| error.is_timeout()}`";
    for value in [
        "{60«}»",
        "{60, «which» = |error| true}",
        "{60, errors«}»",
        "{60, errors = |error| true, «more» = 1}",
        "{60 «errors» = |error| true}",
    ] {
        refuses(&format!(r#""post", stale_if_error = {value}"#), READ, SHAPE);
    }
    refuses(
        r#""post", stale_if_error = {60, errors = «true»}"#,
        READ,
        "`errors` must be a closure or a function of the error, such as `|error| error.is_timeout()` or `Error::is_timeout`",
    );
    refuses(
        r#""post", stale_if_error = {«0», errors = |error| true}"#,
        READ,
        "`stale_if_error` must be whole seconds above zero, text such as `\"5m\"`, or a `Duration`",
    );
    for value in [
        "{60, errors = |error| error.is_timeout()}",
        r#"{"10m", errors = Error::is_timeout,}"#,
        "{DAY, errors = |error: &Error| matches!(error, Error::Timeout)}",
    ] {
        accepts(&format!(r#""post", stale_if_error = {value}"#), READ);
    }
}

#[test]
fn which_failures_invalidate_is_said_by_a_predicate() {
    const SHAPE: &str = "`invalidate_on_error` must be `true`, or a closure or a function of the error, such as `|error| error.is_late()` or `Error::is_late`";
    for value in [
        "«false»",
        "«1»",
        "«\"always\"»",
        "«|| true»",
        "«|a, b| true»",
    ] {
        refuses(
            &format!(r#""post", invalidate_on_error = {value}"#),
            READ,
            SHAPE,
        );
    }
    for value in ["true", "Error::is_late", "|error: &Error| error.is_late()"] {
        accepts(
            &format!(r#""post", invalidate_on_error = {value}"#),
            "async fn change(post_id: i64) -> Result<Post, Error> { body() }",
        );
    }
}

#[test]
fn a_version_is_a_whole_number() {
    for value in [
        "«\"2\"»",
        "«-1»",
        "«2.0»",
        "«2u8»",
        "«VERSION»",
        "«4294967296»",
    ] {
        refuses(
            &format!(r#""post", version = {value}"#),
            READ,
            "`version` must be a whole number, such as `version = 2`",
        );
    }
    refuses(
        r#""post", «version»"#,
        READ,
        "`version` needs a value: `version = …`",
    );
    accepts(r#""post", version = 2"#, READ);
    accepts(r#""post", version = 0"#, READ);
}

#[test]
fn a_version_is_not_written_into_a_prefix() {
    for prefix in ["post%v2", "post:{post_id}%v2", "%v2"] {
        refuses(
            &format!(r#"«"{prefix}"»"#),
            READ,
            "a key ends in `%v` and a number where it has a version: leave that out, and add `version = …`",
        );
    }
    accepts(r#""post%v2_{post_id}""#, READ);
    accepts(
        r#"to_invalidate_extra = {"post": "{post_id}%v2", "latest%v2": ""}"#,
        "async fn change(post_id: i64) { body() }",
    );
    refuses(
        r#"tags_to_invalidate = ["post:{post_id}"], «version» = 2"#,
        "async fn change(post_id: i64) { body() }",
        "`version` belongs to a `key_prefix`, and there is none",
    );
}

#[test]
fn keys_to_invalidate_are_pairs() {
    const SHAPE: &str =
        "`to_invalidate_extra` must look like `{\"user_posts\": \"{user_id}\"}`: prefix, colon, id";
    for attribute in [
        r#""post", to_invalidate_extra = «[»"a"]"#,
        r#""post", to_invalidate_extra = «"a"»"#,
        r#""post", to_invalidate_extra = {"a": «1»}"#,
        r#""post", to_invalidate_extra = {«a»: "b"}"#,
        r#""post", to_invalidate_extra = {"a": "b" «"c"»: "d"}"#,
        r#""post", to_invalidate_extra = {"a"«}»"#,
    ] {
        refuses(attribute, READ, SHAPE);
    }
}

#[test]
fn patterns_and_tags_are_lists_of_literals() {
    for (attribute, name, example) in [
        (
            r#""post", pattern_to_invalidate_extra = «"a*"»"#,
            "pattern_to_invalidate_extra",
            "user_{user_id}_*",
        ),
        (
            r#""post", pattern_to_invalidate_extra = [«a»]"#,
            "pattern_to_invalidate_extra",
            "user_{user_id}_*",
        ),
        (r#""post", tags = «"a"»"#, "tags", "user:{user_id}"),
        (r#""post", tags = ["a" «"b"»]"#, "tags", "user:{user_id}"),
        (
            r#""post", tags_to_invalidate = «{»"a": "b"}"#,
            "tags_to_invalidate",
            "user:{user_id}",
        ),
    ] {
        let message =
            format!("`{name}` must be a list of string literals, such as `[\"{example}\"]`");
        refuses(attribute, READ, &message);
    }
}

#[test]
fn what_is_empty_is_refused() {
    for (attribute, name) in [
        (
            r#""post", «to_invalidate_extra» = {}"#,
            "to_invalidate_extra",
        ),
        (
            r#""post", «pattern_to_invalidate_extra» = []"#,
            "pattern_to_invalidate_extra",
        ),
        (r#""post", «tags» = []"#, "tags"),
        (r#""post", «tags_to_invalidate» = []"#, "tags_to_invalidate"),
        (r#""post", «skip»()"#, "skip"),
    ] {
        let message = format!("`{name}` is empty: put something into it, or leave it out");
        refuses(attribute, READ, &message);
    }
}

#[test]
fn a_type_is_one_of_rust() {
    for (attribute, rust) in [
        (r#""post", resource_id_type = «int»"#, "i64"),
        (r#""post", resource_id_type = (i64, «str»)"#, "String"),
    ] {
        let message = format!("name the Rust type that the parameter has, such as `{rust}`");
        refuses(attribute, READ, &message);
    }
    refuses(
        r#""post", resource_id_type = «()», expiration = 60"#,
        READ,
        "`resource_id_type` must name a type, such as `i64` or `(i64, String)`",
    );
}

#[test]
fn unless_is_a_question_about_the_value() {
    const SHAPE: &str = "`unless` must be a closure or a function of the value, such as `|posts| posts.is_empty()` or `Vec::is_empty`";
    for attribute in [
        r#""post", unless = «true»"#,
        r#""post", unless = «|a, b| true»"#,
        r#""post", unless = «|| true»"#,
    ] {
        refuses(attribute, READ, SHAPE);
    }
}

#[test]
fn skip_takes_names() {
    for attribute in [
        r#""post", «skip» = post_id"#,
        r#""post", «skip»"#,
        r#""post", skip(«"post_id"»)"#,
        r#""post", skip(post_id «b»)"#,
    ] {
        let message = "`skip` must name parameters, such as `skip(trace_id)`";
        refuses(attribute, READ, message);
    }
}

#[test]
fn what_syn_says_of_a_value_is_passed_on() {
    for (attribute, message) in [
        (r#""post", condition = «=»"#, "expected an expression"),
        (r#""post", cache = «else»"#, "expected an expression"),
        (r#""post", crate = «"cache"»"#, "expected identifier"),
    ] {
        refuses(attribute, READ, message);
    }
}

#[test]
fn a_pattern_says_where_it_ends() {
    let function = "async fn update(user_id: i64) -> User { body() }";
    for (written, text) in [
        ("user_{user_id}", "user_{user_id}"),
        ("user_{user_id}*", "user_{user_id}"),
        ("*_{user_id}**", "*_{user_id}"),
    ] {
        refuses(
            &format!(r#"pattern_to_invalidate_extra = [«"{written}"»]"#),
            function,
            &format!(
                "`{text}*` takes what only begins with the value as well: write the text behind it, such as `{text}_*` or `{text}:*`"
            ),
        );
    }
    for written in ["*", "**", "?*"] {
        refuses(
            &format!(r#"pattern_to_invalidate_extra = [«"{written}"»]"#),
            function,
            &format!(
                "`{written}` takes every key of the cache: write the text that yours begin with, such as `user_*`"
            ),
        );
    }
    accepts(
        r#"pattern_to_invalidate_extra = ["user_{user_id}_*", "*_user_{user_id}_*", "search_results_*", "user_*", "*_posts", "user_*_posts_*", "temp_*", "{user_id}:"]"#,
        function,
    );
}
