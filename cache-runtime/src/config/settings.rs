//! Every setting, stated once: its name, type, default, environment variable, and what it accepts and is for.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::value::Value;
use super::{CacheBuilder, ClearAfter, Secret};
use crate::error::CacheError;
use crate::store::{LONGEST_NEAR, can_share_slots};

/// One line of the table that the environment is read by.
pub(super) struct Setting {
    pub(super) field: &'static str,
    pub(super) variable: &'static str,
    accepts: &'static str,
    /// Takes the text of the variable, or nothing if it can't be read.
    set: fn(&mut Settings, &str) -> Option<()>,
    is_accepted: fn(&Settings) -> bool,
}

/// What follows from the list of settings below:
///
/// - the struct `Settings`, with documentation and the names that serde knows;
/// - its defaults, which the list writes as a variable would be written;
/// - the table `SETTINGS`;
/// - for each setting with `setter`, the method of [`CacheBuilder`], with an example of it.
macro_rules! settings {
    ($(
        $(#[$doc:meta])+
        $field:ident: $type:ty = $default:tt $($unit:ident)?, $variable:literal,
        accepts $accepts:literal $(if $is_accepted:expr)?
        $(, setter $setter:tt, example $($kind:ident)? $example:literal)?;
    )+) => {
        /// How to reach Redis, and how to use it.
        ///
        /// They come from the environment with [`Cache::from_env`](crate::Cache::from_env), from code with
        /// [`Cache::builder`](crate::Cache::builder), or from any file that serde can read. A file names a setting
        /// by its field or by its variable:
        ///
        /// ```
        /// let settings: cache_runtime::Settings =
        ///     serde_json::from_str(r#"{"host": "redis", "password": "secret", "response_timeout": 2.5}"#)?;
        /// assert_eq!(settings.port, 6379);
        /// # Ok::<(), serde_json::Error>(())
        /// ```
        #[derive(Clone, Debug, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        #[non_exhaustive]
        pub struct Settings {$(
            $(#[$doc])+
            #[doc = facts!($default $($unit)?, $variable, $accepts)]
            #[serde(alias = $variable, deserialize_with = "Value::from_file")]
            pub $field: $type,
        )+}

        impl Default for Settings {
            fn default() -> Self {
                Self {$(
                    $field: Value::from_text($default).expect("a default is a value that is accepted"),
                )+}
            }
        }

        pub(super) const SETTINGS: &[Setting] = &[$(
            Setting {
                field: stringify!($field),
                variable: $variable,
                accepts: $accepts,
                set: |settings, text| {
                    settings.$field = Value::from_text(text)?;
                    Some(())
                },
                is_accepted: |settings| {
                    let conditions: &[fn(&$type) -> bool] = &[$($is_accepted)?];
                    conditions.iter().all(|is_met| is_met(&settings.$field))
                },
            },
        )+];

        /// Settings, one by one.
        impl CacheBuilder {$(
            setter! {
                $(#[$doc])+
                #[doc = facts!($default $($unit)?, $variable, $accepts)]
                $(#[doc = example!($($kind)? $example)])?
                $field $($setter)?
            }
        )+}
    };
}

macro_rules! setter {
    ($(#[$doc:meta])+ $field:ident) => {};
    ($(#[$doc:meta])+ $field:ident { $(#[$gate:meta])? |$argument:ident: $given:ty| $value:expr }) => {
        $(#[$gate])?
        $(#[$doc])+
        pub fn $field(mut self, $argument: $given) -> Self {
            self.settings.$field = $value;
            self
        }
    };
}

/// What the documentation of a setter shows.
macro_rules! example {
    ($($kind:ident)? $example:literal) => {
        concat!(
            "\n\n```", $(stringify!($kind),)? "\n",
            "# use std::time::Duration;\n",
            "# use cache_runtime::{Cache, ClearAfter};\n",
            "let cache = Cache::builder().", $example, ".build()?;\n",
            "# Ok::<(), cache_runtime::CacheError>(())\n",
            "```",
        )
    };
}

/// The last paragraph of what a setting's documentation says.
macro_rules! facts {
    ("", $variable:literal, $accepts:literal) => {
        concat!("\n\nNot set by default. Environment variable `", $variable, "`: ", $accepts, ".")
    };
    ($default:literal $($unit:ident)?, $variable:literal, $accepts:literal) => {
        concat!(
            "\n\nDefault: `", $default, "`", $(" ", stringify!($unit),)?
            ". Environment variable `", $variable, "`: ", $accepts, ".",
        )
    };
}

settings! {
    /// Whether anything is cached. `false` makes a cache as [`Cache::off`](crate::Cache::off) does, whatever else is set:
    /// functions run, nothing is kept, and nothing connects. `true` alone does not choose a store: with no other variable,
    /// that is the in-process store.
    enabled: bool = "true", "REDIS_CACHE_ENABLED",
        accepts "true or false",
        setter { |enabled: bool| enabled },
        example "enabled(false)";

    /// Host name or IP address of the server.
    host: String = "localhost", "REDIS_CACHE_HOST",
        accepts "a host name or an IP address, without a port" if |host| is_host(host),
        setter { |host: impl Into<String>| host.into() },
        example r#"host("redis.example.org")"#;

    /// Port of the server.
    port: u16 = "6379", "REDIS_CACHE_PORT",
        accepts "a port, 1 to 65535" if |port| *port > 0,
        setter { |port: u16| port },
        example "port(6380)";

    /// User name, for a server with users of its own. It is sent together with the password.
    username: String = "", "REDIS_CACHE_USERNAME",
        accepts "text",
        setter { |username: impl Into<String>| username.into() },
        example r#"username("an-app").password("s3cret")"#;

    /// Password of the user, or of the server.
    password: Secret = "", "REDIS_CACHE_PASSWORD",
        accepts "text",
        setter { |password: impl Into<Secret>| password.into() },
        example r#"password("s3cret")"#;

    /// File with the password in it, in the place of the password, as Docker and Kubernetes mount secrets. It is read when
    /// the cache is made, and the end of its line is cut off.
    password_file: Option<PathBuf> = "", "REDIS_CACHE_PASSWORD_FILE",
        accepts "a file with the password in it, as UTF-8 text",
        setter { |file: impl Into<PathBuf>| Some(file.into()) },
        example no_run r#"password_file("/run/secrets/redis")"#;

    /// Number of the database.
    db: i64 = "0", "REDIS_CACHE_DB",
        accepts "the number of a database, such as 0" if |db| *db >= 0,
        setter { |db: i64| db },
        example "db(1)";

    /// Host, port, user name, password and database at once, such as `redis://user:password@host:6379/0`. It takes
    /// the place of those five.
    url: Option<Secret> = "", "REDIS_CACHE_URL",
        accepts "a URL such as redis://user:password@host:6379/0, rediss://… for TLS, or redis+unix:///path/to/socket?db=0",
        setter { |url: impl Into<Secret>| Some(url.into()) },
        example r#"url("redis://an-app:s3cret@redis.example.org:6379/0")"#;

    /// Some nodes of a Redis Cluster, in the place of host and port. They know the other nodes.
    cluster_nodes: Vec<String> = "", "REDIS_CACHE_CLUSTER_NODES",
        accepts "addresses such as one:6379,two:6379",
        setter { |nodes: impl IntoIterator<Item = impl Into<String>>| nodes.into_iter().map(Into::into).collect() },
        example r#"cluster_nodes(["one:6379", "two:6379"])"#;

    /// Sentinels that know which server is the master, in the place of host and port.
    sentinels: Vec<String> = "", "REDIS_CACHE_SENTINELS",
        accepts "addresses such as one:26379,two:26379,three:26379";

    /// Name that the sentinels have for the master.
    sentinel_master: String = "", "REDIS_CACHE_SENTINEL_MASTER",
        accepts "the name that the sentinels have for the master";

    /// User name for the sentinels themselves. It is sent together with their password.
    sentinel_username: String = "", "REDIS_CACHE_SENTINEL_USERNAME",
        accepts "text",
        setter { |username: impl Into<String>| username.into() },
        example r#"sentinels(["one:26379"], "mymaster").sentinel_username("an-app").sentinel_password("s3cret")"#;

    /// Password for the sentinels themselves.
    sentinel_password: Secret = "", "REDIS_CACHE_SENTINEL_PASSWORD",
        accepts "text",
        setter { |password: impl Into<Secret>| password.into() },
        example r#"sentinels(["one:26379"], "mymaster").sentinel_password("s3cret")"#;

    /// Whether all connections are encrypted, as they are with a URL that begins with `rediss://`. The server's
    /// certificate and its name are checked. Takes the feature `tls`.
    tls: bool = "false", "REDIS_CACHE_TLS",
        accepts "true or false",
        setter { #[cfg(feature = "tls")] |tls: bool| tls },
        example r#"host("redis.example.org").tls(true)"#;

    /// PEM file of certificates to trust, in the place of those of the system: one of them has to stand behind the
    /// server's.
    tls_ca: Option<PathBuf> = "", "REDIS_CACHE_TLS_CA",
        accepts "a file of certificates in PEM, with lines that say BEGIN CERTIFICATE",
        setter { #[cfg(feature = "tls")] |file: impl Into<PathBuf>| Some(file.into()) },
        example no_run r#"host("redis.example.org").tls(true).tls_ca("/etc/ssl/redis.pem")"#;

    /// PEM file of the client's own certificate.
    tls_cert: Option<PathBuf> = "", "REDIS_CACHE_TLS_CERT",
        accepts "a file of certificates in PEM, with lines that say BEGIN CERTIFICATE";

    /// PEM file of the key to the client's own certificate.
    tls_key: Option<PathBuf> = "", "REDIS_CACHE_TLS_KEY",
        accepts "a file with a key in PEM, with a line that says BEGIN PRIVATE KEY";

    /// Text in front of every key, with a colon behind it.
    namespace: String = "", "REDIS_CACHE_NAMESPACE",
        accepts "text in which a `{` has text and a `}` behind it, since they choose the hash slot of all keys"
            if |namespace| can_share_slots(namespace),
        setter { |namespace: impl Into<String>| namespace.into() },
        example r#"namespace("blog")"#;

    /// Size of the connection pool of each server. Cached calls share one of its connections; the others are for
    /// [`Cache::connection`](crate::Cache::connection).
    max_connections: usize = "20", "REDIS_CACHE_MAX_CONNECTIONS",
        accepts "a number from 1 to 65535" if |connections| (1..=65_535).contains(connections),
        setter { |connections: usize| connections },
        example "max_connections(50)";

    /// The longest that a call waits for one cache operation, including connecting and a retry. Where Redis takes
    /// longer, the call continues without the cache.
    deadline: Duration = "0.1" seconds, "REDIS_CACHE_DEADLINE",
        accepts "seconds above 0 and up to 86400, which is a day" if |time| is_in_a_day(*time),
        setter { |deadline: Duration| deadline },
        example "deadline(Duration::from_millis(50))";

    /// Shortens each TTL by a random fraction up to this value, so that entries do not all expire together.
    jitter: f64 = "0.1", "REDIS_CACHE_JITTER",
        accepts "a number from 0 to 1" if |jitter| (0.0..=1.0).contains(jitter),
        setter { |jitter: f64| jitter },
        example "jitter(0.0)";

    /// The longest that [`Cache::connection`](crate::Cache::connection) takes, and that each command on its
    /// connection waits for the reply.
    response_timeout: Duration = "5" seconds, "REDIS_CACHE_SOCKET_TIMEOUT",
        accepts "seconds above 0 and up to 86400, which is a day" if |time| is_in_a_day(*time),
        setter { |timeout: Duration| timeout },
        example "response_timeout(Duration::from_secs(2))";

    /// The longest that connecting takes where no call waits for it.
    connect_timeout: Duration = "5" seconds, "REDIS_CACHE_SOCKET_CONNECT_TIMEOUT",
        accepts "seconds above 0 and up to 86400, which is a day" if |time| is_in_a_day(*time),
        setter { |timeout: Duration| timeout },
        example "connect_timeout(Duration::from_secs(2))";

    /// Whether TCP probes idle connections, after the health check interval.
    socket_keepalive: bool = "true", "REDIS_CACHE_SOCKET_KEEPALIVE",
        accepts "true or false",
        setter { |keepalive: bool| keepalive },
        example "socket_keepalive(false)";

    /// How long the shared connection is used before a `PING` precedes the next command.
    health_check_interval: Duration = "30" seconds, "REDIS_CACHE_HEALTH_CHECK_INTERVAL",
        accepts "seconds above 0 and up to 86400, which is a day" if |time| is_in_a_day(*time),
        setter { |interval: Duration| interval },
        example "health_check_interval(Duration::from_secs(60))";

    /// Whether a command whose connection broke is sent once more. A command that times out never is.
    retry_on_disconnect: bool = "true", "REDIS_CACHE_RETRY_ON_TIMEOUT",
        accepts "true or false",
        setter { |retry: bool| retry },
        example "retry_on_disconnect(false)";

    /// Whether a write announces itself before it runs. If its process then dies before it can invalidate, what the
    /// write made stale is gone within half a minute. `false` saves each write one round trip.
    fences: bool = "true", "REDIS_CACHE_FENCES",
        accepts "true or false",
        setter { |fences: bool| fences },
        example "fences(false)";

    /// Whether the spans and events of single calls (crate `tracing`, at `DEBUG`) have the names of keys, tags and
    /// patterns in `cache.key`. They hold what the functions' parameters are, but for what is hashed.
    trace_keys: bool = "false", "REDIS_CACHE_TRACE_KEYS",
        accepts "true or false",
        setter { |trace_keys: bool| trace_keys },
        example "trace_keys(true)";

    /// The largest value that is stored, as JSON. What is larger is returned and not stored, and the log says so.
    max_value_size: usize = "1048576" bytes, "REDIS_CACHE_MAX_VALUE_SIZE",
        accepts "a number of bytes above 0" if |bytes| *bytes > 0,
        setter { |bytes: usize| bytes },
        example "max_value_size(64 * 1024)";

    /// How long a copy of an entry may be served from the memory of this process after a write has begun to remove it, for
    /// functions without a `near` of their own. So long does such a write wait before it returns, in each process of the
    /// namespace: what is served from memory is never older than the last write that has returned. Zero asks Redis each time
    /// whether the copy is still right, without its body. At most the deadline, and a second.
    near: Option<Duration> = "", "REDIS_CACHE_NEAR",
        accepts "seconds from 0 to 1, such as 0.01" if |near| near.is_none_or(|near| near <= LONGEST_NEAR),
        setter { |bound: Duration| Some(bound) },
        example "near(Duration::from_millis(10))";

    /// The most that copies in memory take, their keys and what is known of them included.
    near_bytes: usize = "67108864" bytes, "REDIS_CACHE_NEAR_BYTES",
        accepts "a number of bytes above 0" if |bytes| *bytes > 0,
        setter { |bytes: usize| bytes },
        example "near(Duration::from_millis(10)).near_bytes(16 * 1024 * 1024)";

    /// How many hits are verified, of one, of the functions that have the argument `verify`, in the place of what it says: the
    /// function runs as well, in the background, and what it returns is compared with what was served. Zero verifies none,
    /// in any function. Functions without the argument never are.
    verify: Option<f64> = "", "REDIS_CACHE_VERIFY",
        accepts "a number from 0 to 1, such as 0.001" if |rate| rate.is_none_or(|rate| (0.0..=1.0).contains(&rate)),
        setter { |rate: f64| Some(rate) },
        example "verify(0.001)";

    /// After what the entries of a server are cleared before any is served: a restart that has loaded data from a disk,
    /// a failover as well, or never. What is cleared is the namespace; without one, a server that came back from a disk
    /// is bypassed until what it had loaded has expired.
    clear_after: ClearAfter = "restart", "REDIS_CACHE_CLEAR_AFTER",
        accepts "restart, failover or never",
        setter { |event: ClearAfter| event },
        example r#"namespace("blog").clear_after(ClearAfter::Failover)"#;
}

impl Setting {
    /// Takes the text of the variable.
    pub(super) fn read(&self, settings: &mut Settings, text: &str) -> Result<(), CacheError> {
        (self.set)(settings, text).ok_or_else(|| self.refused())
    }

    fn refused(&self) -> CacheError {
        CacheError::config(self.variable, format_args!("must be {}", self.accepts))
    }
}

impl Settings {
    /// Whether each value is accepted, wherever it comes from.
    pub(super) fn check_values(&self) -> Result<(), CacheError> {
        let refused = SETTINGS.iter().find(|setting| !(setting.is_accepted)(self));
        refused.map_or(Ok(()), |setting| Err(setting.refused()))
    }
}

/// The error that says what a variable accepts.
pub(super) fn refused(variable: &'static str) -> CacheError {
    let setting = SETTINGS.iter().find(|setting| setting.variable == variable);
    setting.expect("every variable is in the table").refused()
}

/// An IPv6 address has two colons at least; one colon stands before a port.
fn is_host(host: &str) -> bool {
    let is_foreign = |char: char| char.is_whitespace() || "/@[]".contains(char);
    !host.is_empty() && !host.contains(is_foreign) && host.matches(':').count() != 1
}

/// The longest time leaves room for sums and multiples of it.
fn is_in_a_day(time: Duration) -> bool {
    !time.is_zero() && time <= Duration::from_secs(86_400)
}
