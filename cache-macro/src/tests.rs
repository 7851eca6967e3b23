//! What the attribute makes of a function, and what it says of a mistake.

use expect_test::{Expect, expect};
use proc_macro2::TokenStream;

use crate::cache_or_error;

fn tokens(text: &str) -> TokenStream {
    text.parse().expect("a test's tokens are tokens")
}

/// The messages for this attribute on this function, and whether the function is still there.
fn messages(attribute: &str, function: &str) -> (Vec<String>, bool) {
    let output: syn::File = syn::parse2(cache_or_error(tokens(attribute), tokens(function)))
        .expect("the output is a list of items");
    let is_error = |mac: &syn::ItemMacro| {
        mac.mac
            .path
            .segments
            .last()
            .is_some_and(|last| last.ident == "compile_error")
    };
    let errors = output.items.iter().filter_map(|item| match item {
        syn::Item::Macro(mac) if is_error(mac) => Some(
            mac.mac
                .parse_body::<syn::LitStr>()
                .expect("a message")
                .value(),
        ),
        _ => None,
    });
    let is_usable = output
        .items
        .iter()
        .any(|item| !matches!(item, syn::Item::Macro(_)));
    (errors.collect(), is_usable)
}

/// One mistake, one message, and the function stays usable for its callers.
#[track_caller]
fn refuses(attribute: &str, function: &str, message: &str) {
    let (messages, is_usable) = messages(attribute, function);
    assert_eq!(messages, [message], "#[cache({attribute})] {function}");
    assert!(is_usable, "the function is gone: {function}");
}

#[track_caller]
fn accepts(attribute: &str, function: &str) {
    let (messages, _) = messages(attribute, function);
    assert_eq!(messages, [""; 0], "#[cache({attribute})] {function}");
}

const READ: &str = "async fn post(post_id: i64) -> Post { body() }";

#[test]
fn a_function_that_can_not_be_cached_is_refused() {
    let prefix = r#""post""#;
    refuses(
        prefix,
        "fn post(id: i64) -> Post { body() }",
        "`#[cache]` needs an `async fn`: write `async` before `fn`",
    );
    refuses(prefix, "struct Post;", "`#[cache]` goes on an `async fn`");
    refuses(
        prefix,
        "fn post<'life0, 'async_trait>(&'life0 self, id: i64) -> Pin<Box<dyn Future<Output = Post> + 'async_trait>> { Box::pin(async move { body() }) }",
        "`#[async_trait]` has already rewritten this method: put `#[cache]` on an inherent `async fn` and call that",
    );
    let (messages, _) = messages(prefix, "async fn post(&self, id: i64) -> Post;");
    assert_eq!(
        messages,
        ["`#[cache]` needs a body: put it on the implementation, not on the declaration"]
    );
}

#[test]
fn an_argument_that_does_not_exist_is_refused() {
    for (attribute, message) in [
        (
            "\"post\", ttl = 60",
            "unknown argument `ttl`; did you mean `expiration`?",
        ),
        (
            "\"post\", expiratoin = 60",
            "unknown argument `expiratoin`; did you mean `expiration`?",
        ),
        (
            "key = \"post\"",
            "unknown argument `key`; did you mean `key_prefix`?",
        ),
        (
            "\"post\", pattern_to_invalidate = [\"a\"]",
            "unknown argument `pattern_to_invalidate`; did you mean `pattern_to_invalidate_extra`?",
        ),
        (
            "\"post\", labels = [\"a\"]",
            "unknown argument `labels`; there are `key_prefix`, `resource_id_name`, `resource_id_type`, `expiration`, `stale_while_revalidate`, `stale_if_error`, `to_invalidate_extra`, `pattern_to_invalidate_extra`, `tags`, `tags_to_invalidate`, `method`, `condition`, `unless`, `skip`, `cache`, `crate`",
        ),
        (
            "\"post\", 60",
            "expected an argument like `expiration = 60`",
        ),
        (
            "\"post\", expiration",
            "`expiration` needs a value: `expiration = …`",
        ),
        (
            "\"post\", expiration(60)",
            "`expiration` needs a value: `expiration = …`",
        ),
        (
            "\"post\", expiration = 60, expiration = 61",
            "`expiration` is given twice",
        ),
        (
            "\"post\", key_prefix = \"user\"",
            "`key_prefix` is given twice",
        ),
        (
            "\"post\", skip(post_id), skip(post_id)",
            "`skip` is given twice",
        ),
    ] {
        refuses(attribute, READ, message);
    }
}

