//! What the attribute makes of a function. `UPDATE_EXPECT=1 cargo test -p cache-runtime-macros` rewrites this file.

use expect_test::{Expect, expect};

use super::tokens;
use crate::cache_or_error;

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
                ::cache_runtime::__private::mapped! {
                    Reader "list_posts"[("{username}_posts:page_{page.number}:{username}" str, str,
                    str)] [] []
                }
                let call = {
                    use ::cache_runtime::__private::dispatch::*;
                    ::cache_runtime::__private::Read {
                        function: {
                            static FUNCTION: ::cache_runtime::__private::Function = ::cache_runtime::__private::Function::new(
                                ::core::concat!(::core::module_path!(), "::list_posts"),
                            );
                            &FUNCTION
                        },
                        cache: ::core::option::Option::None,
                        access: ::core::option::Option::None,
                        handler: ::cache_runtime::__private::Handler::Known,
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
                        own_ttl: ::core::option::Option::None,
                        windows: ::core::default::Default::default(),
                        near: ::core::option::Option::None,
                        max_loads: ::core::option::Option::None,
                        verify: ::core::option::Option::None,
                        condition: true,
                    }
                };
                let (handler, output) = ::cache_runtime::__private::output_of(async move {
                    if let ::core::option::Option::Some(never) = ::core::option::Option::None::<
                        ApiResult<Json<Posts>>,
                    > {
                        return never;
                    }
                    { db.posts(&username, page).await }
                });
                let (codec, sent, is_failure) = {
                    use ::cache_runtime::__private::dispatch::*;
                    let sent = (&&&&&&&output).sent();
                    let layer = output.layer();
                    (
                        layer
                            .wrap(
                                layer.inner().codec(),
                                layer.error().status(),
                                layer.error().sendable(),
                            ),
                        sent,
                        layer.by_status(),
                    )
                };
                ::cache_runtime::__private::read(
                        call,
                        codec,
                        sent,
                        |_| false,
                        is_failure,
                        handler,
                        ::cache_runtime::__private::Disabled,
                    )
                    .await
            }
        "#]],
    );
}

