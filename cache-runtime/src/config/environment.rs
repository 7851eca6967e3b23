//! Settings from environment variables.

use std::ffi::OsString;

use super::Settings;
use super::settings::{SETTINGS, Setting};
use crate::error::CacheError;
use crate::log;

const PREFIX: &str = "REDIS_CACHE_";

/// Says whether there is a cache, and not where.
const ENABLED: &str = "REDIS_CACHE_ENABLED";

/// The variables that begin with `REDIS_CACHE_` and are not empty.
#[derive(Default)]
pub(super) struct Environment {
    settings: Vec<(&'static Setting, OsString)>,
    /// Names of those that describe a service, and come from Kubernetes or a container link.
    links: Vec<String>,
    /// Names that are no setting's.
    unknown: Vec<String>,
}

impl Environment {
    pub(super) fn new(variables: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        let mut environment = Self::default();
        for (name, value) in variables {
            let mut name = name.to_string_lossy().into_owned();
            if cfg!(windows) {
                // It has one variable for all spellings of a name.
                name.make_ascii_uppercase();
            }
            if !name.starts_with(PREFIX) || value.is_empty() {
                continue;
            }
            let setting = SETTINGS.iter().find(|setting| setting.variable == name);
            if is_link(&name, &value.to_string_lossy()) {
                environment.links.push(name);
            } else if let Some(setting) = setting {
                environment.settings.push((setting, value));
            } else {
                environment.unknown.push(name);
            }
        }
        environment
    }

    /// Tells the log what is ignored, and which store is used if no setting is given. Values stay out of it.
    pub(super) fn report(&self, without_settings: &str) {
        if !self.links.is_empty() {
            log::service_links_ignored(&self.links.join(", "));
        }
        // Whoever misspells the only variable is about to get another store than the one that was meant.
        let store = matches!(self.settings(), Ok(None)).then_some(without_settings);
        for name in &self.unknown {
            log::unknown_variable_ignored(name, closest(name), store);
        }
    }

    fn names_no_store(&self) -> bool {
        let mut settings = self.settings.iter();
        settings.all(|(setting, _)| setting.variable == ENABLED)
    }

    /// Nothing, if no setting is given, or that there is to be a cache and no more.
    pub(super) fn settings(&self) -> Result<Option<Settings>, CacheError> {
        let mut settings = Settings::default();
        for (setting, value) in &self.settings {
            let text = value.to_str();
            let text = text.ok_or_else(|| CacheError::config(setting.variable, "must be UTF-8"))?;
            setting.read(&mut settings, text)?;
        }
        let is_of_use = !self.names_no_store() || !settings.enabled;
        Ok(is_of_use.then_some(settings))
    }
}

/// Whether a variable is one of those by which [Kubernetes] and [container links] describe a service to each other
/// container: here `redis-cache`, or one whose name begins like that.
///
/// [Kubernetes]: https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables
/// [container links]: https://docs.docker.com/engine/network/links/#environment-variables
fn is_link(name: &str, value: &str) -> bool {
    let is_address = value.contains("://");
    name.ends_with("_SERVICE_HOST")
        || name.ends_with("_SERVICE_PORT")
        || name.contains("_SERVICE_PORT_")
        || (name.ends_with("_PORT") && is_address)
        || is_port_of_link(name)
        || (name.ends_with("_NAME") && value.starts_with('/'))
        || name.contains("_ENV_")
}

/// `…_PORT_6379_TCP`, and what may follow: `_PROTO`, `_PORT`, `_ADDR`.
fn is_port_of_link(name: &str) -> bool {
    name.split("_PORT_").skip(1).any(|port| {
        let mut parts = port.split('_');
        let number = parts.next().unwrap_or_default();
        let protocol = parts.next().unwrap_or_default();
        number.parse::<u16>().is_ok() && matches!(protocol, "TCP" | "UDP" | "SCTP")
    })
}

/// The variable that was probably meant: its name, or that of its field, differs in up to a third of the letters, or
/// contains the other at an end.
fn closest(unknown: &str) -> Option<&'static str> {
    let name = unknown
        .strip_prefix(PREFIX)
        .filter(|name| !name.is_empty())?;
    let distances = SETTINGS.iter().filter_map(|setting| {
        let known = setting.variable.strip_prefix(PREFIX)?;
        let field = setting.field.to_ascii_uppercase();
        let distance = distance(name, known).min(distance(name, &field));
        let contains = |long: &str, short| long.starts_with(short) || long.ends_with(short);
        let is_close =
            distance <= (name.len() / 3).max(1) || contains(known, name) || contains(name, known);
        is_close.then_some((distance, setting.variable))
    });
    distances.min().map(|(_, variable)| variable)
}

