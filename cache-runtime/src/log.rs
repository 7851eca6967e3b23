//! Every event and span that the library writes to the log. The target is `cache_runtime`, messages are constant, and what
//! differs stands in fields; none holds a password, a key's value or a stored value. The names of what a write could
//! not remove are the exception, and those of single calls where a setting asks for them: a secret is in them by its hash
//! alone.

use std::error::Error;
use std::fmt;
use std::iter::successors;
use std::panic::Location;
use std::time::Duration;

use tracing::field::Empty;
use tracing::instrument::{Instrument as _, Instrumented};
use tracing::level_filters::LevelFilter;
use tracing::{Level, Span};

const TARGET: &str = "cache_runtime";

/// The setting to look at.
const CLUSTER_NODES: &str = "REDIS_CACHE_CLUSTER_NODES";

/// A cache has been made.
pub(crate) fn cache_made(store: &str) {
    tracing::info!(target: TARGET, store, "cache is ready");
}

/// A cache has been made that keeps nothing.
pub(crate) fn cache_off() {
    tracing::info!(target: TARGET, "cache is off: functions run, and nothing is kept");
}

/// A call may wait for Redis for longer than anybody means it to.
pub(crate) fn deadline_long(deadline: Duration) {
    tracing::warn!(
        target: TARGET,
        setting = "REDIS_CACHE_DEADLINE",
        ?deadline,
        "the deadline is longer than 10 seconds, and a call waits so long for a Redis that hangs: it is in seconds, so 0.1 is 100 milliseconds"
    );
}

/// Somebody has removed something at the page of `Cache::admin`.
#[cfg(feature = "admin")]
pub(crate) fn removed_by_hand(kind: &'static str, name: Option<&str>, is_removed: bool) {
    let outcome = if is_removed { "removed" } else { "queued" };
    tracing::info!(target: TARGET, kind, name, outcome, "entries removed at the admin page");
}

/// Variables that describe a service, and come from Kubernetes or a container link, are no settings.
pub(crate) fn service_links_ignored(variables: &str) {
    tracing::info!(
        target: TARGET,
        variables,
        "environment variables of a service link ignored"
    );
}

/// A variable is misspelt, or for another version. `store` is what is used where no other variable is set.
pub(crate) fn unknown_variable_ignored(
    variable: &str,
    did_you_mean: Option<&str>,
    store: Option<&str>,
) {
    tracing::warn!(
        target: TARGET,
        variable,
        did_you_mean,
        store,
        "unknown environment variable ignored"
    );
}

/// A cached function is called, and there is no cache for it.
pub(crate) fn no_cache_installed(function: &str) {
    tracing::warn!(
        target: TARGET,
        function,
        "no cache is installed, and no layer is around this call, so the function runs uncached: call `Cache::install`, or put `cache.layer()` around all that calls it, middleware too"
    );
}

/// A write has no cache, and there is not exactly one that it could use.
pub(crate) fn invalidations_lost(
    caches: usize,
    keys: &[String],
    tags: &[String],
    patterns: &[String],
) {
    tracing::error!(
        target: TARGET,
        caches,
        ?keys,
        ?tags,
        ?patterns,
        "no cache is installed, and no layer is around this call, so a write removed nothing: call `Cache::install`, put `cache.layer()` around all that calls it, or give the function a cache by `cache = …`"
    );
}

/// A function was to refresh an entry in the background, and did not come to an end.
pub(crate) fn refresh_abandoned(after: Duration) {
    tracing::debug!(target: TARGET, ?after, "background refresh abandoned");
}

/// A detached load did not come to an end, and its caller has gone.
pub(crate) fn load_abandoned(function: &str, after: Duration) {
    tracing::debug!(target: TARGET, function, ?after, "detached load abandoned");
}

/// A detached load has failed, and its caller, who would have been told, has gone. Where it is no news it is told at DEBUG.
pub(crate) fn detached_failed(
    function: &str,
    error: Option<&str>,
    status: Option<u16>,
    is_news: bool,
) {
    if is_news {
        tracing::warn!(
            target: TARGET,
            function,
            error,
            status,
            "a detached load failed when its caller had gone"
        );
    } else {
        tracing::debug!(
            target: TARGET,
            function,
            error,
            status,
            "a detached load failed when its caller had gone"
        );
    }
}

