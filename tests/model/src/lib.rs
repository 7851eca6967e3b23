//! An exhaustive model of the protocol by which `cache-runtime` keeps its answers fresh.
//!
//! A [`System`](system::System) is a server, a database, some readers and some writers. From every state all
//! steps that anyone could take next are tried, so what a run accepts holds for every interleaving of so
//! many readers and writers. What must hold is in [`promise`]; [`Variant`](variant::Variant) has the
//! protocol, and one wrong protocol for each of its rules.
//!
//! # What is modelled
//!
//! The operations of the store, each one atomic step: `get`, `begin_fill`, `join_tag`, `fill`, `release`,
//! `fence`, `lift`; the invalidation of a key in three steps and of a tag in two; a pattern's two sweeps, key
//! by key. A reader may fail or die once it has the lease, a writer may fail or die once it has its fence.
//! The server may evict anything at any time: an entry, a lease, a tag's nonce, a fence.
//!
//! The database is the number of its writes. Everything that is cached depends on all of it.
//!
//! # Time
//!
//! The clock stops only where a fence ends, and goes on whenever it likes. What was shortened to a fence ends
//! with it; everything else has a life longer than any fence, and may go at any moment as if it were
//! evicted. The same is true of a lease: it may be over at any time, or be renewed for ever.
//!
//! # What is left out
//!
//! - A writer whose fence was evicted lives to its end: nothing but its fence would vouch for what it made
//!   stale.
//! - A pattern's writer doesn't die before its scan is over: a pattern can't be fenced.
//! - A reader joins its tag only when it has the lease. To join it without is the same as to die then.
//! - The stage, on which a value waits to be renamed. To lose it is to give the lease back.
//! - A scan finds a key and removes it later. Here it is removed when it is found, which removes less.
//! - Servers that are down or forget what they have confirmed, commands that arrive twice or too late, and
//!   `Cache::set`.

pub mod fence;
mod normal;
pub mod promise;
pub mod reader;
pub mod slot;
pub mod store;
pub mod system;
pub mod variant;
pub mod writer;
