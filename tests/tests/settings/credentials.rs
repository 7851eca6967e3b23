//! Who connects: a password in a file, and what an application says anew for each connection.

use std::convert::Infallible;
use std::fs;
use std::sync::{Arc, Mutex};

use cache_runtime::{Cache, CacheBuilder, CacheError, Credentials, ErrorKind, cache};
use cache_testkit::{
    Authority, Blog, Log, MINUTE, RedisCluster, RedisServer, Runs, SentinelSet, Validity,
    cache_builder, eventually,
};

use crate::is_bypassed_and_says;

fn at(server: &RedisServer) -> CacheBuilder {
    cache_builder().host("127.0.0.1").port(server.port())
}

#[tokio::test]
async fn a_password_in_a_file_is_that_of_its_line() {
    let server = RedisServer::start_with(&["--requirepass", " s3cret "]);
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("password");
    for text in [" s3cret ", " s3cret \n", " s3cret \r\n"] {
        fs::write(&file, text).expect("it can be written");
        Blog::new(at(&server).password_file(&file)).works().await;
    }
    // Only the end of the line is cut off.
    fs::write(&file, " s3cret \n\n").expect("it can be written");
    is_bypassed_and_says(at(&server).password_file(&file), &["REDIS_CACHE_PASSWORD"]).await;

    let refused = |file: &std::path::Path| -> CacheError {
        let built = at(&server).password_file(file).build();
        built.expect_err("it can't be used")
    };
    for text in [&b""[..], b"\n", b"s3cret\xff"] {
        fs::write(&file, text).expect("it can be written");
        let error = refused(&file);
        assert_eq!(error.setting(), Some("REDIS_CACHE_PASSWORD_FILE"));
        assert!(!format!("{error}{error:?}").contains("s3cret"), "{error}");
    }
    let error = refused(&directory.path().join("no file"));
    let message = error.to_string();
    let beginning = "REDIS_CACHE_PASSWORD_FILE: can't be read: ";
    assert!(message.starts_with(beginning), "{message}");
}

/// What an application says for each connection.
#[derive(Clone)]
struct Tokens {
    current: Arc<Mutex<String>>,
    asked: Runs,
}

impl Tokens {
    fn new(token: &str) -> Self {
        Self {
            current: Arc::new(Mutex::new(token.to_owned())),
            asked: Runs::default(),
        }
    }

    fn set(&self, token: &str) {
        token.clone_into(&mut self.current.lock().expect("no panic"));
    }

    fn give(&self) -> Credentials {
        self.asked.count();
        let token = self.current.lock().expect("no panic").clone();
        Credentials::new("app", token)
    }
}

/// The user that the tokens are for, with this one.
fn allow(server: &RedisServer, token: &str) {
    let password = format!(">{token}");
    let user = [
        "ACL", "SETUSER", "app", "reset", "on", &password, "~*", "&*", "+@all",
    ];
    let () = server.run(&user);
}

/// No one else may do anything.
fn start() -> RedisServer {
    let server = RedisServer::start_with(&["--requirepass", "of-the-test"]);
    allow(&server, "first");
    server
}

fn by(settings: CacheBuilder, tokens: &Tokens) -> CacheBuilder {
    let tokens = tokens.clone();
    settings.credentials(move || {
        let tokens = tokens.clone();
        async move { Ok::<_, Infallible>(tokens.give()) }
    })
}

#[tokio::test]
async fn each_new_connection_asks_for_its_credentials() {
    let (server, tokens) = (start(), Tokens::new("first"));
    let blog = Blog::new(by(at(&server).db(3), &tokens));
    blog.works().await;
    let asked = tokens.asked.get();
    assert!(asked > 0);
    blog.works().await;
    assert_eq!(tokens.asked.get(), asked, "there is a connection");

    // One of the pool, in the same database.
    blog.cache.set("key", &7, MINUTE).await.expect("set");
    let mut connection = blog.cache.connection().await.expect("a connection");
    let value: u64 = redis::cmd("GET")
        .arg("key")
        .query_async(&mut connection)
        .await
        .expect("it may read");
    assert_eq!(value, 7);
    let who: String = redis::cmd("ACL")
        .arg("WHOAMI")
        .query_async(&mut connection)
        .await
        .expect("it may ask");
    assert_eq!(who, "app");
    assert_eq!(tokens.asked.get(), asked + 1);

    // The token has expired, and the server ends what was connected by it.
    allow(&server, "second");
    tokens.set("second");
    let _: u64 = server.run(&["CLIENT", "KILL", "USER", "app"]);
    blog.comes_back().await;
    blog.works().await;
    assert!(tokens.asked.get() > asked + 1);
}

