//! What rustc makes of the attribute's output: what has to compile, and what it says of mistakes that only
//! types can show. The attribute's own messages are tested in its crate.

#[test]
fn functions_of_every_shape_compile_and_mistakes_in_types_are_explained_at_their_place() {
    let cases = trybuild::TestCases::new();
    cases.pass("tests/ui/pass/*.rs");
    cases.compile_fail("tests/ui/fail/*.rs");
}
