//! A connection over which the server tells what changes of what was read there.
//!
//! Replies and what the server tells come in one order. So once the reply to a command has been had, everything is known
//! that had changed when the command was sent; and nothing else shows that, however alive the connection looks.

use std::sync::Arc;
use std::time::Duration;

use deadpool_redis::redis::aio::{ConnectionLike as _, MultiplexedConnection};
use deadpool_redis::redis::{Cmd, Pipeline, Value};
use futures_util::future::{BoxFuture, FutureExt as _, Shared};
use parking_lot::Mutex;

use super::watched::{Unchanged, Watched};
use crate::store::redis::reply_error::ReplyError;
use crate::util::clock::within;
use crate::util::moment::Moment;
use crate::util::runtime::with_timers;

pub(in crate::store::redis) struct Tracked {
    /// Nothing when it is over: what was read there may be about for a while still.
    connection: Mutex<Option<MultiplexedConnection>>,
    watched: Arc<Watched>,
    /// For a reply. Each who waits counts it: a shared timer would be one of a runtime that may end.
    deadline: Duration,
    /// Everything is known that had changed by then.
    known_up_to: Mutex<Moment>,
    /// The command that is under way to bring that forward.
    confirming: Mutex<Option<Confirmation>>,
}

/// So often a read asks. Where it needs more, somebody has set the clock.
const MAX_ASKED: usize = 4;

type Confirmation = Shared<BoxFuture<'static, ()>>;

impl Tracked {
    /// `since` is when a command was sent to which there was a reply.
    pub(super) fn new(
        connection: MultiplexedConnection,
        watched: Arc<Watched>,
        deadline: Duration,
        since: Moment,
    ) -> Arc<Self> {
        Arc::new(Self {
            connection: Mutex::new(Some(connection)),
            watched,
            deadline,
            known_up_to: Mutex::new(since),
            confirming: Mutex::default(),
        })
    }

    /// To be called before the names are read.
    pub(in crate::store::redis) fn watch(
        &self,
        names: impl IntoIterator<Item = String>,
        watcher: &Arc<Unchanged>,
    ) {
        self.watched.watch(names, watcher);
    }

    /// Watches for what changes everything, and for the end of the connection.
    pub(in crate::store::redis) fn watch_all(&self, watcher: &Arc<Unchanged>) {
        // No entry, and nothing that helps one, is called so.
        self.watched.watch([String::new()], watcher);
    }

    /// The replies to all of these, errors among them; nothing where there were none.
    pub(in crate::store::redis) async fn ask(&self, commands: &Pipeline) -> Option<Vec<Value>> {
        let sent = Moment::now();
        let mut connection = self.connection.lock().clone()?;
        let replies = connection.req_packed_commands(commands, 0, commands.len());
        let replies = self.in_time(replies).await?;
        match &replies {
            Ok(_) => self.note(sent),
            // It may be half open.
            Err(_) => self.end(),
        }
        replies.ok()
    }

    /// What this waits for; nothing, also in future, where that takes too long.
    async fn in_time<T>(&self, wait: impl Future<Output = T>) -> Option<T> {
        with_timers()?;
        let outcome = within(self.deadline, wait).await;
        outcome.inspect_err(|_| self.end()).ok()
    }

    fn note(&self, sent: Moment) {
        let mut known = self.known_up_to.lock();
        // Somebody may have set the clock back: then the last one counts.
        if !known.is_after(sent) {
            *known = sent;
        }
    }

    /// Whether everything is known that had changed by then, or a moment before.
    pub(in crate::store::redis) fn is_known_up_to(&self, moment: Moment) -> bool {
        self.known_up_to.lock().is_after(moment) && !self.watched.is_over()
    }

    /// Waits until everything is known that had changed by then, for which all who wait ask together; false where that can't
    /// be had. `ask` changes nothing, and fails where the server is not what it was.
    pub(in crate::store::redis) async fn confirm(
        self: &Arc<Self>,
        moment: Moment,
        ask: &Cmd,
    ) -> bool {
        let asked = async {
            for _ in 0..MAX_ASKED {
                if self.is_known_up_to(moment) || self.is_over() {
                    break;
                }
                self.confirmation(ask).await;
            }
        };
        self.in_time(asked).await;
        self.is_known_up_to(moment)
    }

    /// The same for later, where nobody waits for it.
    pub(in crate::store::redis) fn confirm_soon(self: &Arc<Self>, ask: &Cmd) {
        if let Some(runtime) = with_timers()
            && self.confirming.lock().is_none()
        {
            let (tracked, confirmation) = (self.clone(), self.confirmation(ask));
            runtime.spawn(async move { tracked.in_time(confirmation).await });
        }
    }

    /// What is under way, or a new one. One at a time: whoever comes too late for it waits for the next.
    fn confirmation(self: &Arc<Self>, ask: &Cmd) -> Confirmation {
        let mut confirming = self.confirming.lock();
        if let Some(under_way) = &*confirming
            && under_way.peek().is_none()
        {
            return under_way.clone();
        }
        let (connection, ask) = (self.connection.lock().clone(), ask.clone());
        let tracked = Arc::downgrade(self);
        let confirmation = async move {
            let Some(mut connection) = connection else {
                return;
            };
            let sent = Moment::now();
            let reply = connection.req_packed_command(&ask).await;
            let Some(tracked) = tracked.upgrade() else {
                return;
            };
            match reply {
                // The key is elsewhere: that is found out in the usual way.
                Ok(reply) if ReplyError::of_reply(&reply).is_some_and(ReplyError::is_redirect) => {}
                Ok(Value::ServerError(_)) | Err(_) => tracked.end(),
                Ok(_) => tracked.note(sent),
            }
            *tracked.confirming.lock() = None;
        };
        let confirmation = confirmation.boxed().shared();
        *confirming = Some(confirmation.clone());
        confirmation
    }

    /// What was read here is of no use any more.
    pub(super) fn end(&self) {
        *self.connection.lock() = None;
        self.watched.end();
    }

    pub(super) fn is_over(&self) -> bool {
        self.watched.is_over()
    }
}
