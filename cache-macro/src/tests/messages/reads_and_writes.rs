//! What a function does, and the arguments that go with it.

use super::{READ, accepts, refuses, refuses_all};

#[test]
fn what_looks_like_a_write_has_to_say_so() {
    let message = |reason: &str| {
        format!(
            "this looks like a write, since it {reason}: add `method = \"PUT\"`, or `method = \"GET\"` if it is a read"
        )
    };
    refuses(
        r#""post""#,
        "async fn «update_post»(post_id: i64) -> Post { body() }",
        &message("is named `update_post`"),
    );
    refuses(
        r#""post""#,
        "async fn «post»(Path(post_id): Path<i64>, Json(change): Json<Change>) -> Json<Post> { body() }",
        &message("takes a request's body"),
    );
    refuses(
        r#""post""#,
        r#"#[post("/")] async fn «submit»(post_id: web::Path<i64>) -> Json<Post> { body() }"#,
        &message("is routed by `#[post]`"),
    );
}

#[test]
fn what_is_named_by_a_verb_of_change_has_to_say_what_it_does() {
    let verbs = "archive assign approve cancel charge checkout close complete grant import increment invite pay \
        publish record refund reset revoke send submit toggle transfer unsubscribe upload write \
        create delete insert remove save set update upsert add edit patch put \
        decrement unarchive unassign uninvite reject deny withdraw renew refresh overwrite \
        check_out log_in log_out sign_up roll_back shut_down opt_out \
        bulk_import try_create batch_delete soft_delete force_log_out";
    for verb in verbs.split_whitespace() {
        for name in [verb.to_owned(), format!("{verb}_card")] {
            refuses(
                r#""card""#,
                &format!("async fn «{name}»(id: i64) -> Receipt {{ body() }}"),
                &format!(
                    "this looks like a write, since it is named `{name}`: add `method = \"PUT\"`, or `method = \"GET\"` if it is a read"
                ),
            );
        }
    }
}

#[test]
fn what_is_named_by_a_noun_or_a_verb_of_reading_reads() {
    let names = "get find list load fetch read show search count check verify resolve lookup compute render \
        post order book address settings updates setting archived_posts sent_mails exchange_rate favorite_posts \
        batch_get try_find bulk log_lines check_inventory";
    for name in names.split_whitespace() {
        accepts(
            r#""card""#,
            &format!("async fn {name}(id: i64) -> Receipt {{ body() }}"),
        );
    }
}

