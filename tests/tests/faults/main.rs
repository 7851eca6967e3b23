//! What becomes of `posts-axum` under load while its Redis is slow, hung, gone, full, or lying. Every case
//! prints how many requests were sent, how many of them failed, and how long the slowest took.

mod full_pools;
mod large;
mod outages;
mod outbox;
mod posts;
mod readers;
mod refusals;
mod restarts;
mod rig;
