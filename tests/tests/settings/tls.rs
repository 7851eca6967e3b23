//! Encrypted connections.

use std::fs;
use std::path::Path;

use cache_runtime::{CacheBuilder, Settings};
use cache_testkit::log::messages::NO_CONNECTION;
use cache_testkit::{Authority, Blog, Log, RedisServer, SECOND, Validity, cache_builder};

use crate::is_bypassed_and_says;

fn at(server: &RedisServer) -> CacheBuilder {
    cache_builder()
        .host("127.0.0.1")
        .port(server.port())
        .tls(true)
}

fn start(authority: &Authority) -> RedisServer {
    RedisServer::start_tls(authority, &["127.0.0.1"], Validity::Now, false)
}

async fn is_refused(settings: CacheBuilder, part: &str) {
    is_bypassed_and_says(settings, &["127.0.0.1", part]).await;
}

/// Nothing in this process has chosen who does the encryption.
#[tokio::test]
async fn an_encrypted_server_is_used_by_url_and_by_host() {
    let authority = Authority::new();
    let server = start(&authority);
    let log = Log::start();
    for settings in [cache_builder().url(server.url()), at(&server)] {
        let blog = Blog::new(settings.tls_ca(authority.ca_file()));
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
    Blog::new(trusting().tls_client(client.file(), client.key_file()))
        .works()
        .await;

    let other = Authority::new();
    let stranger = other.issue(&["a client"], Validity::Now);
    let strange = trusting().tls_client(stranger.file(), stranger.key_file());
    is_refused(strange, NO_CONNECTION).await;
    is_refused(trusting(), NO_CONNECTION).await;
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
    let hurried = at(&plain).connect_timeout(SECOND);
    is_refused(hurried.tls_ca(authority.ca_file()), NO_CONNECTION).await;
    let server = start(&authority);
    is_refused(at(&server).tls(false), NO_CONNECTION).await;
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

    let settings = || cache_builder().host("127.0.0.1").port(1).tls(true);
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
        Err(error) => assert_eq!(error.setting(), Some(name), "{error}"),
        other => panic!("{name}: {other:?}"),
    }
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
