//! What a new connection is asked before anyone uses it: whether this is the kind of server that the settings speak
//! of, and, once in a run of a server, whether it can do what the cache needs.

use deadpool_redis::PoolError;
use deadpool_redis::redis::{Pipeline, RedisError, Value, cmd, from_redis_value_ref, pipe};

use super::capabilities;
use super::info::field;
use super::open::Shared;
use super::options::ConnectionOptions;
use super::role::{Role, Server};
use super::trust::{self, Origin};
use crate::store::redis::failure::Failure;
use crate::store::redis::reply_error::{ReplyError, is_broken};
use crate::store::redis::scripts;

pub(super) struct Handshake<'h> {
    pub(super) server: &'h Server,
    pub(super) options: &'h ConnectionOptions,
}

/// Tells one run of a server from the next, as `INFO` has it; where a failover counts as well, one time as master from
/// the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RunId(pub(super) String);

/// What a handshake has learned.
pub(super) struct News {
    /// Nothing where the server does not tell.
    pub(super) run_id: Option<RunId>,
    /// What is missing, for the log; empty where nothing is.
    pub(super) missing: String,
    /// How old what the server holds may be.
    pub(super) origin: Origin,
    /// It serves no entries of its own accord.
    pub(super) is_replica: bool,
}

/// What a server says of itself.
struct Who {
    server: String,
    run: Option<RunId>,
    is_replica: bool,
}

impl Handshake<'_> {
    /// Learns what there is to know of a server, and teaches it the scripts; nothing where this run of it is
    /// known already.
    ///
    /// # Errors
    ///
    /// If it is not what the settings say, or does not reply.
    pub(super) async fn perform(
        &self,
        connection: &mut Shared,
        known: Option<RunId>,
    ) -> Result<Option<News>, Failure> {
        if self.server.role == Role::Sentinel {
            self.greet_sentinel(connection).await?;
            return Ok(None);
        }
        if known.is_some() {
            let mut questions = pipe();
            ask_who(&mut questions);
            let replies = send(connection, &questions).await?;
            if self.check_who(&replies)?.run == known {
                return Ok(None);
            }
        }
        let mut questions = scripts::load_all();
        let scripts = questions.len();
        ask_who(&mut questions);
        questions.cmd("INFO").arg("persistence");
        questions.cmd("INFO").arg("keyspace");
        let all = questions.len();
        capabilities::ask(&mut questions, &self.options.probe_key);
        let replies = send(connection, &questions).await?;
        let (replies, abilities) = replies.split_at(all.min(replies.len()));
        let (taught, who) = replies.split_at(scripts.min(replies.len()));
        let (who, data) = who.split_at(WHO.min(who.len()));
        let who = self.check_who(who)?;
        let text = |place: usize| data.get(place).map(text).unwrap_or_default();
        let (persistence, databases) = (text(0), text(1));
        if trust::is_loading(&persistence) {
            // What it holds is known when it has all of it.
            return Err(Failure::Loading);
        }
        let (options, is_any_run) = (self.options, self.options.clear_after_failover);
        let is_blind = options.clear_after_restart && who.run.is_none();
        let blind = is_blind.then_some(capabilities::BLIND);
        let missing =
            capabilities::missing(&who.server, taught, abilities, &self.options.probe_key);
        let missing = blind
            .into_iter()
            .chain(Some(&*missing).filter(|missing| !missing.is_empty()));
        Ok(Some(News {
            missing: missing.collect::<Vec<_>>().join("; "),
            origin: Origin::of(&who.server, &persistence, &databases, is_any_run),
            is_replica: who.is_replica,
            run_id: who.run,
        }))
    }

    async fn greet_sentinel(&self, connection: &mut Shared) -> Result<(), Failure> {
        match connection
            .one(&cmd("PING"))
            .await
            .and_then(Value::extract_error)
        {
            Err(error) if is_unauthenticated(&error) => Err(unauthenticated(self.server, false)),
            Err(error) if is_broken(&error) => Err(not_connected(error)),
            _ => Ok(()),
        }
    }

    /// Whether the server is what the settings say; and what it says of itself.
    fn check_who(&self, replies: &[Value]) -> Result<Who, Failure> {
        let [info, replication, role] = replies else {
            return Ok(Who {
                server: String::new(),
                run: None,
                is_replica: false,
            });
        };
        for reply in [info, role] {
            match ReplyError::of_reply(reply) {
                Some(ReplyError::Unauthenticated) => {
                    return Err(unauthenticated(self.server, false));
                }
                Some(error) if error.condemns_server() => {
                    reply.clone().extract_error()?;
                }
                _ => {}
            }
        }
        let info = text(info);
        check_mode(self.server, &info)?;
        if self.server.role == Role::Master {
            check_master(self.server, role)?;
        }
        Ok(Who {
            run: run_id(&info, &text(replication), self.options),
            server: info,
            is_replica: is_replica(role),
        })
    }
}

