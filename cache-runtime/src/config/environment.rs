//! Settings from environment variables.

use std::str::FromStr;
use std::time::Duration;

use super::{Settings, duration, items};
use crate::error::CacheError;

/// Takes the text of a variable, or says what is accepted.
type Set = fn(&mut Settings, &str) -> Result<(), &'static str>;

const VARIABLES: &[(&str, Set)] = &[
    ("REDIS_CACHE_HOST", |to, from| text(&mut to.host, from)),
    ("REDIS_CACHE_PORT", |to, from| {
        number(&mut to.port, from, "must be a port, 0 to 65535")
    }),
    ("REDIS_CACHE_USERNAME", |to, from| {
        text(&mut to.username, from)
    }),
    ("REDIS_CACHE_PASSWORD", |to, from| {
        text(&mut to.password, from)
    }),
    ("REDIS_CACHE_DB", |to, from| {
        number(&mut to.db, from, "must be the number of a database")
    }),
    ("REDIS_CACHE_URL", |to, from| some(&mut to.url, from)),
    ("REDIS_CACHE_CLUSTER_NODES", |to, from| {
        names(&mut to.cluster_nodes, from)
    }),
    ("REDIS_CACHE_SENTINELS", |to, from| {
        names(&mut to.sentinels, from)
    }),
    ("REDIS_CACHE_SENTINEL_MASTER", |to, from| {
        text(&mut to.sentinel_master, from)
    }),
    ("REDIS_CACHE_SENTINEL_USERNAME", |to, from| {
        text(&mut to.sentinel_username, from)
    }),
    ("REDIS_CACHE_SENTINEL_PASSWORD", |to, from| {
        text(&mut to.sentinel_password, from)
    }),
    ("REDIS_CACHE_TLS", |to, from| switch(&mut to.tls, from)),
    ("REDIS_CACHE_TLS_CA", |to, from| some(&mut to.tls_ca, from)),
    ("REDIS_CACHE_TLS_CERT", |to, from| {
        some(&mut to.tls_cert, from)
    }),
    ("REDIS_CACHE_TLS_KEY", |to, from| {
        some(&mut to.tls_key, from)
    }),
    ("REDIS_CACHE_NAMESPACE", |to, from| {
        text(&mut to.namespace, from)
    }),
    ("REDIS_CACHE_MAX_CONNECTIONS", |to, from| {
        let accepted = "must be a number above zero, such as 20";
        number(&mut to.max_connections, from, accepted)
    }),
    ("REDIS_CACHE_DEADLINE", |to, from| {
        time(&mut to.deadline, from)
    }),
    ("REDIS_CACHE_JITTER", |to, from| {
        number(
            &mut to.jitter,
            from,
            "must be a number from 0 to 1, such as 0.1",
        )
    }),
    ("REDIS_CACHE_SOCKET_TIMEOUT", |to, from| {
        time(&mut to.socket_timeout, from)
    }),
    ("REDIS_CACHE_SOCKET_CONNECT_TIMEOUT", |to, from| {
        time(&mut to.socket_connect_timeout, from)
    }),
    ("REDIS_CACHE_SOCKET_KEEPALIVE", |to, from| {
        switch(&mut to.socket_keepalive, from)
    }),
    ("REDIS_CACHE_HEALTH_CHECK_INTERVAL", |to, from| {
        time(&mut to.health_check_interval, from)
    }),
    ("REDIS_CACHE_RETRY_ON_TIMEOUT", |to, from| {
        switch(&mut to.retry_on_timeout, from)
    }),
    ("REDIS_CACHE_FENCES", |to, from| {
        switch(&mut to.fences, from)
    }),
];

impl Settings {
    /// The settings that the environment gives; nothing if it gives none.
    pub(crate) fn from_variables(
        get: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<Self>, CacheError> {
        let (mut settings, mut found) = (Self::default(), false);
        for (name, set) in VARIABLES {
            if let Some(value) = get(name) {
                found = true;
                set(&mut settings, &value).map_err(|reason| CacheError::config(name, reason))?;
            }
        }
        Ok(found.then_some(settings))
    }
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "one of several setters of one shape"
)]
fn text(setting: &mut String, value: &str) -> Result<(), &'static str> {
    value.clone_into(setting);
    Ok(())
}

