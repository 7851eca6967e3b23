//! What a well-behaved server process does besides serving.

use std::error::Error;
use std::io::{self, IsTerminal};
use std::iter::successors;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// How long requests under way may take to finish once the process was asked to end.
pub const GRACE: Duration = Duration::from_secs(5);

/// Sends logs to standard error, as `RUST_LOG` says: `info` unless said otherwise.
pub fn init_logs() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let colours = io::stderr().is_terminal();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(colours)
        .init();
}

/// The one line on standard output that says where the application listens, and what it caches in.
pub fn announce(application: &str, address: SocketAddr, store: &str) {
    println!("{application} listens on http://{address} (cache: {store})");
}

/// The one line on standard error that says why the application can't run, with the causes of the cause.
pub fn complain(application: &str, error: &dyn Error) {
    let causes = successors(Some(error), |&error| error.source());
    let causes: Vec<_> = causes.map(ToString::to_string).collect();
    eprintln!("{application}: {}", causes.join(": "));
}

/// Says how many invalidations could not be delivered before the end, if any.
pub fn report_pending(count: u64) {
    if count > 0 {
        tracing::warn!(
            count,
            "some of what was written is still cached, until it expires"
        );
    }
}

/// Listens, from this call on, for the process to be asked to end, by SIGTERM or by Ctrl-C. The future ends
/// when it is.
///
/// # Errors
///
/// If the system does not let a process listen to signals.
///
/// # Panics
///
/// Outside a tokio runtime.
pub fn termination() -> io::Result<impl Future<Output = ()> + Send + 'static> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