/// So many questions [`ask_who`] asks.
const WHO: usize = 3;

fn ask_who(questions: &mut Pipeline) {
    questions.cmd("INFO").arg("server");
    questions.cmd("INFO").arg("replication");
    questions.cmd("ROLE");
}

/// The run that is under way now.
pub(super) async fn current_run(
    connection: &mut Shared,
    options: &ConnectionOptions,
) -> Result<Option<RunId>, Failure> {
    let mut questions = pipe();
    ask_who(&mut questions);
    let replies = send(connection, &questions).await?;
    let [info, replication, ..] = replies.as_slice() else {
        return Ok(None);
    };
    Ok(run_id(&text(info), &text(replication), options))
}

/// Empty where the reply is none.
fn text(reply: &Value) -> String {
    from_redis_value_ref(reply).unwrap_or_default()
}

pub(super) async fn send(
    connection: &mut Shared,
    questions: &Pipeline,
) -> Result<Vec<Value>, Failure> {
    connection.many(questions).await.map_err(not_connected)
}

/// A connection that ends as soon as it is made is none: so a server turns away who has no certificate.
fn not_connected(error: RedisError) -> Failure {
    if is_broken(&error) && !error.is_timeout() {
        Failure::Connect(PoolError::Backend(error))
    } else {
        error.into()
    }
}

pub(super) fn is_unauthenticated(error: &RedisError) -> bool {
    ReplyError::of(error) == Some(ReplyError::Unauthenticated)
}

/// `is_asked` says that the application gives its credentials for each connection.
pub(super) fn unauthenticated(server: &Server, is_asked: bool) -> Failure {
    let (password, name) = match server.role {
        Role::Sentinel => (
            "REDIS_CACHE_SENTINEL_PASSWORD",
            "REDIS_CACHE_SENTINEL_USERNAME",
        ),
        _ => ("REDIS_CACHE_PASSWORD", "REDIS_CACHE_USERNAME"),
    };
    let server = &server.name;
    let reason = if is_asked {
        format!("{server} does not accept the credentials that were given for this connection")
    } else {
        format!("{server} does not accept it, or not for this {name}")
    };
    Failure::config(password, reason)
}

fn run_id(info: &str, replication: &str, options: &ConnectionOptions) -> Option<RunId> {
    let run = field(info, "run_id")?;
    let history = field(replication, "master_replid").filter(|_| options.clear_after_failover);
    Some(RunId(match history {
        Some(history) => format!("{run} {history}"),
        None => run.to_owned(),
    }))
}

fn check_mode(server: &Server, info: &str) -> Result<(), Failure> {
    let mode = field(info, "redis_mode").or_else(|| field(info, "server_mode"));
    let name = &server.name;
    let (setting, reason) = match (server.role, mode) {
        (Role::Standalone, Some("cluster")) => (
            "REDIS_CACHE_CLUSTER_NODES",
            format!(
                "{name} is a node of a cluster: name some of its nodes here, in the place of REDIS_CACHE_HOST or REDIS_CACHE_URL"
            ),
        ),
        (Role::Standalone | Role::ClusterNode, Some("sentinel")) => (
            "REDIS_CACHE_SENTINELS",
            format!(
                "{name} is a sentinel: name it here, in the place of REDIS_CACHE_HOST, REDIS_CACHE_URL or REDIS_CACHE_CLUSTER_NODES"
            ),
        ),
        (Role::ClusterNode, Some("standalone")) => (
            "REDIS_CACHE_CLUSTER_NODES",
            format!(
                "{name} is not a node of a cluster: name a single server in REDIS_CACHE_HOST or REDIS_CACHE_URL instead"
            ),
        ),
        _ => return Ok(()),
    };
    Err(Failure::config(setting, reason))
}

/// The sentinels may be ahead of it, or behind.
fn check_master(server: &Server, role: &Value) -> Result<(), Failure> {
    if is_replica(role) {
        let reason = format!("they name {}, which is not a master", server.name);
        return Err(Failure::config("REDIS_CACHE_SENTINELS", reason));
    }
    Ok(())
}

fn is_replica(role: &Value) -> bool {
    matches!(role, Value::Array(fields) if !is_text(fields.first(), "master"))
}

fn is_text(value: Option<&Value>, text: &str) -> bool {
    value.is_some_and(|value| from_redis_value_ref::<String>(value).is_ok_and(|is| is == text))
}
