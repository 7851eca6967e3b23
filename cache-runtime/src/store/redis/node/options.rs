//! How a server is connected to, and how long that may take.

use std::time::Duration;

use crate::store::keyspace::Keyspace;

#[derive(Clone, Debug)]
pub(crate) struct ConnectionOptions {
    /// The most that an operation takes, connecting and its retry included.
    pub(crate) deadline: Duration,
    /// The most that connecting takes where no call waits for it.
    pub(crate) connect_timeout: Duration,
    /// The most that a checkout of the pool takes.
    pub(crate) response_timeout: Duration,
    /// How long the shared connection is used before a `PING` goes ahead of the next command.
    pub(crate) health_check_interval: Duration,
    /// Whether a command whose connection broke is sent once more.
    pub(crate) retry_on_disconnect: bool,
    /// Whether entries that a server has loaded from a disk are cleared before any is served.
    pub(crate) clear_after_restart: bool,
    /// Whether the entries of a replica are, when it has become master.
    pub(crate) clear_after_failover: bool,
    pub(crate) keyspace: Keyspace,
    /// The key that a probe writes.
    pub(crate) probe_key: String,
}
