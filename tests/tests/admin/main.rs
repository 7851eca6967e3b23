//! The page of a cache: on every framework, for strangers, for other sites, and in a browser.

mod browser;
mod frameworks;
mod look;
mod strangers;
mod visitor;
