//! What is sent in one round trip.

use deadpool_redis::redis::{Cmd, Pipeline, RedisResult, Value};

use super::open::Shared;
use super::role::Role;
use crate::store::redis::reply_error::ReplyError;

#[derive(Clone, Copy)]
pub(in crate::store::redis) enum Commands<'c> {
    One(&'c Cmd),
    Many(&'c Pipeline),
}

/// Whether commands may be sent a second time where their connection broke: the first copy may arrive after the
/// second, long after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store::redis) enum Resend {
    IfBroken,
    Never,
}

impl Commands<'_> {
    /// The reply to one command, or the list of the replies to several. Of a node of a cluster, what it says of
    /// the place of keys is a reply.
    pub(super) async fn send(self, mut connection: Shared, role: Role) -> RedisResult<Value> {
        match self {
            Self::One(command) => checked(connection.one(command).await?, role),
            Self::Many(commands) => {
                let replies = connection.many(commands).await?;
                let replies = replies.into_iter().map(|reply| checked(reply, role));
                replies.collect::<RedisResult<_>>().map(Value::Array)
            }
        }
    }
}

/// A reply, unless it is an error that is none.
pub(super) fn checked(reply: Value, role: Role) -> RedisResult<Value> {
    let is_about_places = role == Role::ClusterNode
        && ReplyError::of_reply(&reply)
            .is_some_and(|error| error.is_redirect() || error == ReplyError::Split);
    if is_about_places {
        Ok(reply)
    } else {
        reply.extract_error()
    }
}
