//! The names of arguments, and how they are written.

use super::{READ, refuses};

#[test]
fn an_argument_that_does_not_exist_is_refused() {
    for (attribute, meant) in [
        (r#""post", «ttl» = 60"#, "expiration"),
        (r#""post", «expire» = 60"#, "expiration"),
        (r#""post", «expires» = 60"#, "expiration"),
        (r#""post", «expiry» = 60"#, "expiration"),
        (r#""post", «time» = 60"#, "expiration"),
        (r#""post", «expiratoin» = 60"#, "expiration"),
        (r#"«key» = "post""#, "key_prefix"),
        (r#"«prefix» = "post""#, "key_prefix"),
        (r#"«name» = "post""#, "key_prefix"),
        (
            r#""post", «pattern» = ["a"]"#,
            "pattern_to_invalidate_extra",
        ),
        (
            r#""post", «patterns» = ["a"]"#,
            "pattern_to_invalidate_extra",
        ),
        (
            r#""post", «pattern_to_invalidate» = ["a"]"#,
            "pattern_to_invalidate_extra",
        ),
        (
            r#""post", «invalidate» = {"a": "b"}"#,
            "to_invalidate_extra",
        ),
        (
            r#""post", «invalidates» = {"a": "b"}"#,
            "to_invalidate_extra",
        ),
        (r#""post", «id» = "post_id""#, "resource_id_name"),
        (r#""post", «resource_id» = "post_id""#, "resource_id_name"),
        (r#""post", «tag» = "a""#, "tags"),
        (r#""post", «swr» = 60"#, "stale_while_revalidate"),
        (r#""post", «stale» = 60"#, "stale_while_revalidate"),
        (r#""post", «sie» = 60"#, "stale_if_error"),
        (r#""post", «concurrency» = 8"#, "max_loads"),
        (r#""post", «limit» = 8"#, "max_loads"),
    ] {
        let name = &attribute[attribute.find('«').expect("a mark") + '«'.len_utf8()..];
        let name = name.split('»').next().expect("a mark");
        let message = format!("unknown argument `{name}`; did you mean `{meant}`?");
        refuses(attribute, READ, &message);
    }
    refuses(
        r#""post:{id}", «id» = item.id()"#,
        READ,
        "unknown argument `id`; a template names parameters and their fields, and calls nothing: take `id` as a parameter",
    );
    refuses(
        r#""post", «labels» = ["a"]"#,
        READ,
        "unknown argument `labels`; there are `key_prefix`, `resource_id_name`, `resource_id_type`, `version`, `expiration`, `stale_while_revalidate`, `stale_if_error`, `near`, `max_loads`, `detached`, `verify`, `to_invalidate_extra`, `pattern_to_invalidate_extra`, `tags`, `tags_to_invalidate`, `invalidate_on_error`, `method`, `condition`, `unless`, `skip`, `cache`, `crate`",
    );
}

#[test]
fn what_is_no_argument_is_refused() {
    for attribute in [r#""post", «60»"#, r#""post", «(»60)"#] {
        refuses(
            attribute,
            READ,
            "expected an argument like `expiration = 60`",
        );
    }
    refuses(r#""post" «expiration» = 60"#, READ, "expected `,`");
    refuses(r#""post", expiration = 60 «61»"#, READ, "expected `,`");
}

#[test]
fn an_argument_without_a_value_is_refused() {
    for attribute in [
        r#""post", «expiration»"#,
        r#""post", «expiration»(60)"#,
        r#""post", «expiration» ="#,
        r#""post", «expiration» = , skip(post_id)"#,
    ] {
        refuses(
            attribute,
            READ,
            "`expiration` needs a value: `expiration = …`",
        );
    }
    refuses(
        r#""post", «crate»"#,
        READ,
        "`crate` needs a value: `crate = …`",
    );
}

#[test]
fn an_argument_that_is_given_twice_is_refused() {
    for (attribute, name) in [
        (
            r#""post", expiration = 60, «expiration» = 61"#,
            "expiration",
        ),
        (r#""post", «key_prefix» = "user""#, "key_prefix"),
        (r#"key_prefix = "user", «"post"»"#, "key_prefix"),
        (r#""post", skip(post_id), «skip»(post_id)"#, "skip"),
        (r#""post", crate = a, «crate» = b"#, "crate"),
    ] {
        refuses(attribute, READ, &format!("`{name}` is given twice"));
    }
}
