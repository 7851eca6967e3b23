//! A connection over which the server tells what changes of what was read there.
//!
//! Replies and what the server tells come in one order. So once the reply to a command has been had, everything is known
//! that had changed when the command was sent; and nothing else shows that, however alive the connection looks.

use std::future::poll_fn;
use std::mem;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use deadpool_redis::redis::aio::{ConnectionLike as _, MultiplexedConnection};
use deadpool_redis::redis::{Cmd, Pipeline, Value};
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::time::{Timeout, timeout};

use super::Node;
use super::asked::{Asked, Reply};
use super::watched::{Unchanged, Watched};
use crate::store::redis::reply_error::ReplyError;
use crate::util::apart::Apart;
use crate::util::clock::{is_stopped, within};
use crate::util::moment::{Latest, Moment};
use crate::util::runtime::with_timers;

pub(in crate::store::redis) struct Tracked {
    /// Whose it is.
    node: Weak<Node>,
    /// Nothing when it is over: what was read there may be about for a while still.
    connection: Mutex<Option<MultiplexedConnection>>,
    watched: Arc<Watched>,
    /// For a reply. Each who waits counts it: a shared timer would be one of a runtime that may end.
    deadline: Duration,
    /// Everything is known that had changed by then.
    known_up_to: Latest<1>,
    /// What brings that forward.
    asked: Apart<Mutex<Asked>>,
    /// That of the connection.
    runtime: Handle,
}

/// The wait for a reply that shows what is known.
pub(in crate::store::redis) struct Confirmation(Pin<Box<Timeout<Reply>>>);

/// So often a read asks. Where it needs more, somebody has set the clock.
const MAX_ASKED: usize = 4;

/// The task that asks.
struct Asking {
    tracked: Arc<Tracked>,
    /// Nobody waits any more.
    is_done: bool,
}

