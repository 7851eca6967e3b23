//! What the tests and the benches share: servers and applications of their own, a proxy that breaks
//! connections, and fixtures: a database to cache ([`World`]), a small application ([`Blog`]), load
//! ([`Load`]), a log that can be read ([`Log`]), and one way to wait ([`wait_until`], [`eventually`]).

#![allow(
    clippy::missing_panics_doc,
    reason = "whatever goes wrong in a test panics"
)]

pub mod app;
mod blog;
mod browser;
mod cluster;
mod http;
mod load;
pub mod log;
mod process;
pub mod proxy;
mod sentinel;
mod server;
mod stores;
mod tls;
mod wait;
mod world;

use std::time::Duration;

pub use self::blog::Blog;
pub use self::browser::Browser;
pub use self::cluster::{Exclusive, RedisCluster};
pub use self::http::{HttpClient, Response, path};
pub use self::load::{Client, Load, Report};
pub use self::log::Log;
pub use self::process::{Ended, Process};
pub use self::sentinel::SentinelSet;
pub use self::server::{RedisServer, free_port};
pub use self::stores::{cache_builder, on_every_store};
pub use self::tls::{Authority, Certificate, Validity};
pub use self::wait::{eventually, wait_for, wait_until};
pub use self::world::{Gate, Refused, Row, Runs, World};

/// For TTLs and timeouts.
pub const SECOND: Duration = Duration::from_secs(1);
/// For TTLs and timeouts.
pub const MINUTE: Duration = Duration::from_secs(60);
