//! Encrypted connections, sockets, and users with passwords.

use std::fs;
use std::path::Path;
use std::time::Duration;

use cache_runtime::{BreakerState, CacheBuilder, CacheError, Settings};
use cache_tests::{Authority, RedisServer, Validity};

use crate::blog::Blog;
use crate::log::Log;
use crate::patient;

/// What a server does not say is not in the log either.
const NO_WORD: &str = "no connection to Redis";

fn blog(settings: CacheBuilder) -> Blog {
    Blog::new(settings.build().expect("the settings can be used"))
}

fn at(server: &RedisServer) -> CacheBuilder {
    patient().host("127.0.0.1").port(server.port()).tls(true)
}

fn start(authority: &Authority) -> RedisServer {
    RedisServer::start_tls(authority, &["127.0.0.1"], Validity::Now, false)
}

/// The functions answer as if there were no cache, and the log says in one line why.
async fn is_refused(settings: CacheBuilder, part: &str) {
    let log = Log::start();
    let blog = blog(settings);
    blog.answers().await;
    let stats = blog.cache.stats();
    assert_eq!((stats.hits, stats.fills), (0, 0), "{stats:?}");
    assert_eq!(stats.breaker, BreakerState::Open);
    log.says(&["127.0.0.1", part]);
}

/// Nothing in this process has chosen who does the encryption.
#[tokio::test]
async fn an_encrypted_server_is_used_by_url_and_by_host() {
    let authority = Authority::new();
    let server = start(&authority);
    let log = Log::start();
    for settings in [patient().url(server.url()), at(&server)] {
        let blog = blog(settings.tls_ca(authority.ca_file()));
        blog.works().await;
        let mut connection = blog.cache.connection().await.expect("a connection");
        let pong: String = redis::cmd("PING")
            .query_async(&mut connection)
            .await
            .expect("it answers");
        assert_eq!(pong, "PONG");
        let name = format!("rediss://127.0.0.1:{}/0", server.port());
        assert_eq!(blog.cache.store_name(), name);
    }
    assert_eq!(log.lines(), [""; 0]);
    assert!(server.keys().iter().any(|key| key.ends_with("_page:1")));
}

#[tokio::test]
async fn a_server_that_asks_for_a_certificate_gets_it() {
    let authority = Authority::new();
    let server = RedisServer::start_tls(&authority, &["127.0.0.1"], Validity::Now, true);
    let client = authority.issue(&["a client"], Validity::Now);
    let trusting = || at(&server).tls_ca(authority.ca_file());
    blog(trusting().tls_client(client.file(), client.key_file()))
        .works()
        .await;

    let other = Authority::new();
    let stranger = other.issue(&["a client"], Validity::Now);
    let strange = trusting().tls_client(stranger.file(), stranger.key_file());
    is_refused(strange, NO_WORD).await;
    is_refused(trusting(), NO_WORD).await;
}

#[tokio::test]
async fn a_certificate_for_another_name_is_refused() {
    let authority = Authority::new();
    let server = RedisServer::start_tls(&authority, &["another"], Validity::Now, false);
    is_refused(at(&server).tls_ca(authority.ca_file()), "another").await;
}

#[tokio::test]
async fn a_certificate_that_has_expired_is_refused() {
    let authority = Authority::new();
    let server = RedisServer::start_tls(&authority, &["127.0.0.1"], Validity::Past, false);
    is_refused(at(&server).tls_ca(authority.ca_file()), "expired").await;
}

#[tokio::test]
async fn a_certificate_of_another_authority_is_refused() {
    let authority = Authority::new();
    let server = start(&authority);
    let other = Authority::new();
    let part = "invalid peer certificate";
    is_refused(at(&server).tls_ca(other.ca_file()), part).await;
    is_refused(at(&server), part).await;
}

#[tokio::test]
async fn a_server_that_does_not_encrypt_is_refused_and_so_is_one_that_does() {
    let authority = Authority::new();
    let plain = RedisServer::start();
    let hurried = at(&plain).connect_timeout(Duration::from_secs(1));
    is_refused(hurried.tls_ca(authority.ca_file()), NO_WORD).await;
    let server = start(&authority);
    is_refused(at(&server).tls(false), NO_WORD).await;
}