/// How many letters are inserted, left out or replaced (Levenshtein).
fn distance(one: &str, other: &str) -> usize {
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (line, letter) in one.bytes().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], line + 1);
        for (column, of_other) in other.bytes().enumerate() {
            let replaced = diagonal + usize::from(letter != of_other);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(variables: &[(&str, &str)]) -> Environment {
        let variables = variables.iter().copied();
        Environment::new(variables.map(|(name, value)| (name.into(), value.into())))
    }

    /// What a pod finds beside services of these names, and a container with a link to one of the first name.
    const LINKS: &[(&str, &str)] = &[
        ("REDIS_CACHE_PORT", "tcp://10.0.0.5:6379"),
        ("REDIS_CACHE_SERVICE_HOST", "10.0.0.5"),
        ("REDIS_CACHE_SERVICE_PORT", "6379"),
        ("REDIS_CACHE_SERVICE_PORT_TCP_REDIS", "6379"),
        ("REDIS_CACHE_PORT_6379_TCP", "tcp://10.0.0.5:6379"),
        ("REDIS_CACHE_PORT_6379_TCP_PROTO", "tcp"),
        ("REDIS_CACHE_PORT_6379_TCP_PORT", "6379"),
        ("REDIS_CACHE_PORT_6379_TCP_ADDR", "10.0.0.5"),
        ("REDIS_CACHE_SENTINELS_SERVICE_HOST", "10.0.0.6"),
        ("REDIS_CACHE_SENTINELS_PORT", "tcp://10.0.0.6:26379"),
        ("REDIS_CACHE_URL_PORT_53_UDP_ADDR", "10.0.0.7"),
        ("REDIS_CACHE_NAME", "/app/redis-cache"),
        ("REDIS_CACHE_ENV_REDIS_VERSION", "7.0.15"),
    ];

    #[test]
    fn what_kubernetes_and_container_links_set_is_no_setting() {
        let links = environment(LINKS);
        let names: Vec<_> = LINKS.iter().map(|(name, _)| *name).collect();
        assert_eq!(links.links, names);
        assert_eq!(links.unknown, [""; 0]);
        assert!(links.settings().expect("nothing is wrong").is_none());

        let host = [LINKS, &[("REDIS_CACHE_HOST", "redis")]].concat();
        let settings = environment(&host).settings().expect("nothing is wrong");
        let settings = settings.expect("the host is set");
        assert_eq!((settings.host.as_str(), settings.port), ("redis", 6379));
    }

    #[test]
    fn an_unknown_variable_has_the_closest_name_if_one_is_close() {
        for (unknown, known) in [
            ("REDIS_CACHE_HOSST", Some("REDIS_CACHE_HOST")),
            ("REDIS_CACHE_HOSTNAME", Some("REDIS_CACHE_HOST")),
            ("REDIS_CACHE_PASWORD", Some("REDIS_CACHE_PASSWORD")),
            ("REDIS_CACHE_USER", Some("REDIS_CACHE_USERNAME")),
            ("REDIS_CACHE_USER_NAME", Some("REDIS_CACHE_USERNAME")),
            ("REDIS_CACHE_NODES", Some("REDIS_CACHE_CLUSTER_NODES")),
            ("REDIS_CACHE_TIMEOUT", Some("REDIS_CACHE_SOCKET_TIMEOUT")),
            (
                "REDIS_CACHE_RESPONSE_TIMEOUT",
                Some("REDIS_CACHE_SOCKET_TIMEOUT"),
            ),
            (
                "REDIS_CACHE_CONNECT_TIMEOUT",
                Some("REDIS_CACHE_SOCKET_CONNECT_TIMEOUT"),
            ),
            (
                "REDIS_CACHE_RETRY_ON_DISCONNECT",
                Some("REDIS_CACHE_RETRY_ON_TIMEOUT"),
            ),
            ("REDIS_CACHE_ENABLE", Some("REDIS_CACHE_ENABLED")),
            ("REDIS_CACHE_TTL", None),
            ("REDIS_CACHE_NAME", Some("REDIS_CACHE_USERNAME")),
            ("REDIS_CACHE_", None),
        ] {
            assert_eq!(environment(&[(unknown, "1")]).unknown, [unknown]);
            assert_eq!(closest(unknown), known, "{unknown}");
        }
        let foreign = environment(&[("REDIS_CACHED", "1"), ("HOME", "/root")]);
        assert!(foreign.unknown.is_empty());
    }

    #[test]
    fn a_misspelt_variable_alone_does_not_turn_redis_on() {
        let misspelt = environment(&[("REDIS_CACHE_HOSST", "redis")]);
        assert!(misspelt.settings().expect("nothing is wrong").is_none());
    }

    #[test]
    fn that_there_is_to_be_a_cache_does_not_turn_redis_on() {
        let enabled = |text| environment(&[(ENABLED, text)]).settings();
        assert!(enabled("true").expect("right").is_none());
        let off = enabled("false").expect("right").expect("it is set");
        assert!(!off.enabled);
        assert!(enabled("perhaps").is_err());
        let host = environment(&[(ENABLED, "on"), ("REDIS_CACHE_HOST", "redis")]);
        assert!(host.settings().expect("right").is_some());
    }

    #[test]
    fn an_unknown_variable_that_is_empty_is_not_worth_a_line() {
        let empty = environment(&[("REDIS_CACHE_HOSST", ""), ("REDIS_CACHE_SERVICE_HOST", "")]);
        assert!(empty.unknown.is_empty() && empty.links.is_empty());
    }
}
