//! Having a connection over which the server tells what changes. It is made in the background, and a read that finds none
//! goes without.

use std::sync::Arc;
use std::time::{Duration, Instant};

use deadpool_redis::redis::{
    AsyncConnectionConfig, Client, ProtocolVersion, PushInfo, RedisError, cmd,
    from_redis_value_ref, pipe,
};
use parking_lot::Mutex;

use super::Node;
use super::capabilities::older_than;
use super::handshake::send;
use super::open::Shared;
use super::tracked::Tracked;
use super::watched::Watched;
use crate::log;
use crate::store::hash_slot::Slot;
use crate::store::redis::failure::Failure;
use crate::store::redis::reply_error::ReplyError;
use crate::util::clock::within;
use crate::util::incident::Incident;
use crate::util::moment::Moment;
use crate::util::runtime::with_timers;
use crate::util::turn::Turn;

/// The oldest Redis whose replies and pushes come in one order.
const MIN_VERSION: (u32, u32) = (7, 0);

/// When a server that could not be reached, or can't do it, is asked again.
const AGAIN: Duration = Duration::from_secs(1);
const MUCH_LATER: Duration = Duration::from_secs(60);

#[derive(Default)]
pub(super) struct Tracking {
    current: Mutex<Option<Arc<Tracked>>>,
    connecting: Turn,
    not_before: Mutex<Option<Instant>>,
    refused: Incident,
}

const OWN_POOL: &str = "the application's own pool does not say how it connects";

/// Why there is no such connection.
enum NotTracked {
    Failed,
    /// The server, or who is between, can't do it.
    Refused(String),
}

impl Tracking {
    pub(super) fn abandon(&self) {
        if let Some(tracked) = self.current.lock().take() {
            tracked.end();
        }
    }

    /// From now on it is this one, unless it is not to be had after all. Any other is over with that.
    fn begin(&self, tracked: Arc<Tracked>, is_to_be_had: impl FnOnce() -> bool) {
        let mut current = self.current.lock();
        let over = if is_to_be_had() {
            current.replace(tracked)
        } else {
            Some(tracked)
        };
        if let Some(over) = over {
            over.end();
        }
    }
}

impl Node {
    /// The connection that there is; else one is made, for those who come later. `slot` is one of this server's.
    pub(in crate::store::redis) fn tracked(
        self: &Arc<Self>,
        slot: Option<Slot>,
    ) -> Option<Arc<Tracked>> {
        let current = self.tracking.current.lock().clone();
        if let Some(tracked) = current.filter(|tracked| !tracked.is_over()) {
            return Some(tracked);
        }
        let not_before = *self.tracking.not_before.lock();
        if self.client.is_none() {
            if self.tracking.refused.is_news(OWN_POOL) {
                log::not_tracked(&self.server.name, OWN_POOL);
            }
        } else if not_before.is_none_or(|at| at <= Instant::now()) {
            self.track(slot);
        }
        None
    }

    /// Whether this is the connection that there is: any other is over.
    pub(in crate::store::redis) fn is_tracked_by(self: &Arc<Self>, tracked: &Tracked) -> bool {
        tracked.is_of(self) && !tracked.is_over()
    }

    fn track(self: &Arc<Self>, slot: Option<Slot>) {
        let Some(runtime) = with_timers() else {
            return;
        };
        let Some(turn) = self.tracking.connecting.take() else {
            return;
        };
        let node = self.clone();
        runtime.spawn(async move {
            let _turn = turn;
            let given_up = node.given_up();
            let time = node.time_to_connect();
            let connect = node.connect_tracked(slot);
            let outcome = within(time, connect).await;
            let pause = match outcome.unwrap_or(Err(NotTracked::Failed)) {
                Ok(tracked) => {
                    if node.tracking.refused.end().is_some() {
                        log::tracked(&node.server.name);
                    }
                    let is_to_be_had = || node.given_up() == given_up;
                    node.tracking.begin(tracked, is_to_be_had);
                    None
                }
                Err(NotTracked::Failed) => Some(AGAIN),
                Err(NotTracked::Refused(why)) => {
                    if node.tracking.refused.is_news(&why) {
                        log::not_tracked(&node.server.name, &why);
                    }
                    Some(MUCH_LATER)
                }
            };
            *node.tracking.not_before.lock() = pause.map(|pause| Instant::now() + pause);
        });
    }

