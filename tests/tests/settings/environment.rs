//! What an application is told about its environment when it starts.

use std::process::Command;

use cache_runtime::Cache;
use cache_testkit::Log;

/// What the processes of the tests below run: this binary, asked for this one test.
#[test]
#[ignore = "the process that the other tests start"]
fn a_process_with_an_environment_of_its_own() {
    let log = Log::start();
    let cache = Cache::from_env();
    // Behind the name of this test.
    println!();
    for event in log.events() {
        println!("{event}");
    }
    match cache {
        Ok(cache) => println!("its store is {}", cache.store_name()),
        Err(error) => println!("its error is {error}"),
    }
}

/// The log and the outcome, line by line.
fn start(environment: &[(&str, &str)]) -> Vec<String> {
    let binary = std::env::current_exe().expect("this test");
    let name = "environment::a_process_with_an_environment_of_its_own";
    let output = Command::new(binary)
        .args([name, "--exact", "--ignored", "--nocapture"])
        .env_clear()
        .envs(environment.iter().copied())
        .output()
        .expect("it runs");
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).expect("text");
    let is_ours = |line: &&str| line.contains("environment variable") || line.starts_with("its ");
    text.lines().filter(is_ours).map(str::to_owned).collect()
}

#[track_caller]
fn assert_said(environment: &[(&str, &str)], expected: &[&str]) {
    let lines = start(environment);
    let lines: Vec<_> = lines.iter().map(|line| line.trim()).collect();
    assert_eq!(lines, expected);
}

#[test]
fn nothing_is_said_of_an_environment_without_mistakes() {
    assert_said(&[], &["its store is in-process store"]);
    assert_said(
        &[
            ("REDIS_CACHE_HOST", ""),
            ("REDIS_CACHE_PORT", ""),
            ("REDIS_CACHE_HOSST", ""),
        ],
        &["its store is in-process store"],
    );
    assert_said(
        &[("REDIS_CACHE_HOST", "redis"), ("REDIS_CACHE_PORT", "")],
        &["its store is redis://redis:6379/0"],
    );
}

#[test]
fn a_cache_that_is_turned_off_is_off_whatever_else_is_set() {
    assert_said(&[("REDIS_CACHE_ENABLED", "false")], &["its store is off"]);
    assert_said(
        &[
            ("REDIS_CACHE_ENABLED", "0"),
            ("REDIS_CACHE_HOST", "redis"),
            ("REDIS_CACHE_SENTINEL_MASTER", "without sentinels"),
        ],
        &["its store is off"],
    );
    assert_said(
        &[("REDIS_CACHE_ENABLED", "true")],
        &["its store is in-process store"],
    );
}

#[test]
fn a_service_called_redis_cache_is_told_of_in_one_line() {
    let said = |store: &str, host: &[(&str, &str)]| {
        let service = [
            ("REDIS_CACHE_PORT", "tcp://10.0.0.5:6379"),
            ("REDIS_CACHE_SERVICE_HOST", "10.0.0.5"),
        ];
        let lines = start(&[&service, host].concat());
        let [line, outcome] = lines.as_slice() else {
            panic!("not one line and an outcome: {lines:#?}");
        };
        assert!(
            line.trim_start().starts_with("INFO cache_runtime: "),
            "{line}"
        );
        assert!(line.contains("REDIS_CACHE_PORT"), "{line}");
        assert!(line.contains("REDIS_CACHE_SERVICE_HOST"), "{line}");
        assert!(!line.contains("10.0.0.5"), "{line}");
        assert_eq!(outcome, &format!("its store is {store}"));
    };
    said("in-process store", &[]);
    said("redis://redis:6379/0", &[("REDIS_CACHE_HOST", "redis")]);
}

#[test]
fn a_misspelt_variable_is_told_of_with_the_closest_name_and_with_what_it_leads_to() {
    assert_said(
        &[("REDIS_CACHE_HOSST", "s3cret")],
        &[
            "WARN cache_runtime: unknown environment variable ignored variable=REDIS_CACHE_HOSST did_you_mean=REDIS_CACHE_HOST store=in-process store",
            "its store is in-process store",
        ],
    );
    assert_said(
        &[
            ("REDIS_CACHE_HOST", "redis"),
            ("REDIS_CACHE_PASWORD", "s3cret"),
        ],
        &[
            "WARN cache_runtime: unknown environment variable ignored variable=REDIS_CACHE_PASWORD did_you_mean=REDIS_CACHE_PASSWORD",
            "its store is redis://redis:6379/0",
        ],
    );
    assert_said(
        &[("REDIS_CACHE_TTL", "s3cret"), ("REDIS_CACHE_DB", "1")],
        &[
            "WARN cache_runtime: unknown environment variable ignored variable=REDIS_CACHE_TTL",
            "its store is redis://localhost:6379/1",
        ],
    );
}

#[test]
fn a_mistake_is_an_error_that_names_the_variable_and_what_it_accepts() {
    assert_said(
        &[
            ("REDIS_CACHE_PORT", "s3cret"),
            ("REDIS_CACHE_HOST", "redis"),
        ],
        &["its error is REDIS_CACHE_PORT: must be a port, 1 to 65535"],
    );
    assert_said(
        &[("REDIS_CACHE_URL", "redis://:s3cret@:port:/x")],
        &[
            "its error is REDIS_CACHE_URL: must be a URL such as redis://user:password@host:6379/0, rediss://… for TLS, or redis+unix:///path/to/socket?db=0",
        ],
    );
}