#[test]
fn an_expiration_that_the_value_tells_is_asked_behind_unless() {
    expands(
        "\"token:{client}\", expiration = |token| token.expires_in.min(limit), unless = |token| token.is_empty(), skip(limit)",
        "async fn token(client: &str, limit: u64) -> Token { log_in(client).await }",
        &expect![[r#"
            async fn token(client: &str, limit: u64) -> Token {
                ::cache_runtime::__private::mapped! {
                    Reader "token"[("token:{client}" str)] [] []
                }
                let own_ttl = <::cache_runtime::__private::OwnTtl as ::core::default::Default>::default();
                let call = {
                    use ::cache_runtime::__private::dispatch::*;
                    ::cache_runtime::__private::Read {
                        function: {
                            static FUNCTION: ::cache_runtime::__private::Function = ::cache_runtime::__private::Function::new(
                                ::core::concat!(::core::module_path!(), "::token"),
                            );
                            &FUNCTION
                        },
                        cache: ::core::option::Option::None,
                        access: ::core::option::Option::None,
                        handler: ::cache_runtime::__private::Handler::IfSentPlain,
                        key: ::cache_runtime::__private::key(
                            &["token:", ""],
                            [::cache_runtime::__private::Value(&client).part()],
                        ),
                        tags: ::cache_runtime::__private::tags([]),
                        expiration: ::core::time::Duration::from_millis(86400000u64),
                        own_ttl: ::core::option::Option::Some(::core::clone::Clone::clone(&own_ttl)),
                        windows: ::core::default::Default::default(),
                        near: ::core::option::Option::None,
                        max_loads: ::core::option::Option::None,
                        verify: ::core::option::Option::None,
                        condition: true,
                    }
                };
                let ttl0 = {
                    use ::cache_runtime::__private::dispatch::*;
                    ::cache_runtime::__private::Value(&limit).cloned()
                };
                let (handler, output) = ::cache_runtime::__private::output_of(async move {
                    if let ::core::option::Option::Some(never) = ::core::option::Option::None::<
                        Token,
                    > {
                        return never;
                    }
                    { log_in(client).await }
                });
                let (codec, sent, is_failure) = {
                    use ::cache_runtime::__private::dispatch::*;
                    let sent = (&&&&&&&output).sent();
                    let layer = output.layer();
                    (
                        layer
                            .wrap(
                                layer.inner().codec(),
                                layer.error().status(),
                                layer.error().sendable(),
                            ),
                        sent,
                        layer.by_status(),
                    )
                };
                ::cache_runtime::__private::read(
                        call,
                        codec,
                        sent,
                        move |value: &_| {
                            ::cache_runtime::__private::holds(value, |token| token.is_empty())
                                || own_ttl.note(value, move |token| token.expires_in.min(ttl0))
                        },
                        is_failure,
                        handler,
                        ::cache_runtime::__private::Disabled,
                    )
                    .await
            }
        "#]],
    );
}

#[test]
fn a_write_becomes_its_invalidations_and_a_future() {
    expands(
        "\"new_post\", resource_id_name = \"user_id\", to_invalidate_extra = {\"{user_id}_post\": \"{result.id}\", \"latest\": \"\"}, pattern_to_invalidate_extra = [\"posts_{user_id}_\"]",
        "async fn create_post(method: Method, user_id: i64, post: NewPost) -> impl IntoResponse { db().create(post).await }",
        &expect![[r#"
            async fn create_post(method: Method, user_id: i64, post: NewPost) -> impl IntoResponse {
                ::cache_runtime::__private::mapped! {
                    Writer "create_post"[("new_post:{user_id}" i64) ("{user_id}_post:{result.id}"
                    i64, str) ("latest")] [] [("posts_{user_id}_*" i64)]
                }
                let call = {
                    use ::cache_runtime::__private::dispatch::*;
                    ::cache_runtime::__private::Write {
                        function: {
                            static FUNCTION: ::cache_runtime::__private::Function = ::cache_runtime::__private::Function::new(
                                ::core::concat!(::core::module_path!(), "::create_post"),
                            );
                            &FUNCTION
                        },
                        cache: ::core::option::Option::None,
                        access: ::cache_runtime::__private::access_of(&method)
                            .or_else(|| ::cache_runtime::__private::Value(&post).access()),
                        invalidations: ::cache_runtime::__private::Invalidations::new(
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
                let (handler, output) = ::cache_runtime::__private::output_of(async move {
                    db().create(post).await
                });
                let (outcome, sent, is_stale) = {
                    use ::cache_runtime::__private::dispatch::*;
                    let sent = (&&&&&&&output).sent();
                    let layer = output.layer();
                    (
                        layer
                            .wrap(
                                layer.inner().outcome(),
                                layer.error().status(),
                                layer.error().sendable(),
                            ),
                        sent,
                        ::cache_runtime::__private::no_failure,
                    )
                };
                ::cache_runtime::__private::write(
                        call,
                        outcome,
                        sent,
                        move |result| {
                            use ::cache_runtime::__private::dispatch::*;
                            ::cache_runtime::__private::Invalidations::new(
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
                        is_stale,
                        handler,
                    )
                    .await
            }
        "#]],
    );
}

#[test]
fn a_key_by_hand_is_made_as_that_of_a_function() {
    let input = "[::cache_runtime] \"{username}_post_cache:{id}\", id = post.id";
    let output = crate::by_hand_or_error(tokens(input), crate::plan::Made::Key);
    let output: syn::Expr = syn::parse2(output).expect("the output is an expression");
    let file = syn::parse_quote!(fn made() -> CacheKey { #output });
    expect![[r#"
        fn made() -> CacheKey {
            match (&(post.id),) {
                (given0,) => {
                    ::cache_runtime::__private::mapped! {
                        Key "key!"[("{username}_post_cache:{id}" str, str)] [] []
                    }
                    use ::cache_runtime::__private::dispatch::*;
                    ::cache_runtime::__private::CacheKey::new(
                        ::cache_runtime::__private::key(
                            &["", "_post_cache:", ""],
                            [
                                ::cache_runtime::__private::Value(&username).part(),
                                ::cache_runtime::__private::Value(&given0).part(),
                            ],
                        ),
                    )
                }
            }
        }
    "#]]
    .assert_eq(&prettyplease::unparse(&file));
}
