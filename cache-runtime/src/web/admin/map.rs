//! Who removes what whom reads.

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::runtime::Handle;
use tokio::sync::OnceCell;
use tokio::task::spawn_blocking;

use super::answer::Answer;
use crate::map::{MapEntry, Removal, map};

/// It is the same as long as the program runs.
static MAP: OnceCell<Bytes> = OnceCell::const_new();

pub(super) async fn answer() -> Answer {
    match MAP.get_or_try_init(made).await {
        Ok(json) => Answer::of_json(200, json.clone()),
        Err(()) => Answer::error(503, "the runtime is ending"),
    }
}

/// Comparing all functions with each other takes a while, in a large program.
async fn made() -> Result<Bytes, ()> {
    if Handle::try_current().is_err() {
        return Ok(json());
    }
    spawn_blocking(json).await.map_err(drop)
}

fn json() -> Bytes {
    let map = map();
    let entries: Vec<Value> = map.entries().iter().map(entry).collect();
    let removals: Vec<Value> = map.removals().map(removal).collect();
    let map = json!({ "entries": entries, "removals": removals });
    json!({ "map": map }).to_string().into()
}

fn entry(entry: &MapEntry) -> Value {
    let kind = entry.kind();
    json!({
        "name": entry.to_string(),
        "place": entry.place(),
        "reads": kind.reads(),
        "writes": kind.writes(),
        "keys": entry.keys().collect::<Vec<_>>(),
        "tags": entry.tags().collect::<Vec<_>>(),
        "patterns": entry.patterns().collect::<Vec<_>>(),
    })
}

fn removal(removal: Removal<'_>) -> Value {
    json!({
        "writer": removal.writer().to_string(),
        "reader": removal.reader().to_string(),
        "through": removal.through(),
    })
}
