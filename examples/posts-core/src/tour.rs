//! A short tour: the application calls itself and shows what the cache made of each call.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::http::{Answer, call};

/// Why a tour could not be finished.
#[derive(Debug, thiserror::Error)]
pub enum TourError {
    /// The server could not be reached, or nobody reads the table.
    #[error("the tour was interrupted")]
    Io(#[from] io::Error),
    /// The server answered with something else than JSON over HTTP.
    #[error("the server's answer is not the expected JSON")]
    Answer,
}

/// Calls the server at `address`, and prints each call as a row of a table: its status, what the cache made
/// of it, the time it took, and how often it went to the database to read.
///
/// # Errors
///
/// If the server can't be reached, or answers with something that is not JSON.
pub async fn tour(address: SocketAddr) -> Result<(), TourError> {
    print_row("call", "status", "outcome", "time", "database reads")?;
    let list = "/johndoe/posts";
    show(address, "GET", list, None).await?;
    show(address, "GET", list, None).await?;
    show(address, "GET", "/posts/latest", None).await?;
    show(address, "GET", "/posts/latest", None).await?;

    let draft = json!({"title": "A post from the tour", "text": "It stays for a moment."});
    let created = show(address, "POST", "/johndoe/post", Some(&draft)).await?;
    let id = created.body["id"].as_i64().ok_or(TourError::Answer)?;
    let post = format!("/johndoe/post/{id}");
    show(address, "GET", list, None).await?;
    show(address, "GET", &post, None).await?;
    show(address, "GET", &post, None).await?;
    show(address, "GET", "/janedoe/posts", None).await?;

    let update = json!({"title": "A better title"});
    show(address, "PATCH", &post, Some(&update)).await?;
    show(address, "GET", &post, None).await?;
    show(address, "GET", &post, None).await?;
    show(address, "GET", "/janedoe/posts", None).await?;

    show(address, "DELETE", &post, None).await?;
    show(address, "GET", &post, None).await?;
    show(address, "GET", list, None).await?;
    show(address, "GET", list, None).await?;
    Ok(())
}

/// One row of the table.
async fn show(
    address: SocketAddr,
    method: &str,
    path: &str,
    body: Option<&Value>,
) -> Result<Answer, TourError> {
    let before = Counts::read(address).await?;
    let start = Instant::now();
    let answer = call(address, method, path, body).await?;
    let time = start.elapsed();
    let after = Counts::read(address).await?;

    let call = format!("{method} {path}");
    let reads = after.database_reads - before.database_reads;
    let outcome = match method {
        "GET" => after.outcome_since(&before),
        _ => "write",
    };
    let status = answer.status.to_string();
    print_row(
        &call,
        &status,
        outcome,
        &milliseconds(time),
        &reads.to_string(),
    )?;
    Ok(answer)
}

fn print_row(call: &str, status: &str, outcome: &str, time: &str, reads: &str) -> io::Result<()> {
    writeln!(
        io::stdout(),
        "{call:<24} {status:>6}  {outcome:<7} {time:>9}  {reads:>14}"
    )
}

fn milliseconds(time: Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1000.0)
}

/// What `/stats` has counted, as far as the tour is concerned.
struct Counts {
    database_reads: u64,
    hits: u64,
    misses: u64,
}

impl Counts {
    async fn read(address: SocketAddr) -> Result<Self, TourError> {
        let stats = call(address, "GET", "/stats", None).await?.body;
        let number = |value: &Value| value.as_u64().ok_or(TourError::Answer);
        Ok(Self {
            database_reads: number(&stats["database_reads"])?,
            hits: number(&stats["cache"]["hits"])?,
            misses: number(&stats["cache"]["misses"])?,
        })
    }

    /// Neither a hit nor a miss: the cache could not be asked.
    fn outcome_since(&self, before: &Self) -> &'static str {
        if self.hits > before.hits {
            "hit"
        } else if self.misses > before.misses {
            "miss"
        } else {
            "bypass"
        }
    }
}
