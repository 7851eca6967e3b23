//! The example applications, seen from outside: what they answer, what is in Redis then, and how often they
//! went to their database. Every case runs on each of them, with each store.

mod caching;
mod cases;
mod headers;
mod process;
mod responses;
mod writes;