impl Tracked {
    /// `since` is when a command was sent to which there was a reply.
    pub(super) fn new(
        node: Weak<Node>,
        connection: MultiplexedConnection,
        watched: Arc<Watched>,
        deadline: Duration,
        since: Moment,
    ) -> Arc<Self> {
        let known_up_to = Latest::new();
        known_up_to.set(|_| Some([since]));
        Arc::new(Self {
            node,
            connection: Mutex::new(Some(connection)),
            watched,
            deadline,
            known_up_to,
            asked: Apart::default(),
            runtime: Handle::current(),
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
            // An error may come from a server that is not what it was, and is told nothing itself.
            Ok(replies) if replies.iter().any(is_error) => {}
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
        self.known_up_to.set(|known| {
            // Somebody may have set the clock back: then the last one counts.
            let is_known = known.is_some_and(|[known]| known.is_after(sent));
            (!is_known).then_some([sent])
        });
    }

    /// Whether everything is known that had changed by then, or a moment before.
    pub(in crate::store::redis) fn is_known_up_to(&self, moment: Moment) -> bool {
        let known = self.known_up_to.get();
        known.is_some_and(|[known]| known.is_after(moment)) && !self.is_over()
    }

    /// Waits until everything is known that had changed by then, for which all who wait ask together; false where that can't
    /// be had. `ask` makes a command that changes nothing, and that fails where the server is not what it was.
    pub(in crate::store::redis) async fn confirm(
        self: &Arc<Self>,
        moment: Moment,
        ask: impl Fn() -> Cmd,
    ) -> bool {
        let asked = async {
            for _ in 0..MAX_ASKED {
                if self.is_known_up_to(moment) || self.is_over() {
                    break;
                }
                let _ = self.confirmation(moment, &ask).await;
            }
        };
        self.in_time(asked).await;
        self.is_known_up_to(moment)
    }

    /// The same in one go, for whoever has no room for a future of that, and asks with [`Tracked::poll_confirmed`]. Nothing
    /// where it can't be had in that way.
    pub(in crate::store::redis) fn confirm_once(
        self: &Arc<Self>,
        moment: Moment,
        ask: impl Fn() -> Cmd,
    ) -> Option<Confirmation> {
        with_timers()?;
        if is_stopped() {
            return None;
        }
        let reply = self.confirmation(moment, &ask);
        Some(Confirmation(Box::pin(timeout(self.deadline, reply))))
    }

    /// Whether everything is known that had changed by then, for which `confirmation` waits.
    pub(in crate::store::redis) fn poll_confirmed(
        &self,
        moment: Moment,
        confirmation: &mut Confirmation,
        context: &mut Context<'_>,
    ) -> Poll<bool> {
        if ready!(confirmation.0.as_mut().poll(context)).is_err() {
            self.end();
        }
        Poll::Ready(self.is_known_up_to(moment))
    }

    /// The same for later, where nobody waits for it.
    pub(in crate::store::redis) fn confirm_soon(self: &Arc<Self>, ask: impl Fn() -> Cmd) {
        if !self.asked.lock().is_asking() {
            drop(self.confirmation(Moment::now(), &ask));
        }
    }

    fn confirmation(self: &Arc<Self>, moment: Moment, ask: &impl Fn() -> Cmd) -> Reply {
        let (reply, is_first) = self.asked.lock().wait(moment, ask);
        if is_first {
            // Where the connection is driven: with that it would be over too.
            let asking = Asking {
                tracked: self.clone(),
                is_done: false,
            };
            self.runtime.spawn(asking.ask());
        }
        reply
    }

    async fn ask_one(&self, sent: Moment, command: &Cmd) {
        let connection = self.connection.lock().clone();
        let Some(mut connection) = connection else {
            return;
        };
        let reply = connection.req_packed_command(command);
        match within(self.deadline, reply).await {
            // The key is elsewhere: that is found out in the usual way.
            Ok(Ok(reply)) if ReplyError::of_reply(&reply).is_some_and(ReplyError::is_redirect) => {}
            Ok(Ok(Value::ServerError(_)) | Err(_)) | Err(_) => self.end(),
            Ok(Ok(_)) => self.note(sent),
        }
    }

    /// What was read here is of no use any more.
    pub(super) fn end(&self) {
        *self.connection.lock() = None;
        self.watched.end();
    }

    pub(super) fn is_of(&self, node: &Arc<Node>) -> bool {
        self.node.as_ptr() == Arc::as_ptr(node)
    }

    pub(super) fn is_over(&self) -> bool {
        self.watched.is_over()
    }
}

impl Asking {
    async fn ask(mut self) {
        loop {
            // Others who are about to wait come first: one command is enough for all of them.
            give_way().await;
            let Some((sent, command)) = self.begin() else {
                break;
            };
            self.tracked.ask_one(sent, &command).await;
            let answered = self.tracked.asked.lock().end();
            // Whoever is woken finds no lock.
            drop(answered);
        }
    }

    fn begin(&mut self) -> Option<(Moment, Cmd)> {
        let mut asked = self.tracked.asked.lock();
        let now = Moment::now();
        let command = asked.begin(now);
        self.is_done = command.is_none();
        Some((now, command?))
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        if !self.is_done {
            // Its runtime has ended, and with it the connection.
            self.tracked.end();
            let asked = mem::take(&mut *self.tracked.asked.lock());
            drop(asked);
        }
    }
}

/// Until others have had a turn who are ready. Unlike Tokio's own way this waits for no thread that one of them blocks.
async fn give_way() {
    let mut is_over = false;
    let turn = poll_fn(|context| {
        if mem::replace(&mut is_over, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    });
    turn.await;
}

fn is_error(reply: &Value) -> bool {
    matches!(reply, Value::ServerError(_))
}

#[cfg(test)]
pub(in crate::store::redis) mod tests {
    use std::convert::identity;

    use deadpool_redis::redis::{AsyncConnectionConfig, RedisConnectionInfo, cmd, pipe};
    use futures_util::future::{join, join_all};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};
    use tokio::runtime::Builder;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// A connection over which each time that something is asked these are the replies, and then no more.
    pub(in crate::store::redis) async fn replying(
        replies: &'static [&'static str],
    ) -> (Arc<Tracked>, Moment) {
        replying_within(10 * SECOND, replies).await
    }

    async fn replying_within(
        deadline: Duration,
        replies: &'static [&'static str],
    ) -> (Arc<Tracked>, Moment) {
        let connection = connection(replies).await;
        let before = Moment::now();
        let since = before.earlier_by(SECOND);
        let tracked = Tracked::new(Weak::new(), connection, Arc::default(), deadline, since);
        (tracked, before)
    }

