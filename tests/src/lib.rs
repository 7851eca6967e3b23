//! What the tests share: Redis servers and applications of their own, and a proxy that breaks things.

#![allow(
    clippy::missing_panics_doc,
    reason = "whatever goes wrong in a test panics"
)]

pub mod app;
mod cluster;
pub mod proxy;
mod sentinel;
mod server;
mod tls;
mod wait;

pub use self::cluster::RedisCluster;
pub use self::sentinel::SentinelSet;
pub use self::server::{RedisServer, free_port};
pub use self::tls::{Authority, Certificate, Validity};
