//! What is known of a server of which nothing is heard.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use deadpool_redis::redis::cmd;
use deadpool_redis::{Config, Runtime};

use super::{Commands, ConnectionOptions, Node, Resend, Role, Server};
use crate::store::keyspace::Keyspace;
use crate::store::redis::failure::Failure;

const DEADLINE: Duration = Duration::from_secs(5);

/// At an address that is listened at, and never replies.
pub(super) fn silent(listener: &TcpListener) -> Arc<Node> {
    listening(listener, Role::ClusterNode)
}

fn listening(listener: &TcpListener, role: Role) -> Arc<Node> {
    let name = listener.local_addr().expect("it is bound").to_string();
    let pool = Config::from_url(format!("redis://{name}")).create_pool(Some(Runtime::Tokio1));
    let server = Server { name, role };
    let options = ConnectionOptions {
        deadline: DEADLINE,
        connect_timeout: DEADLINE,
        response_timeout: DEADLINE,
        health_check_interval: DEADLINE,
        retry_on_disconnect: true,
        clear_after_restart: true,
        clear_after_failover: false,
        keyspace: Keyspace::new(""),
        probe_key: "probe".to_owned(),
    };
    Node::new(server, pool.expect("a pool"), Arc::new(options))
}

#[tokio::test]
async fn who_has_no_time_left_says_nothing_of_a_server() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let node = silent(&listener);
    let ping = cmd("PING");
    for _ in 0..10 {
        let asked = node.ask_within(Duration::ZERO, Commands::One(&ping), Resend::Never);
        assert!(matches!(asked.await, Err(Failure::Timeout(_))));
    }
    assert!(node.is_available());
}

/// Replies to all that is asked over one connection. `is_asked` is called in front of the reply to a `PING`.
fn reply_to_all(mut stream: TcpStream, is_asked: impl Fn()) {
    let mut asked = [0; 4096];
    while let Ok(count @ 1..) = stream.read(&mut asked) {
        let asked = String::from_utf8_lossy(&asked[..count]);
        if asked.contains("PING") {
            is_asked();
        }
        let commands = asked.split("\r\n").filter(|line| line.starts_with('*'));
        let replies = "+OK\r\n".repeat(commands.count());
        if stream.write_all(replies.as_bytes()).is_err() {
            break;
        }
    }
}

#[tokio::test]
async fn a_connection_that_was_begun_before_all_were_given_up_is_made_once_more() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    // Of a sentinel nothing is asked but whether it replies.
    let node = listening(&listener, Role::Sentinel);
    let connections = Arc::new(AtomicUsize::new(0));
    let (server, made) = (node.clone(), connections.clone());
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let is_first = made.fetch_add(1, Ordering::SeqCst) == 0;
            let server = server.clone();
            thread::spawn(move || {
                reply_to_all(stream, || {
                    if is_first {
                        server.abandon_connections();
                    }
                });
            });
        }
    });
    let (generation, _) = node.connect().await.expect("it replies");
    assert_eq!(connections.load(Ordering::SeqCst), 2);
    assert_eq!(node.generation(), generation);
    assert!(node.shared.current().1.is_some());
}
