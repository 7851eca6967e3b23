//! What is known of a server of which nothing is heard.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use deadpool_redis::redis::cmd;
use deadpool_redis::{Config, Runtime};

use super::{Commands, ConnectionOptions, Node, Resend, Role, Server};
use crate::store::keyspace::Keyspace;
use crate::store::redis::failure::Failure;

const DEADLINE: Duration = Duration::from_secs(5);

/// At an address that is listened at, and never replies.
pub(super) fn silent(listener: &TcpListener) -> Arc<Node> {
    let name = listener.local_addr().expect("it is bound").to_string();
    let pool = Config::from_url(format!("redis://{name}")).create_pool(Some(Runtime::Tokio1));
    let server = Server {
        name,
        role: Role::ClusterNode,
    };
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
