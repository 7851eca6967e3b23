//! Every setting: set, empty, malformed, not UTF-8.

use std::ffi::OsString;
use std::time::Duration;

use super::environment::Environment;
use super::settings::SETTINGS;
use super::{CacheBuilder, Settings};
use crate::error::CacheError;

/// What these variables say.
pub(super) fn from_variables(variables: &[(&str, &str)]) -> Result<Option<Settings>, CacheError> {
    let variables = variables.iter().copied();
    Environment::new(variables.map(|(name, value)| (name.into(), value.into()))).settings()
}

fn settings(variables: &[(&str, &str)]) -> Settings {
    let settings = from_variables(variables).expect("all are right");
    settings.expect("something is set")
}

/// Every variable, with a value that is not its default and values that are refused.
const EXAMPLES: &[(&str, &str, &[&str])] = &[
    ("REDIS_CACHE_ENABLED", "false", &["s3cret", "2"]),
    (
        "REDIS_CACHE_HOST",
        "fe80::1",
        &["s3cret:6379", "redis://s3cret", "s3 cret", "[::1]"],
    ),
    (
        "REDIS_CACHE_PORT",
        " 7000 ",
        &["s3cret", "0", "65536", "-1", " "],
    ),
    ("REDIS_CACHE_USERNAME", "app", &[]),
    ("REDIS_CACHE_PASSWORD", "s3cret", &[]),
    ("REDIS_CACHE_PASSWORD_FILE", "password", &[]),
    ("REDIS_CACHE_DB", "3", &["s3cret", "-1", "1.5"]),
    (
        "REDIS_CACHE_URL",
        "redis://:s3cret@db:1/2",
        &["redis://:s3cret@:port:/x", "http://s3cret", "s3cret", " "],
    ),
    (
        "REDIS_CACHE_CLUSTER_NODES",
        "one:1,two:2",
        &["s3cret", "redis://s3cret:1", "one:1,s3cret"],
    ),
    (
        "REDIS_CACHE_SENTINELS",
        "one:1,two:2",
        &["s3cret", "redis://s3cret:1"],
    ),
    ("REDIS_CACHE_SENTINEL_MASTER", "cache", &[]),
    ("REDIS_CACHE_SENTINEL_USERNAME", "app", &[]),
    ("REDIS_CACHE_SENTINEL_PASSWORD", "s3cret", &[]),
    ("REDIS_CACHE_TLS", "YES", &["s3cret", "2"]),
    ("REDIS_CACHE_TLS_CA", "ca.pem", &[]),
    ("REDIS_CACHE_TLS_CERT", "cert.pem", &[]),
    ("REDIS_CACHE_TLS_KEY", "key.pem", &[]),
    ("REDIS_CACHE_NAMESPACE", "a{b}", &["s3cret{", "{}s3cret"]),
    (
        "REDIS_CACHE_MAX_CONNECTIONS",
        "1",
        &["s3cret", "0", "65536", "99999999999999999999"],
    ),
    ("REDIS_CACHE_DEADLINE", "0.5", TIMES),
    ("REDIS_CACHE_JITTER", "0", &["s3cret", "1.5", "-0.1", "NaN"]),
    ("REDIS_CACHE_SOCKET_TIMEOUT", "86400", TIMES),
    ("REDIS_CACHE_SOCKET_CONNECT_TIMEOUT", "1", TIMES),
    ("REDIS_CACHE_SOCKET_KEEPALIVE", "off", &["s3cret"]),
    ("REDIS_CACHE_HEALTH_CHECK_INTERVAL", "1e-3", TIMES),
    ("REDIS_CACHE_RETRY_ON_TIMEOUT", "0", &["s3cret"]),
    ("REDIS_CACHE_FENCES", "no", &["s3cret"]),
    ("REDIS_CACHE_TRACE_KEYS", "yes", &["s3cret"]),
    (
        "REDIS_CACHE_MAX_VALUE_SIZE",
        "65536",
        &["s3cret", "0", "-1", "1MB"],
    ),
    (
        "REDIS_CACHE_NEAR",
        "0.02",
        &["s3cret", "-1", "1.5", "NaN", "5ms"],
    ),
    ("REDIS_CACHE_NEAR_BYTES", "65536", &["s3cret", "0", "-1"]),
    (
        "REDIS_CACHE_VERIFY",
        "0.001",
        &["s3cret", "-0.1", "1.5", "NaN", "1%"],
    ),
    ("REDIS_CACHE_CLEAR_AFTER", " Never ", &["s3cret", "true"]),
];

const TIMES: &[&str] = &["s3cret", "0", "-1", "86401", "1e300", "inf", "NaN", "5s"];