#[test]
fn a_value_of_the_wrong_shape_is_refused() {
    const EXPIRATION: &str =
        "`expiration` must be whole seconds above zero, text such as `\"5m\"`, or a `Duration`";
    const EXTRA: &str =
        "`to_invalidate_extra` must look like `{\"user_posts\": \"{user_id}\"}`: prefix, colon, id";
    const PATTERNS: &str = "`pattern_to_invalidate_extra` must be a list of string literals, such as `[\"user_{user_id}_*\"]`";
    const UNLESS: &str = "`unless` must be a closure or a function of the answer's value, such as `|posts| posts.is_empty()` or `Vec::is_empty`";
    const SKIP: &str = "`skip` must name parameters, such as `skip(trace_id)`";
    for (attribute, message) in [
        (
            "key_prefix = post",
            "`key_prefix` must be a string literal, such as `key_prefix = \"…\"`",
        ),
        (
            "\"post\", resource_id_name = post_id",
            "`resource_id_name` must be a string literal, such as `resource_id_name = \"…\"`",
        ),
        ("\"post\", expiration = 0", EXPIRATION),
        ("\"post\", expiration = -5", EXPIRATION),
        ("\"post\", expiration = 1.5", EXPIRATION),
        ("\"post\", expiration = \"5 minutes\"", EXPIRATION),
        ("\"post\", expiration = \"0s\"", EXPIRATION),
        (
            "\"post\", stale_if_error = \"soon\"",
            "`stale_if_error` must be whole seconds above zero, text such as `\"5m\"`, or a `Duration`",
        ),
        (
            "\"post\", stale_while_revalidate = 0",
            "`stale_while_revalidate` must be whole seconds above zero, text such as `\"5m\"`, or a `Duration`",
        ),
        ("\"post\", to_invalidate_extra = [\"a\"]", EXTRA),
        ("\"post\", to_invalidate_extra = {\"a\": 1}", EXTRA),
        (
            "\"post\", to_invalidate_extra = {}",
            "`to_invalidate_extra` is empty: put something into it, or leave it out",
        ),
        ("\"post\", pattern_to_invalidate_extra = \"a*\"", PATTERNS),
        ("\"post\", pattern_to_invalidate_extra = [a]", PATTERNS),
        (
            "\"post\", pattern_to_invalidate_extra = []",
            "`pattern_to_invalidate_extra` is empty: put something into it, or leave it out",
        ),
        ("\"post\", unless = true", UNLESS),
        ("\"post\", unless = |a, b| true", UNLESS),
        ("\"post\", skip = post_id", SKIP),
        ("\"post\", skip(\"post_id\")", SKIP),
        (
            "\"post\", method = \"put\"",
            "`method` must be a request method in capitals, such as `\"PUT\"`",
        ),
        (
            "\"post\", method = PUT",
            "`method` must be a string literal, such as `method = \"…\"`",
        ),
        (
            "\"post\", resource_id_type = int",
            "name the Rust type that the parameter has, such as `i64`",
        ),
        (
            "\"post\", resource_id_type = (i64, str)",
            "name the Rust type that the parameter has, such as `String`",
        ),
    ] {
        refuses(attribute, READ, message);
    }
}

#[test]
fn independent_mistakes_are_reported_together() {
    let (messages, _) = messages("\"post\", ttl = 60, expiration = 0, method = \"put\"", READ);
    assert_eq!(messages.len(), 3, "{messages:?}");
}

#[test]
fn a_template_that_can_not_work_is_refused() {
    let read = "async fn post(username: &str, page: u32) -> Post { body() }";
    for (attribute, message) in [
        (
            "key_prefix = \"{usrname}_{page}\", skip(username)",
            "no parameter is named `usrname`; did you mean `username`? There are `username`, `page`",
        ),
        (
            "key_prefix = \"{username}{page}\"",
            "`{username}{page}` needs text in between: without it different values make the same key",
        ),
        (
            "key_prefix = \"{username\"",
            "a `{` without its `}`; a literal brace is written `{{`",
        ),
        (
            "key_prefix = \"username}\"",
            "a `}` without its `{`; a literal brace is written `}}`",
        ),
        (
            "key_prefix = \"{}\"",
            "a placeholder needs a name: a parameter (`{id}`) or a field of one (`{page.number}`)",
        ),
        (
            "key_prefix = \"{user name}\"",
            "`user name` is not a placeholder: name a parameter (`id`) or a field of one (`page.number`)",
        ),
        (
            "key_prefix = \"{page:x}\"",
            "unknown format `:x` in `{page:x}`; the only one is `:hash`",
        ),
        (
            "key_prefix = \"{page}%\"",
            "`{page}` can't be followed by `%`, which begins an escape in a key",
        ),
        (
            "key_prefix = \"\"",
            "this is empty: write some text, a `{placeholder}`, or both",
        ),
        (
            "key_prefix = \"{result.id}\"",
            "`{result}` is the answer: only the templates of a write can use it",
        ),
        (
            "\"posts\", resource_id_name = \"user\"",
            "no parameter is named `user`; did you mean `username`? There are `username`, `page`",
        ),
        (
            "method = \"GET\"",
            "`key_prefix` is missing: `#[cache(key_prefix = \"post_cache\")]`",
        ),
        (
            "",
            "`key_prefix` is missing: `#[cache(key_prefix = \"post_cache\")]`",
        ),
    ] {
        refuses(attribute, read, message);
    }
}

