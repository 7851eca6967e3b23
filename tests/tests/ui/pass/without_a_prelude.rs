//! Nothing that the output names comes from the prelude or from the crate's root.

#![no_implicit_prelude]
#![allow(dead_code, non_snake_case)]

mod core {}
mod std {}
mod serde {}
mod cache_runtime {}

struct Option;
struct Result;
struct Some;
struct Default;
struct Clone;
struct Duration;
struct Read;
struct Write;
fn None() {}
fn Ok() {}
fn key() {}
fn read() {}

trait Anything {
    fn part(&self) {}
    fn hash(&self) {}
    fn access(&self) {}
    fn layer(&self) {}
    fn codec(&self) {}
    fn outcome(&self) {}
    fn or_else(&self) {}
}

impl<T: ?::core::marker::Sized> Anything for T {}

#[::cache_runtime::cache(
    "posts:{page}:{filter:hash}:{author}",
    tags = ["author:{author}"],
    expiration = |value| *value + page,
    stale_while_revalidate = 60,
    stale_if_error = 600,
    unless = |value| *value == 0 || filter.is_empty()
)]
async fn posts(page: u32, filter: ::std::vec::Vec<u8>, author: ::std::string::String) -> u32 {
    let _ = (filter, author);
    page
}

#[::cache_runtime::cache(
    "post",
    method = "PUT",
    to_invalidate_extra = {"author:{author}": "{result}"},
    tags_to_invalidate = ["author:{author}"],
    pattern_to_invalidate_extra = ["posts:*"]
)]
async fn update(post_id: u32, author: ::std::string::String) -> u32 {
    post_id
}

fn main() {
    let _ = posts(1, ::std::vec::Vec::new(), ::std::string::String::new());
    let _ = update(1, ::std::string::String::new());
}
