//! Sockets, databases, and users with passwords.

use cache_testkit::{Blog, Log, RedisServer, cache_builder};

use crate::is_bypassed_and_says;

#[tokio::test]
async fn a_socket_is_used_and_so_is_another_database_of_it() {
    let server = RedisServer::start_unix();
    let log = Log::start();
    Blog::new(cache_builder().url(server.url())).works().await;
    let url = format!("{}?db=1", server.url());
    let blog = Blog::new(cache_builder().url(&url));
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
    let named = cache_builder().host("127.0.0.1").port(port).username("app");
    for settings in [
        cache_builder().url(url),
        named.clone().password("p@ss:/word"),
    ] {
        Blog::new(settings).works().await;
    }
    assert_eq!(log.lines(), [""; 0]);
    drop(log);
    let parts = ["127.0.0.1", "REDIS_CACHE_USERNAME"];
    is_bypassed_and_says(named.password("another"), &parts).await;
}
