//! Times, as ratios within one run whose variants take turns: `cargo run --release -p cache-benches -- hung`.
//! It starts what it needs, and ends by itself.

mod hung;
mod load;

use std::process::ExitCode;

#[tokio::main(worker_threads = 2)]
async fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() != Some("hung") {
        eprintln!("say which: `hung`");
        return ExitCode::FAILURE;
    }
    hung::run_all().await;
    ExitCode::SUCCESS
}
