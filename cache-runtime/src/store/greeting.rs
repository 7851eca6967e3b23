//! What a new connection is asked before anyone uses it, in one round trip: whether this is the kind of
//! server that the settings speak of, and whether it can do what the cache needs.

use std::sync::{Mutex, PoisonError};

use deadpool_redis::PoolError;
use deadpool_redis::redis::aio::{ConnectionLike as _, MultiplexedConnection};
use deadpool_redis::redis::{
    ErrorKind, RedisError, ServerError, ServerErrorKind, Value, cmd, from_redis_value_ref,
};

use super::lane::{Lane, Role};
use super::scripts;
use crate::error::CacheError;
use crate::health::{is_broken, is_out_of_order};

/// The oldest Redis that has all that the cache needs.
const LEAST_VERSION: (u32, u32) = (6, 0);

/// Every command that the cache or its scripts send, in a form that changes nothing, about the key `?`.
const NEEDED: &[&[&str]] = &[
    &["GET", "?"],
    &["MGET", "?"],
    &["GETRANGE", "?", "0", "0"],
    &["SET", "?", "", "PX", "1"],
    &["PTTL", "?"],
    &["PEXPIRE", "?", "1"],
    &["PEXPIREAT", "?", "1"],
    &["PERSIST", "?"],
    &["UNLINK", "?"],
    &["RENAME", "?", "?"],
    &["TYPE", "?"],
    &["ZADD", "?", "XX", "0", "0"],
    &["ZREM", "?", "0"],
    &["ZSCORE", "?", "0"],
    &["ZRANGE", "?", "0", "0"],
    &["ZRANGEBYSCORE", "?", "0", "0"],
    &["ZREMRANGEBYSCORE", "?", "0", "0"],
    &["SCAN", "0", "MATCH", "?", "COUNT", "1"],
    &[
        "EVALSHA",
        "0000000000000000000000000000000000000000",
        "1",
        "?",
    ],
    &["TIME"],
    &["PING"],
];

/// What the log was told last, which it is not told again.
#[derive(Debug, Default)]
pub(super) struct Complaint(Mutex<String>);

/// Learns what there is to know of a server, and teaches it the scripts.
///
/// # Errors
///
/// If it is not what the settings say, or does not answer.
pub(super) async fn greet(
    lane: &Lane,
    connection: &mut MultiplexedConnection,
) -> Result<(), CacheError> {
    let (server, role) = (lane.server(), lane.role());
    if role == Role::Sentinel {
        let pong = cmd("PING").query_async::<Value>(connection).await;
        return match pong {
            Err(error) if is_unknown_user(&error) => Err(unknown_user(server, role)),
            Err(error) if is_broken(&error) => Err(not_connected(error)),
            _ => Ok(()),
        };
    }
    let mut questions = scripts::load_all();
    let taught = questions.len();
    questions.cmd("INFO").arg("server");
    questions.cmd("ROLE");
    for needed in NEEDED {
        questions.cmd(needed[0]);
        for argument in &needed[1..] {
            let is_key = *argument == "?";
            questions.arg(if is_key { lane.probe_key() } else { argument });
        }
    }
    let answers = connection
        .req_packed_commands(&questions, 0, questions.len())
        .await
        .map_err(not_connected)?;
    let (learned, answers) = answers.split_at(taught.min(answers.len()));
    let [about, role_of, can @ ..] = answers else {
        return Ok(());
    };
    for error in [about, role_of].into_iter().filter_map(error_of) {
        let error = RedisError::from(error.clone());
        if is_unknown_user(&error) {
            return Err(unknown_user(server, role));
        }
        if is_out_of_order(&error) {
            return Err(error.into());
        }
    }
    let about: String = from_redis_value_ref(about).unwrap_or_default();
    check_mode(server, role, &about)?;
    if role == Role::Master {
        check_master(server, role_of)?;
    }
    let lacks = [
        too_old(&about),
        commands_missing(learned, can),
        keys_missing(can, lane.probe_key()),
    ];
    let lacks: Vec<String> = lacks.into_iter().flatten().collect();
    lane.complaint().tell(server, &lacks.join("; "));
    Ok(())
}

/// ForwardReason the pool could not connect; what the settings have to do with it, where that is known.
pub(super) fn refused(lane: &Lane, error: PoolError) -> CacheError {
    match error {
        PoolError::Backend(error) if is_unknown_user(&error) => {
            unknown_user(lane.server(), lane.role())
        }
        error => CacheError::Pool(error),
    }
}

/// A connection that ends as soon as it is made is none: so a server turns away who has no certificate.
fn not_connected(error: RedisError) -> CacheError {
    if is_broken(&error) && !error.is_timeout() {
        CacheError::Pool(PoolError::Backend(error))
    } else {
        error.into()
    }
}

fn is_unknown_user(error: &RedisError) -> bool {
    error.kind() == ErrorKind::AuthenticationFailed
        || matches!(error.code(), Some("NOAUTH" | "WRONGPASS"))
}

