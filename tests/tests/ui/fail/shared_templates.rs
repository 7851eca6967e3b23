//! Mistakes in templates that are written once, and in their names.

use cache_runtime::{cache, key};

mod names {
    cache_runtime::templates! {
        pub(crate) post_key = "{username}_post:{id}";
        pub(crate) latest = "latest";
        pub(crate) session = "session:{token}";
    }
}

#[cache(names::pots_key!)]
async fn misspelt(username: &str, id: u64) -> u64 {
    id
}

#[cache(names::post_key!)]
async fn other_name(user: &str, id: u64) -> u64 {
    id
}

#[cache(names::latest!)]
async fn not_covered(page: u64) -> u64 {
    page
}

#[cache(names::latest!(page = page))]
async fn unknown_placeholder(page: u64) -> u64 {
    page
}

#[cache(names::post_key!(username = "john"))]
async fn text_for_a_placeholder(id: u64) -> u64 {
    id
}

#[cache(names::session!)]
async fn secret(token: &str) -> u64 {
    1
}

fn main() {
    let _ = (misspelt("a", 1), other_name("a", 1), not_covered(1), unknown_placeholder(1));
    let _ = (text_for_a_placeholder(1), secret("a"));
    let username = "john";
    let _ = key!(names::post_key!);
    let _ = names::post_key!("john", 7);
    let _ = username;
}