#[test]
fn files_that_are_no_good_are_named_when_the_cache_is_made() {
    let authority = Authority::new();
    let client = authority.issue(&["a client"], Validity::Now);
    let other = authority.issue(&["a client"], Validity::Now);
    let directory = tempfile::tempdir().expect("a directory for temporary files");
    let missing = directory.path().join("missing");
    let text = directory.path().join("text");
    fs::write(&text, "no certificate").expect("a file of our own");
    let empty = directory.path().join("empty");
    let mark = "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n";
    fs::write(&empty, mark).expect("a file of our own");

    let settings = || patient().host("127.0.0.1").port(1).tls(true);
    let with = |certificate: &Path, key: &Path| settings().tls_client(certificate, key);
    for (setting, settings) in [
        ("REDIS_CACHE_TLS_CA", settings().tls_ca(&missing)),
        ("REDIS_CACHE_TLS_CA", settings().tls_ca(&text)),
        ("REDIS_CACHE_TLS_CA", settings().tls_ca(&empty)),
        ("REDIS_CACHE_TLS_CA", settings().tls_ca(client.key_file())),
        ("REDIS_CACHE_TLS_CERT", with(&missing, client.key_file())),
        ("REDIS_CACHE_TLS_CERT", with(&text, client.key_file())),
        (
            "REDIS_CACHE_TLS_CERT",
            with(client.key_file(), client.key_file()),
        ),
        ("REDIS_CACHE_TLS_KEY", with(client.file(), &missing)),
        ("REDIS_CACHE_TLS_KEY", with(client.file(), &text)),
        ("REDIS_CACHE_TLS_KEY", with(client.file(), client.file())),
        ("REDIS_CACHE_TLS_KEY", with(client.file(), other.key_file())),
    ] {
        assert_config_error(settings, setting);
    }
}

#[track_caller]
fn assert_config_error(settings: CacheBuilder, name: &str) {
    match settings.build() {
        Err(CacheError::Config { setting, reason }) => assert_eq!(setting, name, "{reason}"),
        other => panic!("{name}: {other:?}"),
    }
}

#[tokio::test]
async fn a_socket_is_used_and_so_is_another_database_of_it() {
    let server = RedisServer::start_unix();
    let log = Log::start();
    blog(patient().url(server.url())).works().await;
    let url = format!("{}?db=1", server.url());
    let blog = blog(patient().url(&url));
    blog.works().await;
    assert_eq!(blog.cache.store_name(), url);
    let keyspace: String = server.run(&["INFO", "keyspace"]);
    assert!(
        keyspace.contains("db0:") && keyspace.contains("db1:"),
        "{keyspace}"
    );
    assert_eq!(log.lines(), [""; 0]);
}

#[tokio::test]
async fn a_user_with_a_password_is_named_by_url_and_by_settings() {
    let server = RedisServer::start_with(&["--requirepass", "another"]);
    let user = ["ACL", "SETUSER", "app", "on", ">p@ss:/word", "~*", "+@all"];
    let () = server.run(&user);
    let port = server.port();
    let log = Log::start();
    let url = format!("redis://app:p%40ss%3A%2Fword@127.0.0.1:{port}/0");
    let named = patient().host("127.0.0.1").port(port).username("app");
    for settings in [patient().url(url), named.clone().password("p@ss:/word")] {
        blog(settings).works().await;
    }
    assert_eq!(log.lines(), [""; 0]);
    drop(log);
    is_refused(named.password("another"), "REDIS_CACHE_USERNAME").await;
}

#[test]
fn a_certificate_without_its_key_is_refused() {
    let authority = Authority::new();
    let client = authority.issue(&["a client"], Validity::Now);
    for (missing, given, file) in [
        ("REDIS_CACHE_TLS_KEY", "REDIS_CACHE_TLS_CERT", client.file()),
        (
            "REDIS_CACHE_TLS_CERT",
            "REDIS_CACHE_TLS_KEY",
            client.key_file(),
        ),
    ] {
        let settings = serde_json::json!({"REDIS_CACHE_TLS": true, given: file});
        let settings: Settings = serde_json::from_value(settings).expect("both are right");
        assert_config_error(settings.into(), missing);
    }
}
