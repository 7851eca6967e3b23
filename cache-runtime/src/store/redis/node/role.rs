//! What a server is to this cache, and how it is reached.

use deadpool_redis::Pool;
use deadpool_redis::redis::Client;

use crate::store::redis::credentials::CredentialsSource;

/// The way to a server.
#[derive(Clone, Debug)]
pub(crate) struct Access {
    pub(crate) pool: Pool,
    /// Knows the way for connections of the cache's own; nothing where only the application's own pool does.
    pub(crate) client: Option<Client>,
    /// Who connects, where the client does not know.
    pub(crate) credentials: Option<CredentialsSource>,
}

impl From<Pool> for Access {
    fn from(pool: Pool) -> Self {
        Self {
            pool,
            client: None,
            credentials: None,
        }
    }
}

/// A server, as the settings or other servers name it.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    /// Where it listens, as `host:port` or the like.
    pub(crate) name: String,
    pub(crate) role: Role,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// The only one, which the settings name.
    Standalone,
    /// The master that the sentinels name.
    Master,
    /// One of those that name it.
    Sentinel,
    /// One of a cluster: whoever asks it follows its redirects.
    ClusterNode,
}
