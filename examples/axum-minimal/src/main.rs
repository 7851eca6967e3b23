//! Names that are cached: `cargo run -p axum-minimal`, then `curl -i localhost:3000/users/7` twice (`Cache-Status`
//! says miss, then hit), `curl -X PUT -d Ada localhost:3000/users/7`, and the first again.
//! It caches in Redis where `REDIS_CACHE_URL` says so, and in the process otherwise.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use axum::extract::{Path, State};
use axum::{Router, routing::get};
use cache_runtime::{Cache, Cached, cache};
use tokio::net::TcpListener;

/// In the place of a database.
static NAMES: Mutex<BTreeMap<u64, String>> = Mutex::new(BTreeMap::new());

/// Stored as `user:7` for five minutes.
#[cache("user", resource_id_name = "id", expiration = "5m")]
async fn read_user(Path(id): Path<u64>) -> Cached<Option<String>> {
    let names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
    names.get(&id).cloned().into()
}

/// Removes `user:7`.
#[cache("user", resource_id_name = "id", method = "PUT")]
async fn rename_user(Path(id): Path<u64>, name: String) {
    let mut names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
    names.insert(id, name);
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let cache = Cache::from_env()?;
    let users = Router::new().route("/users/{id}", get(read_user).put(rename_user));
    // A Redis that is away makes it slower, and is no reason to end it.
    let health = get(|State(cache): State<Cache>| async move {
        cache
            .ping()
            .await
            .map_or("ok, without its cache", |()| "ok")
    });
    let users = users.route("/healthz", health.with_state(cache.clone()));
    let listener = TcpListener::bind("127.0.0.1:3000").await?;
    axum::serve(listener, users.layer(cache.layer())).await?;
    Ok(())
}
