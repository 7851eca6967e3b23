//! What a server's error means for the cache. This is the only file with error codes.

use deadpool_redis::redis::{ErrorKind, RedisError, ServerError, Value};

/// What the cache makes of an error that a server replied with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ReplyError {
    /// The key of the command is with another node, from now on.
    Moved,
    /// The key of the command is with another node, this once.
    Ask,
    /// Some keys of the command have left for another node, and others have not.
    Split,
    /// The server does not know the script.
    NoScript,
    /// The key holds something else than text.
    WrongType,
    /// The server is a replica by now.
    ReadOnly,
    /// The server does not accept this user and password.
    Unauthenticated,
    /// This user may not use the key.
    KeyForbidden,
    /// This user may not use the command.
    CommandForbidden,
    /// The server does not know the command.
    UnknownCommand,
    /// The sentinel does not know the master.
    UnknownMaster,
    /// The server replies, but neither reads nor writes can be relied on.
    OutOfOrder,
    /// The cluster as a whole serves nothing.
    ClusterDown,
    /// No node of the cluster serves this slot; others are served.
    SlotUnserved,
    /// The command itself failed.
    Other,
}

/// Codes, what the rest of the text has to contain (`…` stands for anything), and what that means. The first that
/// fits counts.
const MEANINGS: &[(&str, &str, ReplyError)] = &[
    ("MOVED", "", ReplyError::Moved),
    ("ASK", "", ReplyError::Ask),
    ("TRYAGAIN", "", ReplyError::Split),
    ("NOSCRIPT", "", ReplyError::NoScript),
    ("WRONGTYPE", "", ReplyError::WrongType),
    ("READONLY", "", ReplyError::ReadOnly),
    ("NOAUTH", "", ReplyError::Unauthenticated),
    ("WRONGPASS", "", ReplyError::Unauthenticated),
    // Each version words it differently, but all say that this user has no access to a key.
    ("NOPERM", "access…key", ReplyError::KeyForbidden),
    ("NOPERM", "", ReplyError::CommandForbidden),
    ("ERR", "unknown command", ReplyError::UnknownCommand),
    ("ERR", "No such master", ReplyError::UnknownMaster),
    (
        "CLUSTERDOWN",
        "Hash slot not served",
        ReplyError::SlotUnserved,
    ),
    ("CLUSTERDOWN", "", ReplyError::ClusterDown),
    ("LOADING", "", ReplyError::OutOfOrder),
    ("MASTERDOWN", "", ReplyError::OutOfOrder),
    ("MISCONF", "", ReplyError::OutOfOrder),
    ("NOREPLICAS", "", ReplyError::OutOfOrder),
    ("BUSY", "", ReplyError::OutOfOrder),
];

impl ReplyError {
    fn of_text(code: &str, detail: &str) -> Self {
        let fits = |(its_code, parts, _): &&(&str, &str, Self)| {
            *its_code == code && parts.split('…').all(|part| detail.contains(part))
        };
        let meaning = MEANINGS.iter().find(fits);
        meaning.map_or(Self::Other, |(_, _, meaning)| *meaning)
    }

    pub(super) fn of_server(error: &ServerError) -> Self {
        Self::of_text(error.code(), error.details().unwrap_or_default())
    }

    /// Nothing where the reply is no error.
    pub(super) fn of_reply(reply: &Value) -> Option<Self> {
        match reply {
            Value::ServerError(error) => Some(Self::of_server(error)),
            _ => None,
        }
    }

    /// Nothing where it was no server that told of it.
    pub(super) fn of(error: &RedisError) -> Option<Self> {
        if error.kind() == ErrorKind::AuthenticationFailed {
            return Some(Self::Unauthenticated);
        }
        let code = error.code()?;
        Some(Self::of_text(code, error.detail().unwrap_or_default()))
    }

    /// Whether it tells where the key is.
    pub(super) fn is_redirect(self) -> bool {
        matches!(self, Self::Moved | Self::Ask)
    }

    /// Whether another server, or another user, may be meant by now: the connection is given up.
    pub(super) fn ends_connection(self) -> bool {
        matches!(self, Self::ReadOnly | Self::Unauthenticated)
    }

