//! What one call goes through, from the generated code's request to the value that it returns.

mod background;
mod behind;
mod byte_lists;
pub(crate) mod collector;
pub(crate) mod deferred;
pub(crate) mod detached;
mod ending;
mod entry;
mod found;
pub(crate) mod get_or_load;
pub(crate) mod handler;
mod lazy;
mod load;
mod lookup;
mod lost;
mod meeting;
mod next;
mod observe;
pub(crate) mod own_ttl;
pub(crate) mod read;
mod read_back;
mod reentrancy;
pub(crate) mod refresh;
mod refreshing;
pub(crate) mod request_context;
mod resolve;
pub(crate) mod rules;
pub(crate) mod run;
mod running;
mod scope;
mod surroundings;
pub(crate) mod turns;
mod verify;
mod wait;
pub(crate) mod write;

pub use self::entry::Windows;
