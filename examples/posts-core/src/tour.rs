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
/// of it, the time it took, how often it went to the database to read, and what its headers say.
///
/// # Errors
///
/// If the server can't be reached, or answers with something that is not JSON.
pub async fn tour(address: SocketAddr) -> Result<(), TourError> {
    let titles = ["call", "status", "outcome", "time", "database reads"];
    print_row(titles, ["cache-status", "etag"])?;
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
    let known = show(address, "GET", list, None).await?.etag;
    show_with(address, "GET", list, ("if-none-match", &known), None).await?;
    Ok(())
}

/// One row of the table.
async fn show(
    address: SocketAddr,
    method: &str,
    path: &str,
    body: Option<&Value>,
) -> Result<Answer, TourError> {
    let json = ("content-type", "application/json");
    show_with(address, method, path, json, body).await
}

async fn show_with(
    address: SocketAddr,
    method: &str,
    path: &str,
    header: (&str, &str),
    body: Option<&Value>,
) -> Result<Answer, TourError> {
    let before = Counts::read(address).await?;
    let start = Instant::now();
    let answer = call(address, method, path, header, body).await?;
    let time = start.elapsed();
    let after = Counts::read(address).await?;

    let call = format!("{method} {path}");
    let reads = after.database_reads - before.database_reads;
    let outcome = match method {
        "GET" => after.outcome_since(&before),
        _ => "write",
    };
    let cells = [
        call,
        answer.status.to_string(),
        outcome.to_owned(),
        milliseconds(time),
        reads.to_string(),
    ];
    // The beginning of a tag is enough to tell it from others.
    let etag: String = answer.etag.chars().take(8).collect();
    print_row(
        cells.each_ref().map(String::as_str),
        [&answer.cache_status, &etag],
    )?;
    Ok(answer)
}

fn print_row(cells: [&str; 5], headers: [&str; 2]) -> io::Result<()> {
    let [call, status, outcome, time, reads] = cells;
    let [cache_status, etag] = headers;
    let row = format!(
        "{call:<24} {status:>6}  {outcome:<7} {time:>9}  {reads:>14}  {cache_status:<32} {etag}"
    );
    writeln!(io::stdout(), "{}", row.trim_end())
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
        let stats = call(address, "GET", "/stats", ("accept", "*/*"), None)
            .await?
            .body;
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