#[tokio::test]
async fn while_they_are_refused_calls_run_uncached_and_a_probe_asks_again() {
    let (server, tokens) = (start(), Tokens::new("wrong"));
    let log = Log::start();
    let blog = Blog::new(by(at(&server), &tokens));
    blog.answers().await;
    assert_eq!(blog.cache.stats().fills, 0);
    log.says(&[&server.address(), "REDIS_CACHE_PASSWORD", "credentials"]);
    drop(log);
    tokens.set("first");
    blog.comes_back().await;
    blog.works().await;
}

#[tokio::test]
async fn where_they_can_not_be_had_the_log_has_the_reason() {
    let server = start();
    let settings = at(&server).credentials(async || Err("the office is closed"));
    is_bypassed_and_says(settings, &["could not be had", "the office is closed"]).await;
}

#[cache("near", near = "50ms", cache = cache, skip(runs))]
async fn near(cache: &Cache, runs: &Runs) -> u64 {
    runs.count()
}

#[tokio::test]
async fn whatever_connects_asks() {
    let tokens = Tokens::new("first");
    let server = start();
    let cache = by(at(&server), &tokens).build().expect("right");
    let runs = Runs::default();
    eventually("the server tells what changes", async || {
        near(&cache, &runs).await;
        cache.stats().near.hits > 0
    })
    .await;
    // And a connection for large values.
    let large = "large".repeat(100_000);
    cache.set("large", &large, MINUTE).await.expect("set");
    assert_eq!(cache.get("large").await.expect("get"), Some(large));

    let authority = Authority::new();
    let encrypted = RedisServer::start_tls(&authority, &["127.0.0.1"], Validity::Now, false);
    allow(&encrypted, "first");
    let () = encrypted.run(&["ACL", "SETUSER", "default", "off"]);
    let tls = at(&encrypted).tls(true).tls_ca(authority.ca_file()).db(2);
    Blog::new(by(tls, &tokens)).works().await;

    let cluster = RedisCluster::start_with(&["--requirepass", "secret", "--masterauth", "secret"]);
    for node in 0..6 {
        allow(cluster.node(node), "first");
    }
    let blog = Blog::new(by(cluster.cache_builder(), &tokens));
    blog.works().await;
    blog.cache.ping().await.expect("each node replies");

    let set = SentinelSet::start_with_passwords("secret", "another");
    for index in 0..2 {
        allow(set.server(index), "first");
    }
    let asked = Runs::default();
    let settings = by(set.cache_builder(), &tokens).sentinel_credentials({
        let asked = asked.clone();
        move || {
            asked.count();
            async { Ok::<_, Infallible>(Credentials::new("", "another")) }
        }
    });
    Blog::new(settings).works().await;
    assert!(asked.get() > 0);
}

#[test]
fn credentials_that_are_asked_for_are_the_only_ones() {
    fn asked(settings: CacheBuilder) -> CacheBuilder {
        settings.credentials(async || Ok::<_, Infallible>(Credentials::new("", "s3cret")))
    }
    fn of_sentinels(settings: CacheBuilder) -> CacheBuilder {
        settings.sentinel_credentials(async || Ok::<_, Infallible>(Credentials::new("", "s3cret")))
    }
    let builder = Cache::builder;
    let sentinels = || builder().sentinels(["one:1"], "cache");
    for (settings, named) in [
        (asked(builder().password("s3cret")), "REDIS_CACHE_PASSWORD"),
        (
            asked(builder().password_file("a file")),
            "REDIS_CACHE_PASSWORD_FILE",
        ),
        (asked(builder().username("app")), "REDIS_CACHE_USERNAME"),
        (
            asked(builder().url("redis://:s3cret@one:1/0")),
            "REDIS_CACHE_URL",
        ),
        (
            asked(builder().url("redis://app@one:1/0")),
            "REDIS_CACHE_URL",
        ),
        (asked(builder().in_memory(1000)), "REDIS_CACHE_PASSWORD"),
        (of_sentinels(builder()), "REDIS_CACHE_SENTINELS"),
        (
            of_sentinels(sentinels().sentinel_password("s3cret")),
            "REDIS_CACHE_SENTINEL_PASSWORD",
        ),
        (
            of_sentinels(sentinels().sentinel_username("app")),
            "REDIS_CACHE_SENTINEL_USERNAME",
        ),
    ] {
        let shown = format!("{settings:?}");
        let error = settings.build().expect_err(named);
        assert_eq!(error.kind(), ErrorKind::Config);
        assert_eq!(error.setting(), Some(named), "{error}");
        assert!(!format!("{shown}{error}{error:?}").contains("s3cret"));
    }
    for settings in [
        asked(builder().url("redis://one:1/0")),
        asked(sentinels().sentinel_password("s3cret")),
        of_sentinels(sentinels().password("s3cret")),
    ] {
        settings.build().expect("right");
    }
    let shown = format!("{:?}", Credentials::new("app", "s3cret"));
    assert_eq!(shown, "Credentials(…)");
}
