//! The clock of Tokio's timers, which a test may have stopped, and that of the machine, by which servers reply.
//!
//! A clock that was stopped jumps to the next timer whenever its runtime has nothing to do, and waiting for a server is
//! nothing to do: each reply would be too late. It does not jump while something blocks a thread of the runtime.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::mpsc;
use std::time::Duration;

use futures_util::future::{Either, select};
use tokio::task::spawn_blocking;
use tokio::time::{sleep, timeout};

/// The time has passed.
#[derive(Debug)]
pub(crate) struct Elapsed;

/// Whether the clock of the timers is not that of the machine: a test has stopped it, or had.
pub(crate) fn is_stopped() -> bool {
    is_stopped_behind(std::time::Instant::now())
}

/// The same, where that of the machine has just told this.
pub(crate) fn is_stopped_behind(before: std::time::Instant) -> bool {
    let now = tokio::time::Instant::now().into_std();
    now < before || now > std::time::Instant::now()
}

/// What comes of the work, unless that takes longer than this on the clock of the machine. Takes a runtime with timers.
pub(crate) async fn within<F: Future>(time: Duration, work: F) -> Result<F::Output, Elapsed> {
    let mut work = pin!(work);
    if !is_stopped() {
        return timeout(time, work).await.map_err(|_| Elapsed);
    }
    match select(work.as_mut(), pin!(hold(time))).await {
        Either::Left((output, _)) => Ok(output),
        Either::Right(_) => Err(Elapsed),
    }
}

/// Waits for so long on the clock of the machine. Takes a runtime with timers.
pub(crate) async fn pause(time: Duration) {
    if is_stopped() {
        hold(time).await;
    } else {
        sleep(time).await;
    }
}

/// The time that a timer gets which others count: a clock that was stopped must not make it pass.
pub(crate) fn for_timer(time: Duration) -> Duration {
    const DAY: Duration = Duration::from_secs(86_400);
    if is_stopped() { time.max(DAY) } else { time }
}

/// Ends after this time. Meanwhile, and until it is dropped, the clock of the timers does not jump.
async fn hold(time: Duration) {
    let (until_dropped, dropped) = mpsc::channel::<Infallible>();
    let holding = spawn_blocking(move || dropped.recv_timeout(time));
    // A runtime that ends takes the task with it.
    let _ = holding.await;
    drop(until_dropped);
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use tokio::time::{Instant, advance, pause as stop, resume};

    use super::*;

    const SHORT: Duration = Duration::from_millis(2);
    const LONG: Duration = Duration::from_secs(3600);

    #[tokio::test]
    async fn a_clock_is_stopped_from_when_a_test_stops_it() {
        assert!(!is_stopped());
        stop();
        assert!(is_stopped());
        advance(LONG).await;
        assert!(is_stopped());
        resume();
        assert!(is_stopped(), "it goes on, and tells another time");
    }

    #[tokio::test]
    async fn work_has_its_time_by_the_clock_of_the_machine_whatever_the_timers_tell() {
        assert!(within(SHORT, pending::<()>()).await.is_err());
        stop();
        let (before, start) = (Instant::now(), std::time::Instant::now());
        assert!(within(SHORT, pending::<()>()).await.is_err());
        assert!(start.elapsed() >= SHORT);
        assert_eq!(Instant::now(), before, "no timer has made it jump");

        let machine = async {
            spawn_blocking(|| std::thread::sleep(SHORT)).await.ok();
            advance(LONG).await;
            7
        };
        assert_eq!(within(LONG, machine).await.ok(), Some(7));
        pause(SHORT).await;
        assert!(start.elapsed() >= 3 * SHORT);
        assert_eq!(Instant::now(), before + LONG);
    }
}