#[test]
fn the_examples_are_those_of_every_setting() {
    let examples = EXAMPLES.iter().map(|(variable, ..)| *variable);
    assert!(examples.eq(SETTINGS.iter().map(|setting| setting.variable)));
}

#[test]
fn every_variable_is_read_and_a_file_may_name_it_or_its_field() {
    let (default, defaults) = (Settings::default(), format!("{:?}", Settings::default()));
    for (setting, (variable, text, _)) in SETTINGS.iter().zip(EXAMPLES) {
        let read = settings(&[(variable, text)]);
        let shown = format!("{read:?}");
        let is_changed = shown != defaults
            || read.password.expose() != default.password.expose()
            || read.sentinel_password.expose() != default.sentinel_password.expose();
        assert!(is_changed, "{variable}");

        let json = match *variable {
            "REDIS_CACHE_TLS" | "REDIS_CACHE_TRACE_KEYS" => true.into(),
            "REDIS_CACHE_ENABLED"
            | "REDIS_CACHE_SOCKET_KEEPALIVE"
            | "REDIS_CACHE_RETRY_ON_TIMEOUT"
            | "REDIS_CACHE_FENCES" => false.into(),
            _ => serde_json::from_str(text).unwrap_or_else(|_| serde_json::json!(text)),
        };
        for name in [setting.field, variable] {
            let file = serde_json::json!({ name: json });
            let read: Settings = serde_json::from_value(file).expect(name);
            assert_eq!(format!("{read:?}"), shown, "{name}");
        }
    }
}

#[test]
fn an_empty_variable_is_as_if_it_were_unset() {
    let all: Vec<_> = EXAMPLES.iter().map(|(name, ..)| (*name, "")).collect();
    assert!(from_variables(&all).expect("none is set").is_none());
    for (variable, text, _) in EXAMPLES {
        let others = all.iter().copied().filter(|(name, _)| name != variable);
        let one: Vec<_> = others.chain([(*variable, *text)]).collect();
        let (alone, beside) = (settings(&[(variable, text)]), settings(&one));
        assert_eq!(format!("{alone:?}"), format!("{beside:?}"));
    }
}

#[test]
fn a_malformed_value_is_refused_by_the_name_of_its_variable_and_not_shown() {
    for (variable, _, malformed) in EXAMPLES {
        for text in *malformed {
            let mut variables = vec![(*variable, *text)];
            if *variable == "REDIS_CACHE_SENTINELS" {
                variables.push(("REDIS_CACHE_SENTINEL_MASTER", "cache"));
            }
            let outcome = from_variables(&variables);
            let outcome = outcome.and_then(|found| CacheBuilder::from(found.unwrap()).build());
            let error = outcome.expect_err(variable);
            let message = error.to_string();
            let beginning = format!("{variable}: must be ");
            assert!(message.starts_with(&beginning), "{text}: {message}");
            assert!(
                !format!("{message}{error:?}").contains("s3cret"),
                "{message}"
            );
        }
    }
}

#[cfg(unix)]
#[test]
fn a_value_that_is_not_utf_8_is_refused_by_the_name_of_its_variable() {
    use std::os::unix::ffi::OsStringExt as _;

    for (variable, ..) in EXAMPLES {
        let value = OsString::from_vec(b"s3cret\xff".to_vec());
        let environment = Environment::new([(OsString::from(variable), value)]);
        let error = environment.settings().expect_err(variable).to_string();
        assert_eq!(error, format!("{variable}: must be UTF-8"));
    }
    // Nobody reads them.
    let value = OsString::from_vec(vec![0xff]);
    let names = ["REDIS_CACHE_FOO".into(), OsString::from_vec(vec![0xff])];
    let environment = Environment::new(names.map(|name| (name, value.clone())));
    assert!(environment.settings().expect("none is set").is_none());
}

#[test]
fn no_variable_means_no_redis() {
    assert!(from_variables(&[]).expect("nothing is wrong").is_none());
}

#[test]
fn variables_override_the_defaults_of_the_reference() {
    let settings = settings(&[
        ("REDIS_CACHE_PORT", "7000"),
        ("REDIS_CACHE_SOCKET_TIMEOUT", "0.5"),
    ]);
    assert_eq!(
        (settings.host.as_str(), settings.port, settings.db),
        ("localhost", 7000, 0)
    );
    assert_eq!(settings.response_timeout, Duration::from_millis(500));
    assert_eq!(settings.max_connections, 20);
    assert_eq!(settings.health_check_interval, Duration::from_secs(30));
    assert!(settings.retry_on_disconnect && settings.socket_keepalive);
}