/// The future in the span that the caller of this is in.
pub(crate) fn in_current_span<F: Future>(future: F) -> Instrumented<F> {
    future.in_current_span()
}

/// A value is larger than what is stored.
pub(crate) fn value_too_large(bytes: usize, limit: usize) {
    tracing::warn!(
        target: TARGET,
        setting = "REDIS_CACHE_MAX_VALUE_SIZE",
        bytes,
        limit,
        "value is too large and is not stored"
    );
}

/// An operation failed, and the call goes on without it. Failures that are no news are told at DEBUG.
pub(crate) fn operation_failed(operation: &'static str, error: &dyn Error, is_news: bool) {
    let error = Chain(error);
    if is_news {
        tracing::warn!(target: TARGET, operation, %error, "cache operation failed");
    } else {
        tracing::debug!(target: TARGET, operation, %error, "cache operation failed");
    }
}

/// What is stored is not what a function's value, of this type, is read from: it is loaded anew, and repaired. Where it
/// is no news it is told at DEBUG.
pub(crate) fn entry_undecodable(
    function: &str,
    value: &str,
    error: &serde_json::Error,
    is_news: bool,
) {
    let error = Undecodable(error);
    if is_news {
        tracing::warn!(
            target: TARGET,
            function,
            value,
            %error,
            "stored JSON is not what the function returns, and is loaded anew"
        );
    } else {
        tracing::debug!(
            target: TARGET,
            function,
            value,
            %error,
            "stored JSON is not what the function returns, and is loaded anew"
        );
    }
}

/// What is stored for a function's value is not all of it. `field` is empty where nothing of it is.
pub(crate) fn not_read_back(function: &str, field: &str) {
    tracing::warn!(
        target: TARGET,
        function,
        field,
        "a hit is not what the miss was: JSON does not bring back what the function returned"
    );
}

/// What is stored for a function's value can't be read.
pub(crate) fn never_read_back(function: &str, error: &serde_json::Error) {
    let error = Undecodable(error);
    tracing::warn!(
        target: TARGET,
        function,
        %error,
        "there is never a hit: what the function returns can't be read back from its JSON"
    );
}

/// Two functions use one key. Where their values are of one type, that is named once.
pub(crate) fn readers_meet(function: &str, other: &str, value: &str, other_value: Option<&str>) {
    tracing::warn!(
        target: TARGET,
        function,
        other,
        value,
        other_value,
        "two functions read one key, and each is served what the other has stored"
    );
}

/// A function was called in a request that writes, and may be its handler.
pub(crate) fn taken_for_handler(function: &str) {
    tracing::warn!(
        target: TARGET,
        function,
        "a function that may be the handler of a request that writes was run, and its entry removed: if it is a helper, which reads whatever the request is, say `method = \"GET\"`"
    );
}

/// An error that becomes a response has no status for the cache.
pub(crate) fn status_unsaid(function: &str, error: &str) {
    tracing::warn!(
        target: TARGET,
        function,
        error,
        "an error told no status, so the write is in doubt, and what it names is cached for no longer than half a minute: implement `HttpStatus` for it"
    );
}

/// One function uses one key for two types.
pub(crate) fn instances_meet(function: &str, value: &str, other_value: &str) {
    tracing::warn!(
        target: TARGET,
        function,
        value,
        other_value,
        "a generic function reads one key for two types, and each is served what the other has stored: add `{{T}}` or `{{Self}}` to the key"
    );
}

/// A write names a key, a tag or a pattern that nobody in this process stores.
pub(crate) fn never_stored(kind: &str, template: &str, place: &Location<'_>) {
    tracing::warn!(
        target: TARGET,
        kind,
        template,
        %place,
        "a write names what no function of this process has stored"
    );
}

