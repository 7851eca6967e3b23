//! What one task asks for all who wait for a reply.

use std::convert::Infallible;
use std::mem;

use deadpool_redis::redis::Cmd;
use tokio::sync::oneshot;

use crate::util::moment::Moment;

/// It ends when there is a reply, and when there can't be one.
pub(super) type Reply = oneshot::Receiver<Infallible>;

type Waiting = Vec<oneshot::Sender<Infallible>>;

/// One command at a time: whoever comes too late for it waits for the next.
#[derive(Default)]
pub(super) struct Asked {
    /// A task asks, and goes on as long as somebody waits.
    is_asking: bool,
    /// When the command was sent that is under way, and who waits for its reply.
    under_way: Option<(Moment, Waiting)>,
    next: Option<(Cmd, Waiting)>,
}

impl Asked {
    pub(super) fn is_asking(&self) -> bool {
        self.is_asking
    }

    /// The reply to a command that is sent later than that. Says whether a task has to be started which asks.
    pub(super) fn wait(&mut self, moment: Moment, ask: impl FnOnce() -> Cmd) -> (Reply, bool) {
        let (waiting, reply) = oneshot::channel();
        match &mut self.under_way {
            Some((sent, all)) if sent.is_after(moment) => all.push(waiting),
            _ => {
                let next = self.next.get_or_insert_with(|| (ask(), Vec::new()));
                next.1.push(waiting);
            }
        }
        (reply, !mem::replace(&mut self.is_asking, true))
    }

    /// What is to be sent now; nothing where nobody waits, and the task is over.
    pub(super) fn begin(&mut self, now: Moment) -> Option<Cmd> {
        let next = self.next.take();
        self.is_asking = next.is_some();
        let (command, waiting) = next?;
        self.under_way = Some((now, waiting));
        Some(command)
    }

    /// There is a reply, or none. Who waits for it knows when this is dropped.
    pub(super) fn end(&mut self) -> impl Sized + use<> {
        self.under_way.take()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use deadpool_redis::redis::cmd;

    use super::*;

    fn is_over(reply: &mut Reply) -> bool {
        reply.try_recv() == Err(oneshot::error::TryRecvError::Closed)
    }

    #[test]
    fn who_waits_joins_the_first_command_that_tells_enough() {
        let (mut asked, now) = (Asked::default(), Moment::now());
        let later = |milliseconds: u64| now.earlier_by(Duration::from_millis(10 - milliseconds));
        let ask = || cmd("PING");
        let (mut first, is_first) = asked.wait(later(0), ask);
        let (mut second, is_second) = asked.wait(later(1), || unreachable!("it is asked already"));
        assert!((is_first, is_second) == (true, false));
        assert!(asked.begin(later(2)).is_some());
        // What it was sent for is enough for the one, and too early for the other.
        let (mut early, _) = asked.wait(later(1), || unreachable!("it is under way"));
        let (mut late, is_again) = asked.wait(later(2), ask);
        assert!(!is_again && asked.is_asking());
        drop(asked.end());
        assert!(
            [&mut first, &mut second, &mut early]
                .into_iter()
                .all(is_over)
        );
        assert!(!is_over(&mut late));
        assert!(asked.begin(later(3)).is_some());
        drop(asked.end());
        assert!(is_over(&mut late));
        assert!(asked.begin(later(4)).is_none());
        assert!(!asked.is_asking() && asked.wait(later(4), ask).1);
    }
}
