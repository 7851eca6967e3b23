//! What goes over the wire, in both directions.

use serde::{Deserialize, Deserializer, Serialize, de::Error as _};

/// A page never holds more posts than this.
const MOST_ITEMS_PER_PAGE: u32 = 100;

/// A post, as everyone sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, sqlx::FromRow)]
pub struct Post {
    /// Unique among all posts; never used again after a delete.
    pub id: i64,
    /// Never empty.
    pub title: String,
    /// May be empty.
    pub text: String,
    /// Who wrote it.
    pub username: String,
    /// RFC 3339, in UTC, to the second: `2025-01-31T12:00:00Z`.
    pub created_at: String,
}

/// A part of a longer list of posts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PostPage {
    /// The posts of this page, the newest first.
    pub data: Vec<Post>,
    /// How many posts all pages hold together.
    pub total_count: i64,
    /// Whether a further page would hold any.
    pub has_more: bool,
    /// The number of this page, from 1.
    pub page: u32,
    /// How many posts a full page holds.
    pub items_per_page: u32,
}

/// The body that creates a post.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct NewPost {
    /// Must not be empty.
    pub title: String,
    /// May be empty.
    pub text: String,
}

/// The body that changes a post: what is left out stays as it is.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct PostUpdate {
    /// The new title; must not be empty.
    pub title: Option<String>,
    /// The new text.
    pub text: Option<String>,
}

/// What a change answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// In plain English.
    pub message: String,
}

impl Message {
    /// A message with this text.
    #[must_use]
    pub fn new(message: &str) -> Self {
        Self {
            message: message.to_owned(),
        }
    }
}

/// A country of the world.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, sqlx::FromRow)]
pub struct Country {
    /// ISO 3166-1 alpha-2.
    pub code: String,
    /// In English.
    pub name: String,
}

/// Someone who works in a department of an organisation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, sqlx::FromRow)]
pub struct Employee {
    /// Unique among all employees.
    pub id: i64,
    /// Their full name.
    pub name: String,
    /// What they do.
    pub role: String,
}

/// `?page=1&items_per_page=10`, both optional.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct PageQuery {
    /// The number of the page, from 1.
    #[serde(default = "first_page", deserialize_with = "page_number")]
    pub page: u32,
    /// How many posts a page holds: from 1 to 100.
    #[serde(default = "ten_items", deserialize_with = "items_per_page")]
    pub items_per_page: u32,
}

/// `?query=…&page=1`, the page optional.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SearchQuery {
    /// What to look for; not empty.
    #[serde(deserialize_with = "search_text")]
    pub query: String,
    /// The number of the page, from 1.
    #[serde(default = "first_page", deserialize_with = "page_number")]
    pub page: u32,
}

/// What the application did since its start. `C` is the cache's own count.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Stats<C> {
    /// How many handler bodies went to the database to read.
    pub database_reads: u64,
    /// How many handler bodies went to the database to write.
    pub database_writes: u64,
    /// Hits, misses and whatever else the cache counts.
    pub cache: C,
}

/// Whether the application is well, for whoever looks after it.
#[derive(Debug, Clone, Serialize)]
pub struct Health {
    /// It replies, so it is.
    pub status: &'static str,
    /// `ok`, or `unavailable`: then the application is slower, and that is no reason to end it.
    pub cache: &'static str,
}

impl Health {
    /// Of an application whose cache replies, or does not. Why not, the log tells: strangers need not know.
    #[must_use]
    pub fn new(does_cache_reply: bool) -> Self {
        Self {
            status: "ok",
            cache: if does_cache_reply {
                "ok"
            } else {
                "unavailable"
            },
        }
    }
}

fn first_page() -> u32 {
    1
}

fn ten_items() -> u32 {
    10
}

// A number out of range is refused and not clamped: a clamped one would be cached under as many keys as
// there are ways to write it. The field's name is in the message, since not every framework adds it.

fn page_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    number(deserializer, 1..=u32::MAX)
        .map_err(|_| D::Error::custom("`page` must be a whole number of at least 1"))
}

fn items_per_page<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    number(deserializer, 1..=MOST_ITEMS_PER_PAGE).map_err(|_| {
        let message =
            format!("`items_per_page` must be a whole number from 1 to {MOST_ITEMS_PER_PAGE}");
        D::Error::custom(message)
    })
}

fn number<'de, D: Deserializer<'de>>(
    deserializer: D,
    allowed: std::ops::RangeInclusive<u32>,
) -> Result<u32, D::Error> {
    let number = u32::deserialize(deserializer)?;
    if allowed.contains(&number) {
        Ok(number)
    } else {
        Err(D::Error::custom("out of range"))
    }
}

fn search_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.is_empty() {
        Err(D::Error::custom("`query` must not be empty"))
    } else {
        Ok(text)
    }
}