/// What a function returned has a list of so many bytes in it.
pub(crate) fn bytes_as_json(function: &str, bytes: usize) {
    tracing::warn!(
        target: TARGET,
        function,
        bytes,
        "bytes are a list of numbers in JSON, about 3.6 times as large: return them as base64 text, or return where they are kept"
    );
}

/// A function has failed, and its caller got an older value of this type. Where it is no news it is told at DEBUG.
pub(crate) fn error_hidden(value: &str, error: Option<&str>, status: Option<u16>, is_news: bool) {
    if is_news {
        tracing::warn!(
            target: TARGET,
            value,
            error,
            status,
            "a function failed, and an older value was served"
        );
    } else {
        tracing::debug!(
            target: TARGET,
            value,
            error,
            status,
            "a function failed, and an older value was served"
        );
    }
}

/// As many loads of a function run as may, and more wait than could run in time.
pub(crate) fn loads_shed(function: &str) {
    tracing::warn!(
        target: TARGET,
        function,
        "more loads wait than `max_loads` lets run in time: an older value is served, or the function runs beyond the limit"
    );
}

/// What a function returned is not what is stored, and no write explains that. `field` is where it differs first, and empty
/// where it does as a whole. Where it is no news it is told at DEBUG.
pub(crate) fn entry_differs(function: &str, field: &str, is_news: bool) {
    if is_news {
        tracing::warn!(
            target: TARGET,
            function,
            field,
            "an entry was wrong, and no write explains it: it was repaired"
        );
    } else {
        tracing::debug!(
            target: TARGET,
            function,
            field,
            "an entry was wrong, and no write explains it: it was repaired"
        );
    }
}

/// A server is not asked any more, until a probe gets a reply.
pub(crate) fn server_unavailable(server: &str, error: &dyn Error) {
    let error = Chain(error);
    tracing::warn!(target: TARGET, server, %error, "Redis is unavailable, and calls run uncached");
}

/// The server replies again.
pub(crate) fn server_available(server: &str, lasted: Duration) {
    tracing::info!(target: TARGET, server, ?lasted, "Redis is available again");
}

/// A node of a cluster is not asked any more, until a probe gets a reply.
pub(crate) fn node_unavailable(server: &str, error: &dyn Error) {
    let error = Chain(error);
    tracing::warn!(
        target: TARGET,
        server,
        %error,
        "cluster node is unavailable, and calls for its slots run uncached"
    );
}

/// The node replies again.
pub(crate) fn node_available(server: &str, lasted: Duration) {
    tracing::info!(target: TARGET, server, ?lasted, "cluster node is available again");
}

/// Nobody could say which server has what.
pub(crate) fn discovery_failed(error: &dyn Error) {
    let error = Chain(error);
    tracing::warn!(target: TARGET, %error, "Redis can't be discovered, and calls run uncached");
}

/// Somebody could say again which server has what.
pub(crate) fn discovery_succeeded(lasted: Duration) {
    tracing::info!(target: TARGET, ?lasted, "Redis is discovered again");
}

/// The cluster says that it is down: its nodes take no commands.
pub(crate) fn cluster_down() {
    tracing::warn!(
        target: TARGET,
        setting = CLUSTER_NODES,
        "cluster is down, and calls run uncached"
    );
}

/// Some slots of the cluster are served by nobody.
pub(crate) fn slots_unserved(served: usize, slots: usize) {
    tracing::warn!(
        target: TARGET,
        setting = CLUSTER_NODES,
        served,
        slots,
        "cluster does not serve all slots, and calls for the others run uncached"
    );
}

/// Addresses lead to another cluster by now.
pub(crate) fn nodes_of_another_cluster(servers: &str) {
    tracing::warn!(
        target: TARGET,
        setting = CLUSTER_NODES,
        servers,
        "nodes of another cluster have replied, and are not believed"
    );
}

/// No node of the cluster is left, and most of the nodes that the settings name belong to another.
pub(crate) fn cluster_replaced() {
    tracing::warn!(
        target: TARGET,
        setting = CLUSTER_NODES,
        "cluster was replaced by another, which most of the named nodes belong to"
    );
}

