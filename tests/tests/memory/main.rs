//! What the in-process store takes, and that nobody waits for those who remove by a pattern.

mod patterns;
mod weights;
