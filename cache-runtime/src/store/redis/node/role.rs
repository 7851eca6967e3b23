//! What a server is to this cache.

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
