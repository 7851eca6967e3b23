//! What the tests share: a Redis server and applications of their own, and a proxy that breaks things.

#![allow(
    clippy::missing_panics_doc,
    reason = "whatever goes wrong in a test panics"
)]

pub mod app;
pub mod proxy;
mod server;

pub use self::server::{RedisServer, free_port};