    /// One of this node, over which there is no reply.
    pub(in super::super) async fn of_node(node: &Arc<Node>) -> Arc<Tracked> {
        let (connection, node) = (connection(&[]).await, Arc::downgrade(node));
        Tracked::new(node, connection, Arc::default(), SECOND, Moment::now())
    }

    async fn connection(replies: &'static [&'static str]) -> MultiplexedConnection {
        let (stream, mut server) = duplex(1000);
        let info = RedisConnectionInfo::default().set_skip_set_lib_name();
        let connected =
            MultiplexedConnection::new_with_config(&info, stream, AsyncConnectionConfig::new());
        let (connection, driver) = connected.await.expect("nothing is asked");
        tokio::spawn(driver);
        tokio::spawn(async move {
            let mut asked = [0; 1000];
            for reply in replies {
                if server.read(&mut asked).await.is_ok_and(|count| count > 0) {
                    server
                        .write_all(reply.as_bytes())
                        .await
                        .expect("it is read");
                }
            }
            std::future::pending::<()>().await;
        });
        connection
    }

    fn ask() -> Cmd {
        let mut kind = cmd("TYPE");
        kind.arg("key");
        kind
    }

    async fn confirm_once(tracked: &Arc<Tracked>, moment: Moment) -> bool {
        let mut confirmation = tracked.confirm_once(moment, ask).expect("a timer");
        poll_fn(|context| tracked.poll_confirmed(moment, &mut confirmation, context)).await
    }

    #[tokio::test]
    async fn a_server_that_sends_us_elsewhere_shows_nothing() {
        const MOVED: &str = "-MOVED 1 127.0.0.1:1\r\n";
        let (tracked, before) = replying(&[MOVED, MOVED, "+none\r\n"]).await;
        let mut commands = pipe();
        commands.add_command(ask());
        let replies = tracked.ask(&commands).await.expect("a reply");
        assert!(replies.iter().all(is_error) && !tracked.is_known_up_to(before));
        // It asks again.
        assert!(tracked.confirm(before, ask).await && !tracked.is_over());
    }

    #[tokio::test]
    async fn what_is_asked_once_tells_all_who_wait() {
        let (tracked, before) = replying(&["+none\r\n"]).await;
        let waiting = (0..100).map(|_| tracked.confirm(before, ask));
        let others = (0..100).map(|_| confirm_once(&tracked, before));
        let (waited, others) = join(join_all(waiting), join_all(others)).await;
        assert!(waited.into_iter().chain(others).all(identity));
    }

    #[tokio::test]
    async fn a_reply_that_tells_nothing_and_none_confirm_nothing() {
        for (replies, is_over) in [
            (&["-MOVED 1 127.0.0.1:1\r\n"] as &[_], false),
            (&["-ERR no\r\n"], true),
            (&[], true),
        ] {
            let (tracked, before) = replying_within(SECOND / 20, replies).await;
            assert!(!confirm_once(&tracked, before).await);
            assert_eq!(tracked.is_over(), is_over, "{replies:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn where_the_clock_was_stopped_nothing_is_confirmed_in_one_go() {
        let (tracked, before) = replying(&["+none\r\n"]).await;
        assert!(tracked.confirm_once(before, ask).is_none());
        assert!(tracked.confirm(before, ask).await);
    }

    #[test]
    fn nobody_waits_for_a_task_whose_runtime_has_ended() {
        let [gone, other] = [(); 2].map(|()| {
            let runtime = Builder::new_multi_thread().enable_time().build();
            runtime.expect("a runtime")
        });
        let (tracked, before) = gone.block_on(replying(&[]));
        let is_confirmed = other.block_on(async {
            let confirmed = timeout(5 * SECOND, tracked.confirm(before, ask));
            let end = async { gone.shutdown_background() };
            join(confirmed, end).await.0
        });
        assert!(!is_confirmed.expect("not so long") && tracked.is_over());
    }
}
