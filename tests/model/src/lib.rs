//! An exhaustive model of the protocol by which `cache-runtime` keeps its answers fresh.
//!
//! There is one system for each kind of question; each has a promise or two, and wrong variants of the protocol.
//! From every state all steps that anyone could take next are tried, so what a run accepts holds for every
//! interleaving of so many readers and writers. A model that accepted a wrong variant would prove nothing.
//!
//! - [`system`]: several readers, keys and writers; a fence and an invalidation step by step; patterns; a slot
//!   that moves. The rest of this page is about this one.
//! - [`in_doubt`]: writers that may commit after their caller has gone.
//! - [`previous_expiry`]: TTLs under fences that are executed twice, too late, or beside `set` and other
//!   programs.
//! - [`waiting`]: whom a reader waits for, and what becomes of those who wait for a load that comes to nothing.
//! - [`nested`]: entries that are loaded from other entries, named by key, tag or pattern, on one server or on two.
//! - [`transaction`]: writes that are committed outside of their function, and reads in their transaction.
//! - [`stale_window`]: entries that are served past their expiration, while a fence stands.
//! - [`near`]: copies in the memory of a process, which are served without asking the server.
//!
//! [`in_doubt`], [`previous_expiry`], [`transaction`] and [`stale_window`] run the scripts as they are in [`script`]. They have a closing time: what
//! is fenced ends a little before its fence does, and until then nothing is stored.
//!
//! What none of them has: two of these questions at once where no system names both, such as waiting for nested
//! loads, or a stale window under a tag; a commit after its fence has ended, which is outside of the promise; an
//! invalidation that can't be sent; a server that comes back with old data.
//!
//! A [`System`](system::System) is a server, a database, some readers and some writers. What must hold is in
//! [`promise`]; [`Variant`](variant::Variant) has the protocol, and one wrong protocol for each of its rules.
//!
//! # What is modelled
//!
//! The operations of the store, each one atomic step: `begin_fill`, `join_tag`, `fill`, `release`,
//! `release_fence`;
//! the fence of a key in three steps and of a tag in two, and so their invalidation; a pattern's two sweeps,
//! key by key. A reader may fail or die once it has the lease, a writer may fail or die once it has its fence.
//! The server may evict anything at any time: an entry, a lease, a tag's nonce, a fence.
//!
//! # Many servers
//!
//! An entry and its helpers lie on one server, its tag perhaps on another. So a reader gets the one and the
//! other at two moments, in either order; `begin_fill` and `join_tag` are sent together and come in either
//! order, and a reader that is refused the lease joins all the same. A write that names a key and its tag is
//! two writers, none of which waits for the other.
//!
//! While a slot moves from one server to another, a command on a single key finds it wherever it is. A script
//! is refused unless all its keys that exist are on the same side; a real server refuses more. That is why a
//! fence and an invalidation are separate steps, and why a writer may leave its fence to end by itself. A
//! pattern scans both servers at the same time, the leases and then the entries of each. One round of that is
//! enough only if no key can have moved meanwhile; another begins when all scans of the one before are over.
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
//! - A slot moves once. If it came back, or its keys did, a round would not see it from whose the slot is.
//! - A failed writer whose `release_fence` is refused tries again, or leaves the shorter life.
//! - Servers whose clocks differ.
//! - The stage, on which a value waits to be renamed. To lose it is to give the lease back.
//! - A scan finds a key and removes it later. Here it is removed when it is found, which removes less.
//! - Servers that are down or forget what they have confirmed.
//! - A closing time, commands that arrive twice or too late, `set`, and writers in doubt: other systems have
//!   them.

pub mod check;
pub mod fence;
pub mod in_doubt;
pub mod near;
pub mod nested;
mod normal;
pub mod previous_expiry;
pub mod promise;
pub mod reader;
pub mod script;
pub mod slot;
pub mod stale_window;
pub mod store;
pub mod system;
pub mod transaction;
pub mod variant;
pub mod waiting;
pub mod writer;
