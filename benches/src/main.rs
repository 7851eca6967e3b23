//! Times, as ratios within one run whose variants take turns: `cargo run --release -p cache-benches -- hits`, `-- calls`,
//! `-- hung`, `-- paused` or `-- scale`; instructions, which valgrind counts: `-- instructions`; and what a function costs its
//! crate: `-- build`.
//! It starts what it needs, and ends by itself.

mod barrier;
mod build;
mod by_hand;
mod calls;
mod hits;
mod hung;
mod instructions;
mod load;
mod measured;
mod paused;
mod plot;
mod records;
mod scale;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.split_first() {
        // What is counted is to be all that runs.
        Some((first, rest)) if first == "instructions" => instructions::run_all(rest),
        Some((first, _)) if first == "build" => {
            build::run_all(&target().join("build-of-functions"))
        }
        _ => run(&arguments),
    }
}

/// An absolute path, for programs that run elsewhere.
fn target() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/benches")
}

#[tokio::main(worker_threads = 2)]
async fn run(arguments: &[String]) -> ExitCode {
    match arguments.first().map(String::as_str) {
        Some(name @ ("calls" | "hits")) => {
            let folder = arguments.get(1).map_or("target/benches", String::as_str);
            let told = if name == "hits" {
                hits::run_all(folder.as_ref()).await
            } else {
                calls::run_all(folder.as_ref()).await
            };
            if let Err(error) = told {
                eprintln!("the numbers can't be written to {folder}: {error}");
                return ExitCode::FAILURE;
            }
        }
        Some("hung") => hung::run_all().await,
        Some("paused") => paused::run_all().await,
        Some("scale") => {
            let most = arguments.get(1).map_or(Ok(1_000_000), |most| most.parse());
            let Ok(most) = most else {
                eprintln!("say up to how many keys: `scale 10000000`");
                return ExitCode::FAILURE;
            };
            scale::run_all(most).await;
        }
        _ => {
            eprintln!(
                "say which: `hits`, `calls`, `hung`, `paused`, `scale`, `instructions` or `build`"
            );
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}
