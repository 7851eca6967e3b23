//! What there is to be seen of a cache at work: counters by function.

mod explain;
mod functions;
mod reasons;
mod world;