/// All slots are served again, by nodes that take commands.
pub(crate) fn cluster_whole(lasted: Duration) {
    tracing::info!(target: TARGET, ?lasted, "cluster is whole again");
}

/// A server lacks what the cache needs, or this user may not use it.
pub(crate) fn capabilities_missing(server: &str, missing: &str) {
    tracing::warn!(target: TARGET, missing, server, "Redis lacks what the cache needs");
}

/// Nothing is missing any more.
pub(crate) fn capabilities_complete(server: &str) {
    tracing::info!(target: TARGET, server, "Redis has all that the cache needs");
}

/// A function allows copies in memory, and for longer than can be.
pub(crate) fn near_too_long(near: Duration, longest: Duration) {
    tracing::error!(
        target: TARGET,
        ?near,
        ?longest,
        "`near` of a cached function is longer than the deadline or a second: it reads from Redis each time"
    );
}

/// A server can't tell what changes, so nothing is kept in memory.
pub(crate) fn not_tracked(server: &str, reason: &str) {
    tracing::warn!(
        target: TARGET,
        reason,
        server,
        "Redis can't tell what changes, so `near` has no effect: entries are read from Redis each time"
    );
}

/// It can now.
pub(crate) fn tracked(server: &str) {
    tracing::info!(target: TARGET, server, "Redis tells what changes, and `near` has an effect");
}

/// A server holds entries that are older than its start, or than its promotion: they are removed before any is served.
pub(crate) fn clearing(server: &str) {
    tracing::warn!(
        target: TARGET,
        server,
        "Redis came back with data that may be out of date, and calls run uncached until the namespace is cleared"
    );
}

/// They are gone.
pub(crate) fn cleared(server: &str, removed: u64, lasted: Duration) {
    tracing::info!(target: TARGET, server, removed, ?lasted, "data that may be out of date were cleared");
}

/// The same, where the cache can't tell its own keys from others.
pub(crate) fn outdated_without_namespace(server: &str) {
    tracing::warn!(
        target: TARGET,
        server,
        setting = "REDIS_CACHE_NAMESPACE",
        "Redis came back with data that may be out of date, and calls run uncached until these have expired: with a namespace they could be cleared"
    );
}

/// They have expired.
pub(crate) fn outdated_expired(server: &str, lasted: Duration) {
    tracing::info!(target: TARGET, server, ?lasted, "data that may be out of date have expired");
}

/// Invalidations could not be sent. Why, another event tells.
pub(crate) fn invalidations_queued() {
    tracing::info!(
        target: TARGET,
        "invalidations are queued and retried, and this process does not serve what they name"
    );
}

/// All of them were delivered, or what they named has expired.
pub(crate) fn invalidations_delivered(delivered: u64, lasted: Duration) {
    tracing::info!(target: TARGET, delivered, ?lasted, "queued invalidations were delivered");
}

/// More invalidations are queued than can be remembered: `instead` says what is bypassed.
pub(crate) fn queue_overflowed(instead: &'static str) {
    tracing::error!(
        target: TARGET,
        instead,
        "more invalidations are queued than can be remembered"
    );
}

/// One step of a cached call that somebody listens to: a span while it lasts, and an event in it at its end.
pub(crate) struct Step {
    span: Span,
    /// Nothing where it is of several functions.
    function: Option<&'static str>,
    /// What it names, where that is to be told.
    key: Option<String>,
}

/// The span of a step, or none.
pub(crate) struct StepSpan(Span);

impl StepSpan {
    pub(crate) fn of(step: Option<&Step>) -> Self {
        Self(step.map_or_else(Span::none, |step| step.span.clone()))
    }

    /// The future in this span.
    pub(crate) fn around<F: Future>(self, future: F) -> Instrumented<F> {
        future.instrument(self.0)
    }
}

/// Whether anybody may listen to single calls.
pub(crate) fn hears_steps() -> bool {
    LevelFilter::current() >= LevelFilter::DEBUG
}