#[test]
fn a_key_that_leaves_out_an_input_is_refused() {
    let missing = |name: &str, root: &str| {
        format!(
            "`{name}` is not in the key, so all its values would share one answer: add `{{{name}}}` to `key_prefix`, or `skip({root})`"
        )
    };
    let plain = "async fn posts(username: &str, page: u32, db: &Db) -> Posts { body() }";
    refuses("\"{username}_posts\"", plain, &missing("page", "page"));
    let handler = "async fn posts(State(db): State<Db>, user: CurrentUser, Path(id): Path<i64>) -> Json<Posts> { body() }";
    refuses("\"posts\"", handler, &missing("user", "user"));
    let headers = "async fn posts(headers: HeaderMap) -> Json<Posts> { body() }";
    refuses("\"posts\"", headers, &missing("headers", "headers"));
    let half = "async fn posts(path: web::Path<(String, i64)>) -> Json<Posts> { body() }";
    refuses("\"{path.0}_posts\"", half, &missing("path.1", "path"));
    accepts("\"{path.0}_posts_{path.1}\"", half);
    accepts("\"{path.0.0}_posts_{path.0.1}\"", half);
    accepts("\"posts\", skip(user)", handler);
    accepts("\"{username}_posts_{page}\"", plain);
    accepts(
        r#""post", cache = cache"#,
        "async fn post(method: Method, cache: Cache, id: i64) -> Post { body() }",
    );
}

#[test]
fn a_name_that_skip_can_not_mean_is_refused() {
    for (attribute, message) in [
        (
            "\"post\", skip(page)",
            "no parameter is named `page`; there are `post_id`",
        ),
        (
            "\"post\", skip(post_id, post_id)",
            "`post_id` is skipped twice",
        ),
        (
            "\"post_{post_id}\", skip(post_id)",
            "`post_id` is in the key: it can't be skipped",
        ),
    ] {
        refuses(attribute, READ, message);
    }
}

#[test]
fn the_resource_id_is_inferred_or_asked_for() {
    let two = "async fn staff(org_id: i64, dept_id: i64) -> Staff { body() }";
    refuses(
        "\"org_{org_id}_dept_{dept_id}\"",
        two,
        "`org_id` and `dept_id` could each be the resource id: choose with `resource_id_name = \"org_id\"`",
    );
    refuses(
        "\"search\", resource_id_type = Uuid",
        "async fn search(query: String) -> Posts { body() }",
        "no parameter has such a type and a name with `id` in it: use `resource_id_name`",
    );
    refuses(
        "\"search\", resource_id_name = \"query\", resource_id_type = i64",
        "async fn search(query: String) -> Posts { body() }",
        "`resource_id_name` names `query`, which has another type; drop `resource_id_type`",
    );
    accepts(
        "\"search:{page}\", resource_id_type = (i64, String)",
        "async fn search(query: &str, page: u32) -> Posts { body() }",
    );
    accepts(
        "\"size\", skip(width)",
        "async fn size(width: i64) -> u64 { body() }",
    );
}

