//! Settings that contradict each other, or that others leave without an effect.

use super::connect::Logins;
use super::{ClearAfter, Secret, Settings, secret};
use crate::error::CacheError;

impl Settings {
    /// Whether what is to be cleared can be told from what is not the cache's own.
    pub(super) fn check_clearing(&self) -> Result<(), CacheError> {
        if self.clear_after == ClearAfter::Failover && self.namespace.is_empty() {
            return Err(CacheError::config(
                "REDIS_CACHE_NAMESPACE",
                "must be set beside REDIS_CACHE_CLEAR_AFTER=failover: without it, the cache can't tell its keys from others",
            ));
        }
        Ok(())
    }

    /// Whether copies in memory can be had from where the entries are.
    pub(super) fn check_near(&self, obstacle: Option<&str>) -> Result<(), CacheError> {
        let Some(near) = self.near else {
            return Ok(());
        };
        if near > self.deadline {
            let reason = "must not be longer than REDIS_CACHE_DEADLINE";
            return Err(CacheError::config("REDIS_CACHE_NEAR", reason));
        }
        match obstacle {
            Some(reason) => Err(CacheError::config("REDIS_CACHE_NEAR", reason)),
            None => Ok(()),
        }
    }

    /// Whether these settings lead to servers. Each reason says what to change about the variable before it.
    pub(super) fn check_servers(&self) -> Result<(), CacheError> {
        let is_url = self.url.is_some();
        let is_cluster = !self.cluster_nodes.is_empty();
        let is_sentinel = !self.sentinels.is_empty();
        let has_master = !self.sentinel_master.is_empty();
        let is_encrypted = self.is_encrypted();
        let rules = [
            (
                is_cluster && is_sentinel,
                "REDIS_CACHE_SENTINELS",
                "can't be set together with REDIS_CACHE_CLUSTER_NODES",
            ),
            (
                is_url && (is_cluster || is_sentinel),
                "REDIS_CACHE_URL",
                "names one server, and can't be set together with REDIS_CACHE_CLUSTER_NODES or REDIS_CACHE_SENTINELS",
            ),
            (
                self.password_file.is_some() && !self.password.is_empty(),
                "REDIS_CACHE_PASSWORD_FILE",
                "can't be set together with REDIS_CACHE_PASSWORD",
            ),
            (
                self.password_file.is_some() && is_url,
                "REDIS_CACHE_PASSWORD_FILE",
                "can't be set together with REDIS_CACHE_URL, which has the password in it: name the server by REDIS_CACHE_HOST",
            ),
            (
                is_cluster && self.db != 0,
                "REDIS_CACHE_DB",
                "must be 0: a cluster has no other database",
            ),
            (
                is_sentinel && !has_master,
                "REDIS_CACHE_SENTINEL_MASTER",
                "must be the name that the sentinels have for the master",
            ),
            (
                has_master && !is_sentinel,
                "REDIS_CACHE_SENTINELS",
                "must name the sentinels, as host:port,host:port, that know this REDIS_CACHE_SENTINEL_MASTER",
            ),
            (
                self.tls && !cfg!(feature = "tls"),
                "REDIS_CACHE_TLS",
                "needs the feature `tls` of cache-runtime",
            ),
            (
                is_encrypted && !cfg!(feature = "tls"),
                "REDIS_CACHE_URL",
                "needs the feature `tls` of cache-runtime",
            ),
            (
                self.tls && self.is_socket(),
                "REDIS_CACHE_TLS",
                "can't be set for a socket of this machine",
            ),
            (
                is_encrypted && self.url().ends_with("#insecure"),
                "REDIS_CACHE_URL",
                "must not say `#insecure`: certificates are always checked",
            ),
            (
                self.tls_ca.is_some() && !is_encrypted,
                "REDIS_CACHE_TLS_CA",
                WITHOUT_TLS,
            ),
            (
                self.tls_cert.is_some() && !is_encrypted,
                "REDIS_CACHE_TLS_CERT",
                WITHOUT_TLS,
            ),
            (
                self.tls_key.is_some() && !is_encrypted,
                "REDIS_CACHE_TLS_KEY",
                WITHOUT_TLS,
            ),
            (
                self.tls_cert.is_some() && self.tls_key.is_none(),
                "REDIS_CACHE_TLS_KEY",
                "must be set beside REDIS_CACHE_TLS_CERT",
            ),
            (
                self.tls_key.is_some() && self.tls_cert.is_none(),
                "REDIS_CACHE_TLS_CERT",
                "must be set beside REDIS_CACHE_TLS_KEY",
            ),
        ];
        first_broken(rules)
    }

    /// Takes the password from its file, if it has one.
    pub(super) fn read_password_file(&mut self) -> Result<(), CacheError> {
        if let Some(file) = &self.password_file {
            self.password = secret::from_file("REDIS_CACHE_PASSWORD_FILE", file)?;
        }
        Ok(())
    }

    /// Whether credentials that are asked for each connection are the only ones, and are needed.
    pub(super) fn check_logins(&self, logins: &Logins) -> Result<(), CacheError> {
        let (asked, sentinels_asked) = (logins.servers.is_some(), logins.sentinels.is_some());
        let rules = [
            (
                asked && !self.password.is_empty(),
                "REDIS_CACHE_PASSWORD",
                BESIDE_CREDENTIALS,
            ),
            (
                asked && self.password_file.is_some(),
                "REDIS_CACHE_PASSWORD_FILE",
                BESIDE_CREDENTIALS,
            ),
            (
                asked && !self.username.is_empty(),
                "REDIS_CACHE_USERNAME",
                BESIDE_CREDENTIALS,
            ),
            (
                sentinels_asked && self.sentinels.is_empty(),
                "REDIS_CACHE_SENTINELS",
                "must name the sentinels that `sentinel_credentials` are for",
            ),
            (
                sentinels_asked && !self.sentinel_password.is_empty(),
                "REDIS_CACHE_SENTINEL_PASSWORD",
                BESIDE_CREDENTIALS,
            ),
            (
                sentinels_asked && !self.sentinel_username.is_empty(),
                "REDIS_CACHE_SENTINEL_USERNAME",
                BESIDE_CREDENTIALS,
            ),
        ];
        first_broken(rules)
    }

