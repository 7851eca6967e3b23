//! What the map of a program is told of the types of placeholders, and of what a function does.

use super::tokens;
use crate::cache_or_error;

/// What stands in the call of the runtime's macro, without spaces.
#[track_caller]
fn told(attribute: &str, function: &str) -> String {
    let output = cache_or_error(tokens(attribute), tokens(function)).to_string();
    assert!(!output.contains("compile_error"), "{output}");
    let Some((_, told)) = output.split_once("mapped ! {") else {
        return "nothing".into();
    };
    let (told, _) = told
        .split_once("} let call")
        .expect("a statement behind it");
    told.replace(' ', "")
}

#[test]
fn a_type_is_told_only_where_it_is_certain_and_says_how_values_are_written() {
    for (parameter, ty) in [
        ("id: u64", "u64"),
        ("id: &i32", "i32"),
        ("id: uuid::Uuid", "uuid::Uuid"),
        ("(_, id): (&str, u8)", "u8"),
        ("Path(id): Path<u64>", "u64"),
        ("Path((_, id)): axum::extract::Path<(String, u64)>", "u64"),
        ("id: String", "str"),
        ("id: PostId", "str"),
        ("id: Option<u64>", "str"),
        ("id: Path<u64>", "str"),
        ("Wrapper(id): Wrapper<u64>", "str"),
        ("Post { id }: Post", "str"),
    ] {
        let function = format!("async fn post({parameter}) -> Post {{ body() }}");
        let expected = format!("Reader\"post\"[(\"post:{{id}}\"{ty})][][]");
        assert_eq!(told("\"post:{id}\"", &function), expected, "{parameter}");
    }
}

#[test]
fn what_an_item_in_the_function_can_not_name_is_not_told() {
    let function = "async fn post<Uuid>(id: Uuid) -> Post { body() }";
    assert_eq!(
        told("\"post:{id}\", skip(Uuid)", function),
        "Reader\"post\"[(\"post:{id}\"str)][][]"
    );
    let function = "async fn post(id: u64, page: Page) -> Post { body() }";
    assert_eq!(
        told("\"post:{id:hash}:{page.number}\"", function),
        "Reader\"post\"[(\"post:{id:hash}:{page.number}\"str,str)][][]",
    );
}

#[test]
fn a_function_is_told_of_by_what_it_does() {
    let function = "async fn post(id: u64) -> Post { body() }";
    assert_eq!(
        told("\"post\", version = 2, tags = [\"posts\"]", function),
        "Reader\"post\"[(\"post:{id}%v2\"u64)][(\"posts\")][]",
    );
    assert_eq!(
        told(
            "method = \"PUT\", tags_to_invalidate = [\"posts\"], pattern_to_invalidate_extra = [\"{{{id}}}_\"]",
            function
        ),
        "Writer\"post\"[][(\"posts\")][(\"{{{id}}}_*\"u64)]",
    );
    assert_eq!(told("\"post\", method = \"OPTIONS\"", function), "nothing");
    let function = "async fn r#type(method: Method, id: u64) -> Post { body() }";
    assert_eq!(
        told("\"post\"", function),
        "ReaderAndWriter\"type\"[(\"post:{id}\"u64)][][]"
    );
    let function = "async fn post(request: HttpRequest, id: u64) -> Post { body() }";
    assert_eq!(
        told("\"post\", skip(request)", function),
        "Reader\"post\"[(\"post:{id}\"u64)][][]"
    );
}
