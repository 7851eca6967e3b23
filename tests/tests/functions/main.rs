//! What the attribute makes of functions: which of them it takes, and the keys that it makes of their parameters.

#![allow(
    clippy::items_after_statements,
    reason = "a test declares the function that it calls"
)]

mod actix_routes;
mod by_hand;
mod extractors;
mod hashes;
mod keys;
mod lints;
mod page;
mod parameters;
mod requests;
mod rules;
mod sendable;
mod shared;
mod signatures;
mod threads;
mod values;
mod writers;
