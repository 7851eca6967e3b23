//! Over a stream whose other end says what each test wants.

use std::time::Duration;

use deadpool_redis::redis::{RedisConnectionInfo, cmd, pipe};
use futures_util::future::{FutureExt as _, join_all};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
use tokio::task::JoinHandle;

use super::*;

/// A connection, the server's end of it, and the task that drives it.
async fn connected() -> (Wire, DuplexStream, JoinHandle<()>) {
    let (stream, server) = duplex(1_000_000);
    let settings = RedisConnectionInfo::default().set_skip_set_lib_name();
    let connected = Wire::setup(stream, &settings).await;
    let (mut wire, driver) = connected.expect("nothing is asked");
    wire.set_response_timeout(Duration::from_secs(60));
    (wire, server, tokio::spawn(driver))
}

fn echo(text: &str) -> Cmd {
    let mut echo = cmd("ECHO");
    echo.arg(text);
    echo
}

fn text(text: &str) -> Value {
    Value::BulkString(text.into())
}

/// A server that replies with what it is asked for, one command at a time, until nobody is there.
async fn reply_to_all(mut server: DuplexStream) {
    let mut asked = String::new();
    let mut buffer = [0; 1000];
    while let Ok(count @ 1..) = server.read(&mut buffer).await {
        asked += str::from_utf8(&buffer[..count]).expect("it is text");
        // `*2 $4 ECHO $1 x`
        while let Some((end, _)) = asked.match_indices("\r\n").nth(4) {
            let reply = &asked["*2\r\n$4\r\nECHO\r\n".len()..end + 2];
            server
                .write_all(reply.as_bytes())
                .await
                .expect("it is read");
            asked.drain(..end + 2);
        }
    }
}

#[tokio::test]
async fn each_has_its_own_reply_also_where_others_have_gone() {
    let (wire, server, _) = connected().await;
    tokio::spawn(reply_to_all(server));
    let calls = (0..500).map(|call| {
        let wire = wire.clone();
        async move {
            let name = call.to_string();
            let (one, mut many) = (echo(&name), pipe());
            for part in 0..3 {
                many.add_command(echo(&format!("{name}-{part}")));
            }
            match call % 5 {
                // It has asked, and is gone.
                0 => assert!(wire.one(&one).now_or_never().is_none()),
                1 => assert!(wire.many(&many).now_or_never().is_none()),
                2 => {
                    let replies = wire.many(&many).await.expect("they come");
                    let expected = [0, 1, 2].map(|part| text(&format!("{name}-{part}")));
                    assert_eq!(replies, expected);
                }
                _ => assert_eq!(wire.one(&one).await.expect("it comes"), text(&name)),
            }
        }
    });
    for round in join_all(calls.map(tokio::spawn)).await {
        round.expect("each is right");
    }
}

#[tokio::test]
async fn nobody_waits_when_a_connection_has_ended() {
    for reason in ["closed", "nonsense", "aborted"] {
        let (wire, mut server, driver) = connected().await;
        let waiting = tokio::spawn({
            let wire = wire.clone();
            async move { wire.one(&echo("a")).await }
        });
        let mut asked = [0; 100];
        assert!(server.read(&mut asked).await.is_ok_and(|count| count > 0));
        // Nobody has taken it to be sent yet.
        let command = echo("b");
        let mut queued = Box::pin(wire.one(&command));
        assert!(queued.as_mut().now_or_never().is_none());
        match reason {
            "closed" => drop(server),
            "nonsense" => server.write_all(b"HTTP/1.1\r\n").await.expect("it is read"),
            _ => driver.abort(),
        }
        for ended in [
            waiting.await.expect("no panic"),
            queued.await,
            wire.one(&echo("c")).await,
        ] {
            let error = ended.expect_err("there is no reply");
            assert!(
                error.is_io_error() && !error.is_timeout(),
                "{reason}: {error}"
            );
        }
        assert!(wire.many(&pipe()).await.is_ok_and(|none| none.is_empty()));
    }
}

#[tokio::test]
async fn a_reply_to_nothing_ends_the_connection() {
    let (wire, mut server, driver) = connected().await;
    server.write_all(b"+OK\r\n").await.expect("it is read");
    driver.await.expect("it ends");
    let error = wire.one(&echo("a")).await.expect_err("it has ended");
    assert!(error.to_string().contains("not asked"), "{error}");
}

#[tokio::test]
async fn what_a_server_does_not_take_waits_and_arrives_whole() {
    let (wire, mut server, _) = connected().await;
    // More than the stream holds.
    let long = "x".repeat(3_000_000);
    let command = echo(&long);
    let (first, second) = (wire.one(&command), wire.one(&command));
    let takes_all = async {
        let expected = command.get_packed_command();
        for _ in 0..2 {
            let mut asked = vec![0; expected.len()];
            server
                .read_exact(&mut asked)
                .await
                .expect("all of it comes");
            assert!(asked == expected, "something else arrives");
            server.write_all(b"+OK\r\n").await.expect("it is read");
        }
    };
    let (first, second, ()) = tokio::join!(first, second, takes_all);
    assert_eq!(
        [first.ok(), second.ok()],
        [Some(Value::Okay), Some(Value::Okay)]
    );
}

#[tokio::test]
async fn who_waits_in_vain_is_told_in_time() {
    let (mut wire, _server, _) = connected().await;
    wire.set_response_timeout(Duration::from_millis(1));
    let error = wire.one(&echo("a")).await.expect_err("nobody replies");
    assert!(error.is_timeout(), "{error}");
}
