//! What every store promises: `#[cache]` on functions that are called by hand, in the process, on a server and
//! on a cluster, and what only servers can show.

#![allow(
    clippy::items_after_statements,
    reason = "a test declares the function that it calls"
)]

mod calls;
mod coherence;
mod commands;
mod deferred;
mod detached;
mod direct;
mod fleet;
mod get_or_load;
mod globs;
mod hung;
mod in_doubt;
mod invalidation;
mod max_loads;
mod nested;
mod own_ttl;
mod posts;
mod pressure;
mod processes;
mod refreshing;
mod round_trips;
mod rows;
mod runtimes;
mod server;
mod single_flight;
mod stale;
mod sweeps;
mod together;
mod unstored;
mod values;
mod verify;
mod world;