    /// Whether connections are encrypted, by the setting or by the URL.
    pub(super) fn is_encrypted(&self) -> bool {
        self.tls || matches!(&*self.scheme(), "rediss" | "valkeys")
    }

    fn is_socket(&self) -> bool {
        matches!(&*self.scheme(), "unix" | "redis+unix" | "valkey+unix")
    }

    /// Redis-rs ignores space around a URL, and the case of its scheme.
    fn scheme(&self) -> String {
        let scheme = self.url().split(':').next().unwrap_or_default();
        scheme.to_ascii_lowercase()
    }

    fn url(&self) -> &str {
        self.url.as_ref().map_or("", Secret::expose).trim()
    }
}

/// Each rule with the variable to change, and what to change about it.
fn first_broken<const N: usize>(
    rules: [(bool, &'static str, &'static str); N],
) -> Result<(), CacheError> {
    match rules.into_iter().find(|(is_broken, ..)| *is_broken) {
        Some((_, variable, reason)) => Err(CacheError::config(variable, reason)),
        None => Ok(()),
    }
}

pub(super) const BESIDE_CREDENTIALS: &str =
    "can't be set together with credentials that are asked for each connection";

const WITHOUT_TLS: &str =
    "needs REDIS_CACHE_TLS=true, or a REDIS_CACHE_URL that begins with rediss://";

#[cfg(test)]
mod tests {
    use crate::cache::Cache;
    use crate::config::CacheBuilder;
    use crate::config::tests::from_variables;
    use crate::error::CacheError;

    fn build(variables: &[(&str, &str)]) -> Result<Cache, CacheError> {
        CacheBuilder::new(from_variables(variables)?.unwrap_or_default()).build()
    }

    #[track_caller]
    fn assert_named(name: &str, variables: &[(&str, &str)]) {
        let error = build(variables).expect_err("refused").to_string();
        assert!(error.starts_with(&format!("{name}: ")), "{error}");
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
                "REDIS_CACHE_NAMESPACE",
                &[URL, ("REDIS_CACHE_CLEAR_AFTER", "failover")],
            ),
        ] {
            assert_named(name, variables);
        }
        let file = ("REDIS_CACHE_PASSWORD_FILE", "/run/secrets/redis");
        assert_named(file.0, &[file, ("REDIS_CACHE_PASSWORD", "s3cret")]);
        assert_named(file.0, &[file, URL]);
        for variables in [
            &[NODES, ("REDIS_CACHE_DB", "0"), ("REDIS_CACHE_URL", "")][..],
            &[SENTINELS, MASTER, ("REDIS_CACHE_DB", "1")],
            &[("REDIS_CACHE_CLUSTER_NODES", " one:1, two:2, ")],
        ] {
            let outcome = build(variables);
            assert!(outcome.is_ok(), "{variables:?}: {outcome:?}");
        }
    }

    #[test]
    fn a_cluster_of_the_applications_own_pools_needs_nodes() {
        let nobody = [""; 0];
        let cache = Cache::builder().cluster_pools(nobody, |_, _| unreachable!("no node"));
        let error = cache.build().expect_err("refused").to_string();
        assert!(error.starts_with("REDIS_CACHE_CLUSTER_NODES: "), "{error}");
    }

    #[cfg(feature = "tls")]
    #[test]
    fn settings_of_encryption_that_would_do_nothing_are_named() {
        const TLS: (&str, &str) = ("REDIS_CACHE_TLS", "true");
        const CERT: (&str, &str) = ("REDIS_CACHE_TLS_CERT", "a file");
        const KEY: (&str, &str) = ("REDIS_CACHE_TLS_KEY", "a file");
        for (name, variables) in [
            (
                "REDIS_CACHE_TLS_CA",
                &[("REDIS_CACHE_TLS_CA", "a file")][..],
            ),
            ("REDIS_CACHE_TLS_CERT", &[CERT]),
            ("REDIS_CACHE_TLS_KEY", &[KEY]),
            ("REDIS_CACHE_TLS_KEY", &[TLS, CERT]),
            ("REDIS_CACHE_TLS_CERT", &[TLS, KEY]),
            (
                "REDIS_CACHE_URL",
                &[("REDIS_CACHE_URL", "rediss://one:1/0#insecure")],
            ),
            (
                "REDIS_CACHE_URL",
                &[("REDIS_CACHE_URL", " REDISS://one:1/0#insecure ")],
            ),
            (
                "REDIS_CACHE_TLS",
                &[TLS, ("REDIS_CACHE_URL", "redis+unix:///run/redis.sock")],
            ),
        ] {
            assert_named(name, variables);
        }
    }

    #[cfg(not(feature = "tls"))]
    #[test]
    fn encryption_without_its_feature_is_named() {
        assert_named("REDIS_CACHE_TLS", &[("REDIS_CACHE_TLS", "true")]);
        assert_named(
            "REDIS_CACHE_URL",
            &[("REDIS_CACHE_URL", "rediss://one:1/0")],
        );
    }
}