#[test]
fn a_write_that_says_so_is_accepted() {
    let named = "async fn update_post(post_id: i64) -> Post { body() }";
    accepts(r#""post", method = "PUT""#, named);
    accepts(r#""post", method = "GET""#, named);
    accepts(r#"to_invalidate_extra = {"post": "{post_id}"}"#, named);
    accepts(
        r#""post""#,
        "async fn update_post(request: Request, post_id: i64) -> Json<Post> { body() }",
    );
}

#[test]
fn a_read_needs_a_prefix_and_a_write_something_to_invalidate() {
    for attribute in ["", r#"method = "GET""#, r#"tags = ["a"]"#] {
        let message = "`key_prefix` is missing: `#[cache(key_prefix = \"post_cache\")]`";
        refuses(attribute, READ, message);
    }
    refuses(
        r#"method = "DELETE""#,
        READ,
        "nothing to invalidate: give `key_prefix`, `to_invalidate_extra`, `pattern_to_invalidate_extra` or `tags_to_invalidate`",
    );
}

#[test]
fn a_read_that_invalidates_is_refused() {
    for (attribute, name) in [
        (
            r#""post", method = "GET", «to_invalidate_extra» = {"a": "b"}"#,
            "to_invalidate_extra",
        ),
        (
            r#""post", method = "GET", «pattern_to_invalidate_extra» = ["a"]"#,
            "pattern_to_invalidate_extra",
        ),
        (
            r#""post", method = "GET", «tags_to_invalidate» = ["a"]"#,
            "tags_to_invalidate",
        ),
    ] {
        let message = format!(
            "`{name}` is for writes, and `GET` is a read: name the write's method or drop it"
        );
        refuses(attribute, READ, &message);
    }
}

#[test]
fn an_argument_that_would_do_nothing_is_refused() {
    for (name, value) in [
        ("expiration", " = 60"),
        ("stale_while_revalidate", " = 60"),
        ("stale_if_error", " = 60"),
        ("near", " = \"10ms\""),
        ("max_loads", " = 8"),
        ("detached", ""),
        ("verify", " = 0.001"),
        ("condition", " = true"),
        ("unless", " = |_| true"),
        ("skip", "(post_id)"),
    ] {
        let attribute = format!(r#""post", method = "PUT", «{name}»{value}"#);
        let message =
            format!("`{name}` is for reads, and this function writes: it stores no value");
        refuses(&attribute, READ, &message);
    }
    refuses(
        r#""post", method = "PUT", «tags» = ["a"]"#,
        READ,
        "`tags` is for reads, and this function writes: `tags_to_invalidate` removes what is stored under tags",
    );
}

#[test]
fn what_a_failed_write_can_not_name_is_not_removed_on_error() {
    let write = "async fn create(owner: &str, post: NewPost) -> Result<Post, Error> { body() }";
    refuses(
        r#"to_invalidate_extra = {"post": "{result.id}"}, «invalidate_on_error» = true"#,
        write,
        "`invalidate_on_error` has nothing to remove: all that is named here needs `{result…}`, which a write that failed doesn't have",
    );
    accepts(
        r#"to_invalidate_extra = {"post": "{result.id}", "posts": "{owner}"}, invalidate_on_error = true"#,
        write,
    );
    refuses(
        "invalidate_on_error = true",
        write,
        "nothing to invalidate: give `key_prefix`, `to_invalidate_extra`, `pattern_to_invalidate_extra` or `tags_to_invalidate`",
    );
    refuses(
        r#""post", resource_id_name = "id", method = "GET", «invalidate_on_error» = true"#,
        "async fn post(id: i64) -> Result<Post, Error> { body() }",
        "`invalidate_on_error` is for writes, and `GET` is a read: name the write's method or drop it",
    );
}

/// Types of parameters that are, or may have, a transaction.
const TRANSACTIONS: &[&str] = &[
    "&mut Transaction<'_, Postgres>",
    "Transaction<'static, Sqlite>",
    "&Transaction<'_>",
    "&mut PgConnection",
    "&'a mut AsyncPgConnection",
    "&mut PoolConnection<Sqlite>",
    "&DatabaseTransaction",
    "&deadpool_postgres::Transaction",
    "Arc<DatabaseTransaction>",
];

#[test]
fn a_transaction_is_committed_outside_of_the_function() {
    for ty in TRANSACTIONS {
        let read = format!("async fn posts(«tx»: {ty}) -> Posts {{ body() }}");
        refuses(
            r#""posts""#,
            &read,
            "`tx` may see what is not committed, and all callers would get it: take a pool, or call this within `cache.deferred`, where nothing is stored, and add `skip(tx)`",
        );
        let write = format!("async fn post(post_id: i64, «tx»: {ty}) -> Post {{ body() }}");
        refuses(
            r#""post", method = "PUT""#,
            &write,
            "`tx` is committed after this function, which would invalidate before that: call it within `cache.deferred`, which invalidates behind the commit, and add `skip(tx)`",
        );
        let without_marks = |function: &str| function.replace(['«', '»'], "");
        accepts(r#""posts", skip(tx)"#, &without_marks(&read));
        accepts(
            r#""post", method = "PUT", skip(tx)"#,
            &without_marks(&write),
        );
    }
    for ty in [
        "&PgConnection",
        "PgConnection",
        "&DatabaseConnection",
        "PoolConnection<Sqlite>",
        "&mut MultiplexedConnection",
        "&mut PgPool",
    ] {
        accepts(
            r#""post", method = "PUT""#,
            &format!("async fn post(post_id: i64, db: {ty}) -> Post {{ body() }}"),
        );
    }
}

#[test]
fn skip_of_a_write_names_transactions_alone() {
    let write = "async fn post(post_id: i64, tx: &DatabaseTransaction) -> Post { body() }";
    refuses_all(&[
        (
            r#""post", method = "PUT", «skip»(post_id)"#,
            write,
            "`skip` is for reads, and this function writes: it stores no value",
        ),
        (
            r#""post", method = "PUT", skip(post_id)"#,
            "async fn post(post_id: i64, «tx»: &DatabaseTransaction) -> Post { body() }",
            "`tx` is committed after this function, which would invalidate before that: call it within `cache.deferred`, which invalidates behind the commit, and add `skip(tx)`",
        ),
    ]);
    refuses(
        r#""post", method = "PUT", skip(tx, «tx»)"#,
        write,
        "`tx` is skipped twice",
    );
}

#[test]
fn a_refresh_in_the_background_borrows_nothing() {
    for (borrowed, parameter) in [
        ("it", "it: &Db"),
        ("it", "it: &'a Db"),
        ("it", "State(it): State<Db<'_>>"),
        ("it", "it: (u8, &[u8])"),
    ] {
        refuses(
            &format!(r#""post", «stale_while_revalidate» = 60, skip({borrowed})"#),
            &format!("async fn post({parameter}) -> Post {{ body() }}"),
            &format!(
                "`stale_while_revalidate` runs the function on when its caller has gone, and `{borrowed}` is borrowed: take it by value"
            ),
        );
        refuses(
            &format!(r#""post", «detached», skip({borrowed})"#),
            &format!("async fn post({parameter}) -> Post {{ body() }}"),
            &format!(
                "`detached` runs the function on when its caller has gone, and `{borrowed}` is borrowed: take it by value"
            ),
        );
        refuses(
            &format!(r#""post", «verify» = 0.001, skip({borrowed})"#),
            &format!("async fn post({parameter}) -> Post {{ body() }}"),
            &format!(
                "`verify` runs the function on when its caller has gone, and `{borrowed}` is borrowed: take it by value"
            ),
        );
    }
    for argument in ["«stale_while_revalidate» = 60", "«detached»"] {
        let name = argument.split(['«', '»']).nth(1).expect("a name");
        refuses(
            &format!(r#""post", {argument}, skip(self)"#),
            "async fn post(&self) -> Post { body() }",
            &format!(
                "`{name}` runs the function on when its caller has gone, and `self` is borrowed: take it by value, or as `self: Arc<Self>`"
            ),
        );
    }
    for owned in ["it: Db", "it: &'static Db", "State(it): State<Db<'static>>"] {
        let function = format!("async fn post({owned}) -> Post {{ body() }}");
        for argument in ["stale_while_revalidate = 60", "detached", "verify = 0.001"] {
            accepts(&format!(r#""post", {argument}, skip(it)"#), &function);
        }
    }
    accepts(
        r#""post", stale_if_error = 60, skip(self)"#,
        "async fn post(&self, post_id: i64) -> Post { body() }",
    );
}
