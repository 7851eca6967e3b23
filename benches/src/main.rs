//! Times, as ratios within one run whose variants take turns: `cargo run --release -p cache-benches -- hits`
//! or `-- hung`.
//! It starts what it needs, and ends by itself.

mod hits;
mod hung;
mod load;

use std::process::ExitCode;

#[tokio::main(worker_threads = 2)]
async fn main() -> ExitCode {
    match std::env::args().nth(1).as_deref() {
        Some("hits") => hits::run_all().await,
        Some("hung") => hung::run_all().await,
        _ => {
            eprintln!("say which: `hits` or `hung`");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}
