//! The blog behind `posts-axum` and `posts-actix`: everything that does not depend on a web framework.
//!
//! The database lives in memory unless it is given a file. [`Db`] counts how often it was asked, so that
//! a cache in front of it can be seen to work.

mod db;
mod directory;
mod error;
mod http;
mod models;
mod posts;
mod process;
mod seed;
mod settings;
mod tour;

pub use db::Db;
pub use error::{Error, ErrorBody};
pub use models::{
    Country, Employee, Health, Message, NewPost, PageQuery, Post, PostPage, PostUpdate,
    SearchQuery, Stats,
};
pub use process::{GRACE, announce, complain, init_logs, report_pending, termination};
pub use settings::{Settings, SettingsError};
pub use tour::{TourError, tour};

/// The largest request body that the applications read, in bytes.
pub const BODY_LIMIT: usize = 1024 * 1024;
