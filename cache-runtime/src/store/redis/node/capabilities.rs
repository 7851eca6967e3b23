//! Whether a server can do, and this user may do, what the cache needs.

use deadpool_redis::redis::{Pipeline, Value};

use super::info::field;
use crate::store::redis::reply_error::ReplyError;

/// The oldest Redis that has all that the cache needs.
const MIN_VERSION: (u32, u32) = (6, 0);

/// The key of a question, in the place of which the probe's key stands.
const KEY: &str = "?";

/// Every command that the cache or its scripts send, in a form that changes nothing.
const NEEDED: &[&[&str]] = &[
    &["GET", KEY],
    &["MGET", KEY],
    &["GETRANGE", KEY, "0", "0"],
    &["SET", KEY, "", "PX", "1"],
    &["PTTL", KEY],
    &["PEXPIRE", KEY, "1"],
    &["PEXPIREAT", KEY, "1"],
    &["PERSIST", KEY],
    &["UNLINK", KEY],
    &["RENAME", KEY, KEY],
    &["TYPE", KEY],
    &["ZADD", KEY, "XX", "0", "0"],
    &["ZREM", KEY, "0"],
    &["ZSCORE", KEY, "0"],
    &["ZRANGE", KEY, "0", "0"],
    &["ZRANGEBYSCORE", KEY, "0", "0"],
    &["ZREMRANGEBYSCORE", KEY, "0", "0"],
    &["SCAN", "0", "MATCH", KEY, "COUNT", "1"],
    &[
        "EVALSHA",
        "0000000000000000000000000000000000000000",
        "1",
        KEY,
    ],
    &["TIME"],
    &["PING"],
];

/// What is missing of a server that does not tell which run of it this is.
pub(super) const BLIND: &str = "it does not tell by INFO when it was started, so data that came back from its disk are taken for up to date: allow INFO, or set REDIS_CACHE_CLEAR_AFTER=never";

/// Adds all of these to what a handshake asks.
pub(super) fn ask(questions: &mut Pipeline, probe_key: &str) {
    for needed in NEEDED {
        questions.cmd(needed[0]);
        for argument in &needed[1..] {
            questions.arg(if *argument == KEY {
                probe_key
            } else {
                argument
            });
        }
    }
}

/// What is missing, for the log: by what `INFO` says, what came of teaching the scripts, and the replies to
/// [`ask`]. Empty where nothing is.
pub(super) fn missing(info: &str, taught: &[Value], replies: &[Value], probe_key: &str) -> String {
    let missing = [
        older_than(MIN_VERSION, info),
        commands_missing(taught, replies),
        keys_missing(replies, probe_key),
    ];
    let missing: Vec<String> = missing.into_iter().flatten().collect();
    missing.join("; ")
}

/// What to say of a server that is older than this.
pub(super) fn older_than(min: (u32, u32), info: &str) -> Option<String> {
    let version = field(info, "redis_version")?;
    let mut numbers = version.split('.').map(str::parse);
    let (Some(Ok(major)), Some(Ok(minor))) = (numbers.next(), numbers.next()) else {
        return None;
    };
    let (min_major, min_minor) = min;
    let is_old = (major, minor) < min;
    is_old.then(|| format!("version {version} is older than {min_major}.{min_minor}"))
}

/// What the server does not know, or this user may not do: be taught scripts, or the rest.
fn commands_missing(taught: &[Value], replies: &[Value]) -> Option<String> {
    let is_missing = |reply: &Value| {
        matches!(
            ReplyError::of_reply(reply),
            Some(ReplyError::UnknownCommand | ReplyError::CommandForbidden)
        )
    };
    let scripts = taught.iter().any(is_missing).then_some("SCRIPT LOAD");
    let others = NEEDED.iter().zip(replies);
    let others = others.filter_map(|(needed, reply)| is_missing(reply).then_some(needed[0]));
    let names: Vec<&str> = scripts.into_iter().chain(others).collect();
    let all = format!(
        "this user may not do what the cache needs: {}",
        names.join(", ")
    );
    (!names.is_empty()).then_some(all)
}

/// What this user may not do it with.
fn keys_missing(replies: &[Value], probe_key: &str) -> Option<String> {
    let is_missing = |reply: &Value| ReplyError::of_reply(reply) == Some(ReplyError::KeyForbidden);
    replies
        .iter()
        .any(is_missing)
        .then(|| format!("this user may not use keys such as `{probe_key}`"))
}
