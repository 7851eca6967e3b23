//! A `GET` that was sent on the connection that there is, and nothing else: what most hits take. It owns what it needs, so
//! that whoever waits for it needs no box for all that could happen besides.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use deadpool_redis::redis::{Cmd, RedisResult, Value};

use super::commands::checked;
use super::connection::Generation;
use super::open::Driver;
use super::wire::Reply;
use super::{Commands, Node, Resend};
use crate::store::redis::failure::Failure;
use crate::util::clock::is_stopped_behind;

pub(crate) struct Sent {
    origin: Origin,
    reply: Reply<Value>,
    /// Where others give up the connection, it still waits.
    _driver: Arc<Driver>,
}

/// What came of it where that is no hit, to be [settled](Node::settle).
pub(crate) struct Unsettled {
    pub(in crate::store::redis) origin: Origin,
    outcome: RedisResult<Value>,
}

/// Where it was sent, and when.
#[derive(Clone)]
pub(in crate::store::redis) struct Origin {
    pub(in crate::store::redis) node: Arc<Node>,
    pub(in crate::store::redis) start: Instant,
    generation: Generation,
}

impl Node {
    /// Sends it, where that takes nothing that is not there.
    pub(in crate::store::redis) fn get_at_once(self: &Arc<Self>, key: &str) -> Option<Sent> {
        self.may_ask().ok()?;
        let start = Instant::now();
        if is_stopped_behind(start) {
            return None;
        }
        let (generation, connection) = self.ready(start)?;
        let origin = Origin {
            node: self.clone(),
            start,
            generation,
        };
        let (reply, driver) = connection.get(key)?;
        Some(Sent {
            origin,
            reply,
            _driver: driver,
        })
    }

    /// What comes of it after all, in what is left of the time.
    pub(in crate::store::redis) async fn settle(
        self: &Arc<Self>,
        unsettled: Unsettled,
        get: &Cmd,
    ) -> Result<Value, Failure> {
        let Unsettled { origin, outcome } = unsettled;
        let Origin {
            start, generation, ..
        } = origin;
        let reply = outcome.and_then(|reply| checked(reply, self.server.role));
        let outcome = match reply {
            Ok(reply) => Ok(reply),
            Err(error) => {
                let get = Commands::One(get);
                self.put_right(start, generation, error, get, Resend::IfBroken)
                    .await
            }
        };
        self.observe(outcome)
            .inspect_err(|failure| self.report(failure))
    }
}

impl Sent {
    /// What the server replies, which may be an error.
    pub(in crate::store::redis) fn poll_reply(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<RedisResult<Value>> {
        Pin::new(&mut self.reply).poll(context)
    }

    /// There was a good one.
    pub(in crate::store::redis) fn is_well(&self) {
        self.origin.node.breaker.observe(&Ok::<_, Failure>(()));
    }

    /// There was another one, or none.
    pub(in crate::store::redis) fn unsettled(&self, outcome: RedisResult<Value>) -> Unsettled {
        Unsettled {
            origin: self.origin.clone(),
            outcome,
        }
    }
}
