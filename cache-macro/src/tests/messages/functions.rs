//! The function under the attribute.

use super::refuses;

const PREFIX: &str = r#""post""#;

#[test]
fn what_is_no_function_is_refused() {
    for item in [
        "«struct» Post;",
        "pub «struct» Post;",
        "«const» POST: u8 = 1;",
        "«impl» Post {}",
    ] {
        refuses(PREFIX, item, "`#[cache]` goes on an `async fn`");
    }
}

#[test]
fn a_function_that_is_not_async_is_refused() {
    for function in [
        "«fn» post(id: i64) -> Post { body() }",
        "pub const unsafe «fn» post(id: i64) -> Post { body() }",
    ] {
        let message = "`#[cache]` needs an `async fn`: write `async` before `fn`";
        refuses(PREFIX, function, message);
    }
}

#[test]
fn a_declaration_is_refused() {
    refuses(
        PREFIX,
        "async fn «post»(&self, id: i64) -> Post;",
        "`#[cache]` needs a body: put it on the implementation, not on the declaration",
    );
}

#[test]
fn a_signature_that_does_not_parse_is_told_of_at_its_mistake() {
    refuses(PREFIX, "async fn «5»() {}", "expected identifier");
    refuses(PREFIX, "unsafe «struct» Post;", "expected `fn`");
}
