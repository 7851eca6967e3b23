//! What those who test an application use: a cache of a test's own, and none.

mod faults;
mod off;
mod paused;
mod scope;
mod statics;
