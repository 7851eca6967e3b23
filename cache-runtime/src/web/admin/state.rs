//! What the page asks for every two seconds.

use serde_json::{Value, json};

use crate::cache::Cache;
use crate::stats::FunctionStats;

pub(super) fn of(cache: &Cache) -> Value {
    let engine = &cache.0;
    let functions = cache.stats_by_function().into_iter();
    let functions: Vec<Value> = functions
        .map(|(name, stats)| function(name, &stats))
        .collect();
    let servers = engine.store.servers().into_iter();
    let servers: Vec<Value> = servers
        .map(|server| json!({ "name": server.name, "available": server.is_available }))
        .collect();
    json!({
        "store": cache.store_name(),
        "namespace": engine.store.keyspace().namespace(),
        "stats": cache.stats(),
        "functions": functions,
        "servers": servers,
    })
}

/// Times are in milliseconds.
fn function(name: &str, stats: &FunctionStats) -> Value {
    let mut function = json!(stats);
    function["name"] = name.into();
    function["load_time"] = (stats.load_time.as_secs_f64() * 1000.0).into();
    function["time_saved"] = (stats.time_saved.as_secs_f64() * 1000.0).into();
    function
}