/// Empty is none: that is how a compose file passes on what nobody set.
#[expect(
    clippy::unnecessary_wraps,
    reason = "one of several setters of one shape"
)]
fn some<T: for<'v> From<&'v str>>(
    setting: &mut Option<T>,
    value: &str,
) -> Result<(), &'static str> {
    *setting = (!value.is_empty()).then(|| value.into());
    Ok(())
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "one of several setters of one shape"
)]
fn names(setting: &mut Vec<String>, value: &str) -> Result<(), &'static str> {
    *setting = items(value);
    Ok(())
}

fn number<T: FromStr>(
    setting: &mut T,
    value: &str,
    accepted: &'static str,
) -> Result<(), &'static str> {
    *setting = value.trim().parse().map_err(|_| accepted)?;
    Ok(())
}

fn time(setting: &mut Duration, value: &str) -> Result<(), &'static str> {
    let seconds = value.trim().parse().ok().and_then(duration);
    *setting = seconds.ok_or("must be seconds above zero, such as 5 or 0.5")?;
    Ok(())
}

fn switch(setting: &mut bool, value: &str) -> Result<(), &'static str> {
    *setting = match value.trim().to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => true,
        "false" | "0" | "no" | "off" => false,
        _ => return Err("must be true or false"),
    };
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::Cache;
    use crate::config::CacheBuilder;

    fn read(variables: &[(&str, &str)]) -> Result<Option<Settings>, CacheError> {
        Settings::from_variables(|name| {
            variables
                .iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn no_variable_means_no_redis() {
        assert!(read(&[]).expect("nothing is wrong").is_none());
    }

    #[test]
    fn variables_override_the_defaults_of_the_reference() {
        let settings = read(&[
            ("REDIS_CACHE_PORT", "7000"),
            ("REDIS_CACHE_SOCKET_TIMEOUT", "0.5"),
        ]);
        let settings = settings.expect("both are right").expect("two are set");
        assert_eq!(
            (settings.host.as_str(), settings.port, settings.db),
            ("localhost", 7000, 0)
        );
        assert_eq!(settings.socket_timeout, Duration::from_millis(500));
        assert_eq!(settings.max_connections, 20);
        assert_eq!(settings.health_check_interval, Duration::from_secs(30));
        assert!(settings.retry_on_timeout && settings.socket_keepalive);
    }

    #[test]
    fn a_mistake_is_named_and_its_value_is_not() {
        for (name, value) in [
            ("REDIS_CACHE_PORT", "s3cret"),
            ("REDIS_CACHE_DB", "s3cret"),
            ("REDIS_CACHE_SOCKET_TIMEOUT", "-1"),
            ("REDIS_CACHE_SOCKET_KEEPALIVE", "s3cret"),
            ("REDIS_CACHE_URL", "redis://:s3cret@:port:/x"),
            ("REDIS_CACHE_MAX_CONNECTIONS", "0"),
            ("REDIS_CACHE_DEADLINE", "0"),
            ("REDIS_CACHE_JITTER", "1.5"),
            ("REDIS_CACHE_JITTER", "NaN"),
        ] {
            let outcome = read(&[(name, value)])
                .and_then(|found| CacheBuilder::new(found.unwrap_or_default()).build());
            let message = outcome.expect_err(name).to_string();
            assert!(message.starts_with(name), "{message}");
            assert!(!message.contains("s3cret"), "{message}");
        }
    }

    #[test]
    fn settings_that_contradict_each_other_are_named() {
        const NODES: (&str, &str) = ("REDIS_CACHE_CLUSTER_NODES", "one:1,two:2");
        const SENTINELS: (&str, &str) = ("REDIS_CACHE_SENTINELS", "one:1,two:2");
        const MASTER: (&str, &str) = ("REDIS_CACHE_SENTINEL_MASTER", "cache");
        const URL: (&str, &str) = ("REDIS_CACHE_URL", "redis://one:1/0");
        for (name, variables) in [
            ("REDIS_CACHE_SENTINELS", &[NODES, SENTINELS, MASTER][..]),
            ("REDIS_CACHE_URL", &[URL, NODES]),
            ("REDIS_CACHE_URL", &[URL, SENTINELS, MASTER]),
            ("REDIS_CACHE_DB", &[NODES, ("REDIS_CACHE_DB", "1")]),
            ("REDIS_CACHE_SENTINEL_MASTER", &[SENTINELS]),
            (
                "REDIS_CACHE_SENTINEL_MASTER",
                &[SENTINELS, ("REDIS_CACHE_SENTINEL_MASTER", "")],
            ),
            ("REDIS_CACHE_SENTINELS", &[MASTER]),
            ("REDIS_CACHE_SENTINELS", &[MASTER, NODES]),
            (
                "REDIS_CACHE_SENTINELS",
                &[("REDIS_CACHE_SENTINELS", "one"), MASTER],
            ),
            (
                "REDIS_CACHE_CLUSTER_NODES",
                &[("REDIS_CACHE_CLUSTER_NODES", "redis://one:1")],
            ),
            ("REDIS_CACHE_NAMESPACE", &[("REDIS_CACHE_NAMESPACE", "a{b")]),
        ] {
            assert_named(name, variables);
        }
        for variables in [
            &[NODES, ("REDIS_CACHE_DB", "0"), ("REDIS_CACHE_URL", "")][..],
            &[SENTINELS, MASTER, ("REDIS_CACHE_DB", "1")],
            &[("REDIS_CACHE_CLUSTER_NODES", " one:1, two:2, ")],
            &[
                ("REDIS_CACHE_CLUSTER_NODES", ""),
                ("REDIS_CACHE_SENTINELS", ""),
            ],
            &[("REDIS_CACHE_NAMESPACE", "a{b}")],
        ] {
            let outcome = build(variables);
            assert!(outcome.is_ok(), "{variables:?}: {outcome:?}");
        }
    }

    #[cfg(feature = "tls")]
    #[test]
    fn settings_of_encryption_that_would_do_nothing_are_named() {
        const TLS: (&str, &str) = ("REDIS_CACHE_TLS", "true");
        for (name, variables) in [
            (
                "REDIS_CACHE_TLS_CA",
                &[("REDIS_CACHE_TLS_CA", "a file")][..],
            ),
            (
                "REDIS_CACHE_TLS_CERT",
                &[("REDIS_CACHE_TLS_CERT", "a file")],
            ),
            ("REDIS_CACHE_TLS_KEY", &[("REDIS_CACHE_TLS_KEY", "a file")]),
            (
                "REDIS_CACHE_URL",
                &[("REDIS_CACHE_URL", "rediss://one:1/0#insecure")],
            ),
            (
                "REDIS_CACHE_TLS",
                &[TLS, ("REDIS_CACHE_URL", "redis+unix:///run/redis.sock")],
            ),
            ("REDIS_CACHE_TLS", &[("REDIS_CACHE_TLS", "s3cret")]),
        ] {
            assert_named(name, variables);
        }
    }

    fn build(variables: &[(&str, &str)]) -> Result<Cache, CacheError> {
        CacheBuilder::new(read(variables)?.unwrap_or_default()).build()
    }

    #[track_caller]
    fn assert_named(name: &str, variables: &[(&str, &str)]) {
        match build(variables) {
            Err(CacheError::Config { setting, reason }) => assert_eq!(setting, name, "{reason}"),
            other => panic!("{variables:?}: {other:?}"),
        }
    }

    #[test]
    fn a_password_shows_neither_in_the_settings_nor_in_the_cache() {
        let settings = read(&[
            ("REDIS_CACHE_PASSWORD", "s3cret"),
            ("REDIS_CACHE_URL", "redis://:s3cret@db:1/2"),
        ]);
        let settings = settings.expect("both are right").expect("two are set");
        assert!(!format!("{settings:?}").contains("s3cret"));
        let cache = CacheBuilder::new(settings)
            .build()
            .expect("the URL is right");
        assert!(!format!("{cache:?}").contains("s3cret"), "{cache:?}");
        assert_eq!(cache.store_name(), "redis://db:1/2");
    }
}
