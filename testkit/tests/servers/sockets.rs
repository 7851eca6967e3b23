//! Servers on a Unix socket, and with TLS.

use std::io::{Read, Write};
use std::net::TcpStream;

use cache_testkit::{Authority, RedisServer, Validity};

#[test]
fn a_server_on_a_socket_has_no_port() {
    let server = RedisServer::start_unix();
    let () = server.run(&["SET", "key", "value"]);
    assert_eq!(server.keys(), ["key"]);
    assert_eq!(server.port(), 0);
    assert_eq!(setting(&server, "port"), "0");

    let socket = server.socket().to_owned();
    assert_eq!(server.url(), format!("redis+unix://{}", socket.display()));
    assert!(socket.exists());
    drop(server);
    assert!(!socket.exists());
}

#[test]
fn a_server_with_tls_speaks_nothing_else() {
    let authority = Authority::new();
    let mut server = RedisServer::start_tls(&authority, &["localhost"], Validity::Now, true);
    server.restart();
    let () = server.run(&["SET", "key", "value"]);
    assert_eq!(server.keys(), ["key"]);
    assert_eq!(setting(&server, "tls-auth-clients"), "yes");

    let mut connection = TcpStream::connect(("127.0.0.1", server.port())).expect("it listens");
    let empty_hello = [22, 3, 1, 0, 4, 1, 0, 0, 0];
    connection.write_all(&empty_hello).expect("it reads");
    let mut answer = Vec::new();
    let _ = connection.read_to_end(&mut answer);
    let alert = [21, 3];
    assert!(answer.starts_with(&alert), "{answer:?}");
}

#[test]
fn a_server_with_tls_may_have_a_certificate_that_has_expired() {
    let authority = Authority::new();
    let names = ["127.0.0.1", "localhost"];
    let server = RedisServer::start_tls(&authority, &names, Validity::Past, false);
    assert_eq!(setting(&server, "tls-auth-clients"), "no");
    assert_eq!(
        server.url(),
        format!("rediss://127.0.0.1:{}/0", server.port())
    );
}

fn setting(server: &RedisServer, name: &str) -> String {
    let (_, value): (String, String) = server.run(&["CONFIG", "GET", name]);
    value
}