fn unknown_user(server: &str, role: Role) -> CacheError {
    let (password, name) = match role {
        Role::Sentinel => (
            "REDIS_CACHE_SENTINEL_PASSWORD",
            "REDIS_CACHE_SENTINEL_USERNAME",
        ),
        _ => ("REDIS_CACHE_PASSWORD", "REDIS_CACHE_USERNAME"),
    };
    let reason = format!("{server} does not accept it, or not for this {name}");
    CacheError::config(password, reason)
}

/// A field of what `INFO` says.
pub(super) fn field<'a>(about: &'a str, name: &str) -> Option<&'a str> {
    about
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
}

fn check_mode(server: &str, role: Role, about: &str) -> Result<(), CacheError> {
    let mode = field(about, "redis_mode").or_else(|| field(about, "server_mode"));
    let (setting, reason) = match (role, mode) {
        (Role::Alone, Some("cluster")) => (
            "REDIS_CACHE_CLUSTER_NODES",
            format!(
                "{server} is a node of a cluster: name some of its nodes here, in the place of REDIS_CACHE_HOST or REDIS_CACHE_URL"
            ),
        ),
        (Role::Alone | Role::Node, Some("sentinel")) => (
            "REDIS_CACHE_SENTINELS",
            format!(
                "{server} is a sentinel: name it here, in the place of REDIS_CACHE_HOST, REDIS_CACHE_URL or REDIS_CACHE_CLUSTER_NODES"
            ),
        ),
        (Role::Node, Some("standalone")) => (
            "REDIS_CACHE_CLUSTER_NODES",
            format!(
                "{server} is not a node of a cluster: name a single server in REDIS_CACHE_HOST or REDIS_CACHE_URL instead"
            ),
        ),
        _ => return Ok(()),
    };
    Err(CacheError::config(setting, reason))
}

/// The sentinels may be ahead of it, or behind.
fn check_master(server: &str, role: &Value) -> Result<(), CacheError> {
    let is_replica = matches!(role, Value::Array(facts) if !is_text(facts.first(), "master"));
    if is_replica {
        let reason = format!("they name {server}, which is not a master");
        return Err(CacheError::config("REDIS_CACHE_SENTINELS", reason));
    }
    Ok(())
}

fn is_text(value: Option<&Value>, text: &str) -> bool {
    value.is_some_and(|value| from_redis_value_ref::<String>(value).is_ok_and(|is| is == text))
}

fn too_old(about: &str) -> Option<String> {
    let version = field(about, "redis_version")?;
    let mut numbers = version.split('.').map(str::parse);
    let (Some(Ok(major)), Some(Ok(minor))) = (numbers.next(), numbers.next()) else {
        return None;
    };
    let (least_major, least_minor) = LEAST_VERSION;
    let is_old = (major, minor) < LEAST_VERSION;
    is_old.then(|| format!("version {version} is older than {least_major}.{least_minor}"))
}

/// What the server does not know, or this user may not do: be taught scripts, or the rest.
fn commands_missing(learned: &[Value], can: &[Value]) -> Option<String> {
    let is_missing = |answer: &Value| {
        error_of(answer).is_some_and(|error| {
            let is_unknown = says(error, "unknown command");
            is_unknown || error.kind() == Some(ServerErrorKind::NoPerm) && !is_about_keys(error)
        })
    };
    let scripts = learned.iter().any(is_missing).then_some("SCRIPT LOAD");
    let others = NEEDED.iter().zip(can);
    let others = others.filter_map(|(needed, answer)| is_missing(answer).then_some(needed[0]));
    let names: Vec<&str> = scripts.into_iter().chain(others).collect();
    let all = format!(
        "this user may not do what the cache needs: {}",
        names.join(", ")
    );
    (!names.is_empty()).then_some(all)
}

/// What this user may not do it with.
fn keys_missing(can: &[Value], key: &str) -> Option<String> {
    let is_missing = can.iter().filter_map(error_of).any(is_about_keys);
    is_missing.then(|| format!("this user may not use keys such as `{key}`"))
}

fn is_about_keys(error: &ServerError) -> bool {
    error.kind() == Some(ServerErrorKind::NoPerm) && says(error, "access") && says(error, "key")
}

fn says(error: &ServerError, text: &str) -> bool {
    error
        .details()
        .is_some_and(|details| details.contains(text))
}

fn error_of(answer: &Value) -> Option<&ServerError> {
    match answer {
        Value::ServerError(error) => Some(error),
        _ => None,
    }
}

impl Complaint {
    fn tell(&self, server: &str, lacks: &str) {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if *last != lacks {
            lacks.clone_into(&mut last);
            if !lacks.is_empty() {
                tracing::warn!(
                    server,
                    "the cache will not work well with this server: {lacks}"
                );
            }
        }
    }
}
