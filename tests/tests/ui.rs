//! What rustc says of mistakes that only types can show. The attribute's own messages are tested in its crate.

#[test]
fn mistakes_in_types_are_explained_at_their_place() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