    async fn connect_tracked(
        self: &Arc<Self>,
        slot: Option<Slot>,
    ) -> Result<Arc<Tracked>, NotTracked> {
        let client = self.client.as_ref().ok_or(NotTracked::Failed)?;
        // Only the newer protocol has messages that nobody asked for.
        let info = self.introduced(client.get_connection_info()).await;
        let info = info.map_err(|error| not_tracked(&error))?.into_owned();
        let newer = info
            .redis_settings()
            .clone()
            .set_protocol(ProtocolVersion::RESP3);
        let client = Client::open(info.set_redis_settings(newer));
        let client = client.map_err(|error| not_tracked(&error))?;
        let watched = Arc::<Watched>::default();
        let told = watched.clone();
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.options.connect_timeout))
            .set_response_timeout(None)
            .set_push_sender(move |push: PushInfo| {
                told.note(&push);
                Ok::<(), ()>(())
            });
        let connection = client.get_multiplexed_async_connection_with_config(&config);
        let connection = connection.await.map_err(|error| not_tracked(&error))?;
        let mut shared = Shared::of_library(connection.clone());
        self.handshake(&mut shared).await?;
        let probe = self.options.keyspace.tracking_probe(slot);
        let unchanged = Arc::default();
        watched.watch([probe.clone()], &unchanged);
        let mut questions = pipe();
        questions.cmd("CLIENT").arg("TRACKING").arg("ON");
        questions.cmd("INFO").arg("server");
        questions.cmd("GET").arg(&probe);
        questions.cmd("SET").arg(&probe).arg("").arg("PX").arg(1000);
        // Behind it, the change is known.
        questions.add_command(cmd("PING"));
        let since = Moment::now();
        let replies = send(&mut shared, &questions).await?;
        let mut errors = replies
            .iter()
            .filter_map(|reply| reply.clone().extract_error().err());
        if let Some(error) = errors.next() {
            return Err(not_tracked(&error));
        }
        let info: String = replies
            .get(1)
            .and_then(|info| from_redis_value_ref(info).ok())
            .unwrap_or_default();
        if let Some(why) = older_than(MIN_VERSION, &info) {
            return Err(NotTracked::Refused(why));
        }
        if unchanged.still() {
            let why = "it does not tell what changes, or something on the way keeps that back";
            return Err(NotTracked::Refused(why.to_owned()));
        }
        let deadline = self.options.deadline;
        let node = Arc::downgrade(self);
        Ok(Tracked::new(node, connection, watched, deadline, since))
    }
}

fn not_tracked(error: &RedisError) -> NotTracked {
    use ReplyError::{CommandForbidden, KeyForbidden, Other, UnknownCommand};
    match ReplyError::of(error) {
        Some(CommandForbidden | KeyForbidden | Other | UnknownCommand) => {
            NotTracked::Refused(error.to_string())
        }
        _ => NotTracked::Failed,
    }
}

impl From<Failure> for NotTracked {
    fn from(_: Failure) -> Self {
        Self::Failed
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::super::tests::silent;
    use super::super::tracked::tests::{of_node, replying};
    use super::*;

    #[tokio::test]
    async fn of_all_connections_one_is_not_over() {
        let tracking = Tracking::default();
        let [(first, _), (second, _), (late, _)] = [
            replying(&[]).await,
            replying(&[]).await,
            replying(&[]).await,
        ];
        tracking.begin(first.clone(), || true);
        tracking.begin(second.clone(), || true);
        assert!(first.is_over() && !second.is_over());
        tracking.begin(late.clone(), || false);
        assert!(late.is_over() && !second.is_over());
        tracking.abandon();
        assert!(second.is_over() && tracking.current.lock().is_none());
    }

    #[tokio::test]
    async fn a_connection_is_that_of_the_node_that_has_made_it_until_it_is_over() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let [node, other] = [(); 2].map(|()| silent(&listener));
        let tracked = of_node(&node).await;
        assert!(node.is_tracked_by(&tracked) && !other.is_tracked_by(&tracked));
        tracked.end();
        assert!(!node.is_tracked_by(&tracked));
    }
}