    /// Whether the server can't be relied on as a whole, as opposed to one command or one slot.
    pub(super) fn condemns_server(self) -> bool {
        matches!(
            self,
            Self::ReadOnly
                | Self::Unauthenticated
                | Self::OutOfOrder
                | Self::ClusterDown
                // Whoever follows redirects takes it for a reply.
                | Self::Moved
        )
    }
}

/// The connection does not survive this error.
pub(super) fn is_broken(error: &RedisError) -> bool {
    error.is_io_error()
        || error.is_connection_dropped()
        || error.is_unrecoverable_error()
        || ReplyError::of(error).is_some_and(ReplyError::ends_connection)
}

#[cfg(test)]
mod tests {
    use deadpool_redis::redis::parse_redis_value;

    use super::*;

    fn reply(text: &str) -> Value {
        parse_redis_value(format!("-{text}\r\n").as_bytes()).expect("an error is a reply")
    }

    /// What servers of several versions say, and what that means.
    const SAID: &[(&str, ReplyError)] = {
        use ReplyError as E;
        &[
            ("MOVED 3999 127.0.0.1:6381", E::Moved),
            ("ASK 3999 127.0.0.1:6381", E::Ask),
            (
                "TRYAGAIN Multiple keys request during rehashing of slot",
                E::Split,
            ),
            ("NOSCRIPT No matching script. Please use EVAL.", E::NoScript),
            (
                "WRONGTYPE Operation against a key holding the wrong kind of value",
                E::WrongType,
            ),
            (
                "READONLY You can't write against a read only replica.",
                E::ReadOnly,
            ),
            ("NOAUTH Authentication required.", E::Unauthenticated),
            (
                "WRONGPASS invalid username-password pair or user is disabled.",
                E::Unauthenticated,
            ),
            (
                "NOPERM this user has no permissions to access one of the keys used as arguments",
                E::KeyForbidden,
            ),
            ("NOPERM No permissions to access a key", E::KeyForbidden),
            (
                "NOPERM No permissions to access the 'x' key",
                E::KeyForbidden,
            ),
            (
                "NOPERM this user has no permissions to run the 'get' command",
                E::CommandForbidden,
            ),
            (
                "NOPERM User u has no permissions to run the 'get' command",
                E::CommandForbidden,
            ),
            ("ERR unknown command 'FOO'", E::UnknownCommand),
            ("ERR No such master with that name", E::UnknownMaster),
            ("ERR syntax error", E::Other),
            ("CLUSTERDOWN The cluster is down", E::ClusterDown),
            ("CLUSTERDOWN Hash slot not served", E::SlotUnserved),
            (
                "LOADING Redis is loading the dataset in memory",
                E::OutOfOrder,
            ),
            ("MASTERDOWN Link with MASTER is down", E::OutOfOrder),
            (
                "MISCONF Redis is configured to save RDB snapshots",
                E::OutOfOrder,
            ),
            (
                "NOREPLICAS Not enough good replicas to write.",
                E::OutOfOrder,
            ),
            ("BUSY Redis is busy running a script.", E::OutOfOrder),
            (
                "OOM command not allowed when used memory > 'maxmemory'.",
                E::Other,
            ),
        ]
    };

    #[test]
    fn each_error_of_a_server_has_its_meaning() {
        use ReplyError as E;
        const END_CONNECTIONS: [E; 2] = [E::ReadOnly, E::Unauthenticated];
        const CONDEMN_SERVERS: [E; 5] = [
            E::ReadOnly,
            E::Unauthenticated,
            E::OutOfOrder,
            E::ClusterDown,
            E::Moved,
        ];
        for (text, meaning) in SAID {
            let reply = reply(text);
            assert_eq!(E::of_reply(&reply), Some(*meaning), "{text}");
            let error = reply.extract_error().expect_err(text);
            assert_eq!(E::of(&error), Some(*meaning), "{text}");
            let ends = END_CONNECTIONS.contains(meaning);
            assert_eq!(is_broken(&error), ends, "{text}");
            let condemns = CONDEMN_SERVERS.contains(meaning);
            assert_eq!(meaning.condemns_server(), condemns, "{text}");
        }
        assert_eq!(E::of_reply(&Value::Okay), None);
    }
}
