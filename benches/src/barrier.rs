//! One `PING` for all who wait for a reply, as one would write it by hand.

use std::mem;
use std::sync::{Arc, Mutex, PoisonError};

use cache_runtime::redis::aio::MultiplexedConnection;
use cache_runtime::redis::cmd;
use tokio::sync::oneshot::{Sender, channel};
use tokio::task::yield_now;

/// Without a deadline: where Redis does not reply, all wait.
#[derive(Clone)]
pub(crate) struct Barrier {
    connection: MultiplexedConnection,
    waiting: Arc<Mutex<Waiting>>,
}

#[derive(Default)]
struct Waiting {
    is_asking: bool,
    all: Vec<Sender<()>>,
}

impl Barrier {
    pub(crate) fn new(connection: MultiplexedConnection) -> Self {
        let waiting = Arc::default();
        Self {
            connection,
            waiting,
        }
    }

    /// Until there is a reply to a `PING` that was sent later than now.
    pub(crate) async fn wait(&self) {
        let (sender, reply) = channel();
        if self.join(sender) {
            tokio::spawn(self.clone().ask());
        }
        reply.await.expect("Redis replies");
    }

    /// Says whether a task has to be started which asks.
    fn join(&self, sender: Sender<()>) -> bool {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.all.push(sender);
        !mem::replace(&mut waiting.is_asking, true)
    }

    async fn ask(mut self) {
        loop {
            // Others who are about to wait come first.
            yield_now().await;
            let all = self.begin();
            if all.is_empty() {
                break;
            }
            let asked: Result<String, _> = cmd("PING").query_async(&mut self.connection).await;
            asked.expect("it listens");
            for sender in all {
                // Its client may have gone.
                let _ = sender.send(());
            }
        }
    }

    fn begin(&self) -> Vec<Sender<()>> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let all = mem::take(&mut waiting.all);
        waiting.is_asking = !all.is_empty();
        all
    }
}