#[test]
fn what_looks_like_a_write_has_to_say_so() {
    let message = |reason: &str| {
        format!(
            "this looks like a write, since it {reason}: add `method = \"PUT\"`, or `method = \"GET\"` if it is a read"
        )
    };
    let named = "async fn update_post(post_id: i64) -> Post { body() }";
    refuses("\"post\"", named, &message("is named `update_post`"));
    let body = "async fn post(Path(post_id): Path<i64>, Json(change): Json<Change>) -> Json<Post> { body() }";
    refuses("\"post\"", body, &message("takes a request's body"));
    let routed = "#[post(\"/\")] async fn submit(post_id: web::Path<i64>) -> Json<Post> { body() }";
    refuses("\"post\"", routed, &message("is routed by `#[post]`"));
    accepts("\"post\", method = \"PUT\"", named);
    accepts("\"post\", method = \"GET\"", named);
    accepts(
        "\"post\"",
        "async fn update_post(request: Request, post_id: i64) -> Json<Post> { body() }",
    );
    accepts("to_invalidate_extra = {\"post\": \"{post_id}\"}", named);
}

#[test]
fn a_refresh_in_the_background_borrows_nothing() {
    let swr = "\"post\", stale_while_revalidate = 60, skip(it)";
    for (borrowed, parameter) in [
        ("self", "&self, it: u8"),
        ("it", "it: &Db"),
        ("it", "it: &'a Db"),
        ("it", "State(it): State<Db<'_>>"),
        ("it", "it: (u8, &[u8])"),
    ] {
        refuses(
            swr,
            &format!("async fn post({parameter}) -> Post {{ body() }}"),
            &format!(
                "`stale_while_revalidate` runs the function on when its caller has gone, and `{borrowed}` is borrowed: take it by value"
            ),
        );
    }
    for owned in ["it: Db", "it: &'static Db", "State(it): State<Db<'static>>"] {
        accepts(swr, &format!("async fn post({owned}) -> Post {{ body() }}"));
    }
    accepts(
        "\"post\", stale_if_error = 60",
        "async fn post(&self, post_id: i64) -> Post { body() }",
    );
}

#[test]
fn an_argument_that_would_do_nothing_is_refused() {
    for (argument, value) in [
        ("expiration", " = 60"),
        ("stale_while_revalidate", " = 60"),
        ("stale_if_error", " = 60"),
        ("condition", " = true"),
        ("unless", " = |_| true"),
        ("skip", "(post_id)"),
    ] {
        refuses(
            &format!("\"post\", method = \"PUT\", {argument}{value}"),
            READ,
            &format!("`{argument}` is for reads, and this function writes: it stores no answer"),
        );
    }
    for (attribute, message) in [
        (
            "method = \"DELETE\"",
            "nothing to invalidate: give `key_prefix`, `to_invalidate_extra`, `pattern_to_invalidate_extra` or `tags_to_invalidate`",
        ),
        (
            "\"post\", method = \"GET\", to_invalidate_extra = {\"a\": \"b\"}",
            "`to_invalidate_extra` is for writes, and `GET` is a read: name the write's method or drop it",
        ),
        (
            "to_invalidate_extra = {\"a\": \"b\"}, resource_id_name = \"post_id\"",
            "`resource_id_name` belongs to a `key_prefix`, and there is none",
        ),
        (
            "\"post\", method = \"PUT\", tags = [\"a\"]",
            "`tags` is for reads, and this function writes: `tags_to_invalidate` removes what is stored under tags",
        ),
        (
            "\"post\", method = \"GET\", tags_to_invalidate = [\"a\"]",
            "`tags_to_invalidate` is for writes, and `GET` is a read: name the write's method or drop it",
        ),
        (
            "\"post\", tags = [\"post:{result.id}\"]",
            "`{result}` is the answer: only the templates of a write can use it",
        ),
        (
            "to_invalidate_extra = {\"\": \"b\"}",
            "this is empty: write some text, a `{placeholder}`, or both",
        ),
    ] {
        refuses(attribute, READ, message);
    }
    refuses(
        "to_invalidate_extra = {\"post\": \"{result.id}\"}",
        "async fn make(result: i64) -> Post { body() }",
        "`{result…}` would mean both this parameter and the answer: rename the parameter",
    );
}

#[track_caller]
fn expands(attribute: &str, function: &str, expected: &Expect) {
    let output = cache_or_error(tokens(attribute), tokens(function));
    let file = syn::parse2(output).expect("the output is a list of items");
    expected.assert_eq(&prettyplease::unparse(&file));
}