/// Makes a step, if anybody listens to its span or to its event.
macro_rules! step {
    ($name:literal, $function:expr, $key:expr, $($field:tt)+) => {{
        if !hears_steps() {
            return None;
        }
        let (function, key): (Option<&'static str>, Option<String>) = ($function, $key());
        let span = tracing::debug_span!(
            target: TARGET,
            $name,
            cache.function = function,
            cache.key = key.as_deref(),
            cache.reason = Empty,
            $($field)+
        );
        let is_heard = !span.is_none() || tracing::event_enabled!(target: TARGET, Level::DEBUG);
        is_heard.then(|| Box::new(Step { span, function, key }))
    }};
}

/// Ends a step: records the fields in its span, and tells them as an event in it.
macro_rules! end_step {
    ($name:literal, $step:expr, $reason:expr, $($field:literal = $value:expr),+) => {{
        let (step, reason): (&Step, &str) = ($step, $reason);
        step.span.record("cache.reason", reason);
        $(step.span.record($field, $value);)+
        step.span.in_scope(|| {
            tracing::event!(
                name: $name,
                target: TARGET,
                Level::DEBUG,
                cache.function = step.function,
                cache.key = step.key.as_deref(),
                cache.reason = reason,
                $({ $field } = $value,)+
                $name
            );
        });
    }};
}

/// An entry is looked for.
pub(crate) fn get(
    function: &'static str,
    key: impl FnOnce() -> Option<String>,
) -> Option<Box<Step>> {
    step!(
        "cache.get",
        Some(function),
        key,
        cache.hit = Empty,
        cache.item_size = Empty
    )
}

/// It was served, if it has a size, or not.
pub(crate) fn got(step: &Step, item_size: Option<usize>, reason: &str) {
    end_step!(
        "cache.get",
        step,
        reason,
        "cache.hit" = item_size.is_some(),
        "cache.item_size" = item_size
    );
}

/// An entry is stored.
pub(crate) fn put(
    function: &'static str,
    key: impl FnOnce() -> Option<String>,
    item_size: usize,
) -> Option<Box<Step>> {
    step!(
        "cache.put",
        Some(function),
        key,
        cache.item_size = item_size,
        cache.success = Empty
    )
}

/// It was, or was not, for this reason.
pub(crate) fn has_put(step: &Step, item_size: usize, is_stored: bool, reason: &str) {
    end_step!(
        "cache.put",
        step,
        reason,
        "cache.item_size" = item_size,
        "cache.success" = is_stored
    );
}

/// What a write made stale is removed; `function` is nothing where it is that of several writes.
pub(crate) fn remove(
    function: Option<&'static str>,
    names: impl FnOnce() -> Option<String>,
) -> Option<Box<Step>> {
    step!(
        "cache.remove",
        function,
        names,
        cache.names = Empty,
        cache.entries = Empty,
        cache.success = Empty
    )
}

/// It was: so many names, and so many entries under them. Nothing where it has to be tried again.
pub(crate) fn removed(step: &Step, names: usize, entries: Option<u64>) {
    let reason = if entries.is_some() {
        "removed"
    } else {
        "queued"
    };
    end_step!(
        "cache.remove",
        step,
        reason,
        "cache.names" = names,
        "cache.entries" = entries,
        "cache.success" = entries.is_some()
    );
}

/// Why JSON can't be read as a type. serde's own text may hold what is stored; that of a missing field has its name
/// alone.
struct Undecodable<'e>(&'e serde_json::Error);

impl fmt::Display for Undecodable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.to_string();
        match self.0.classify() {
            _ if text.starts_with("missing field `") => f.write_str(&text),
            serde_json::error::Category::Data => write!(
                f,
                "another shape at line {} column {}",
                self.0.line(),
                self.0.column()
            ),
            _ => f.write_str("no JSON"),
        }
    }
}

/// An error with all that is behind it, but for what repeats the text in front of it.
struct Chain<'e>(&'e dyn Error);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = self.0.to_string();
        for error in successors(self.0.source(), |&error| error.source()) {
            let cause = error.to_string();
            if !text.ends_with(&cause) {
                text.push_str(": ");
                text.push_str(&cause);
            }
        }
        f.write_str(&text)
    }
}