#[test]
fn a_read_becomes_a_key_and_a_future() {
    expands(
        "key_prefix = \"{username}_posts:page_{page.number}\", resource_id_name = \"username\", expiration = 60",
        "async fn list_posts(State(db): State<Db>, Path(username): Path<String>, Query(page): Query<Page>) -> ApiResult<Json<Posts>> { db.posts(&username, page).await }",
        &expect![[r#"
            async fn list_posts(
                State(db): State<Db>,
                Path(username): Path<String>,
                Query(page): Query<Page>,
            ) -> ApiResult<Json<Posts>> {
                let call = {
                    use ::cache_runtime::__private::dispatch::*;
                    ::cache_runtime::__private::Read {
                        cache: ::core::option::Option::None,
                        access: ::core::option::Option::None,
                        key: ::cache_runtime::__private::key(
                            &["", "_posts:page_", ":", ""],
                            [
                                ::cache_runtime::__private::Value(&username).part(),
                                ::cache_runtime::__private::Value(&page.number).part(),
                                ::cache_runtime::__private::Value(&username).part(),
                            ],
                        ),
                        tags: ::cache_runtime::__private::tags([]),
                        expiration: ::core::time::Duration::from_millis(60000u64),
                        windows: ::core::default::Default::default(),
                        condition: true,
                    }
                };
                let handler = async move {
                    #[allow(clippy::all, clippy::pedantic)]
                    if let ::core::option::Option::Some(never) = ::core::option::Option::None::<
                        ApiResult<Json<Posts>>,
                    > {
                        return never;
                    }
                    { db.posts(&username, page).await }
                };
                let codec = {
                    use ::cache_runtime::__private::dispatch::*;
                    let layer = ::cache_runtime::__private::answer_of(&handler).layer();
                    layer.wrap(layer.inner().codec())
                };
                ::cache_runtime::__private::read(
                        call,
                        codec,
                        |_| false,
                        handler,
                        ::cache_runtime::__private::Nowhere,
                    )
                    .await
            }
        "#]],
    );
}

#[test]
fn a_write_becomes_what_it_makes_stale_and_a_future() {
    expands(
        "\"new_post\", resource_id_name = \"user_id\", to_invalidate_extra = {\"{user_id}_post\": \"{result.id}\", \"latest\": \"\"}, pattern_to_invalidate_extra = [\"posts_{user_id}_\"]",
        "async fn create_post(method: Method, user_id: i64, post: NewPost) -> impl IntoResponse { db().create(post).await }",
        &expect![[r#"
            async fn create_post(method: Method, user_id: i64, post: NewPost) -> impl IntoResponse {
                let call = {
                    use ::cache_runtime::__private::dispatch::*;
                    ::cache_runtime::__private::Write {
                        cache: ::core::option::Option::None,
                        access: ::cache_runtime::__private::access_of(&method)
                            .or_else(|| ::cache_runtime::__private::Value(&post).access()),
                        stale: ::cache_runtime::__private::Stale::new(
                            [
                                ::cache_runtime::__private::key(
                                    &["new_post:", ""],
                                    [::cache_runtime::__private::Value(&user_id).part()],
                                ),
                                ::cache_runtime::__private::key(&["latest"], []),
                            ],
                            [],
                            [
                                ::cache_runtime::__private::pattern(
                                    &["posts_", "_*"],
                                    [::cache_runtime::__private::Value(&user_id).part()],
                                ),
                            ],
                        ),
                    }
                };
                let [part0] = {
                    use ::cache_runtime::__private::dispatch::*;
                    [::cache_runtime::__private::Value(&user_id).part()]
                };
                let handler = async move { db().create(post).await };
                let outcome = {
                    use ::cache_runtime::__private::dispatch::*;
                    let layer = ::cache_runtime::__private::answer_of(&handler).layer();
                    layer.wrap(layer.inner().outcome())
                };
                ::cache_runtime::__private::write(
                        call,
                        outcome,
                        move |result| {
                            use ::cache_runtime::__private::dispatch::*;
                            ::cache_runtime::__private::Stale::new(
                                [
                                    ::cache_runtime::__private::key(
                                        &["", "_post:", ""],
                                        [part0, ::cache_runtime::__private::Value(&result.id).part()],
                                    ),
                                ],
                                [],
                                [],
                            )
                        },
                        handler,
                    )
                    .await
            }
        "#]],
    );
}

#[test]
fn the_messages_in_the_readme_are_the_ones_that_users_get() {
    let readme = include_str!("../../README.md");
    let shown: Vec<&str> = readme
        .lines()
        .filter_map(|line| line.strip_prefix("error: "))
        .collect();
    let (uncovered, _) = messages(
        "\"posts\"",
        "async fn posts(user: Extension<User>) -> Json<Posts> { body() }",
    );
    let (write, _) = messages(
        "\"post\"",
        "async fn update_post(post_id: i64) -> Post { body() }",
    );
    assert_eq!(shown, [uncovered, write].concat());
}
