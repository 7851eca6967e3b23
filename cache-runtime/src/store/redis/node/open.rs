//! Opening a connection.

use std::borrow::Cow;
use std::future::pending;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use deadpool_redis::redis::aio::{ConnectionLike as _, MultiplexedConnection};
use deadpool_redis::redis::io::tcp::{TcpSettings, socket2::SockRef};
use deadpool_redis::redis::{
    Client, Cmd, ConnectionAddr, ConnectionInfo, Pipeline, RedisResult, Value,
};
use deadpool_redis::{Connection, HookError, PoolError, TimeoutType};
use futures_util::future::select_ok;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio::task::AbortHandle;
use tokio::time::timeout;

use super::Node;
use super::handshake::{self, is_unauthenticated};
use super::wire::{Reply, Wire};
use crate::store::redis::failure::Failure;
use crate::util::clock::for_timer;

/// A connection that many share. When the last of its clones is gone, it is closed.
#[derive(Clone)]
pub(super) struct Shared {
    way: Way,
    driver: Arc<Driver>,
}

#[derive(Clone)]
enum Way {
    Own(Wire),
    /// The client library's.
    Library(MultiplexedConnection),
}

/// A task that writes to the server and reads from it; where the client library has one of its own, one that does nothing
/// and ends with the same runtime.
pub(super) struct Driver(AbortHandle);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Shared {
    fn new(way: Way, driver: impl Future<Output = ()> + Send + 'static) -> Self {
        let driver = tokio::spawn(driver).abort_handle();
        Self {
            way,
            driver: Arc::new(Driver(driver)),
        }
    }

    pub(super) fn of_library(connection: MultiplexedConnection) -> Self {
        Self::new(Way::Library(connection), pending())
    }

    /// Whether the runtime that it was made on has ended, or the server has closed it.
    pub(super) fn is_over(&self) -> bool {
        self.driver.0.is_finished()
    }

    /// How long a reply to this clone may take.
    pub(super) fn set_response_timeout(&mut self, time: Duration) {
        match &mut self.way {
            Way::Own(wire) => wire.set_response_timeout(time),
            Way::Library(connection) => connection.set_response_timeout(time),
        }
    }

    /// The reply to a command, which may be an error.
    ///
    /// # Errors
    ///
    /// If there is none, or not in time.
    pub(super) async fn one(&mut self, command: &Cmd) -> RedisResult<Value> {
        match &mut self.way {
            Way::Own(wire) => wire.one(command).await,
            Way::Library(connection) => connection.req_packed_command(command).await,
        }
    }

    /// What is under a key, where that takes no more than a connection of our own that has not ended; with what keeps that
    /// connection from being closed meanwhile.
    pub(super) fn get(self, key: &str) -> Option<(Reply<Value>, Arc<Driver>)> {
        match &self.way {
            Way::Own(wire) => Some((wire.get(key)?, self.driver)),
            Way::Library(_) => None,
        }
    }

    /// The replies to several.
    ///
    /// # Errors
    ///
    /// If there are none, or not in time.
    pub(super) async fn many(&mut self, commands: &Pipeline) -> RedisResult<Vec<Value>> {
        match &mut self.way {
            Way::Own(wire) => wire.many(commands).await,
            Way::Library(connection) => {
                let all = commands.len();
                connection.req_packed_commands(commands, 0, all).await
            }
        }
    }
}

impl Node {
    /// A new connection of the cache's own; one of the pool where only that knows the way, and with TLS.
    pub(super) async fn open(&self) -> Result<Shared, Failure> {
        let info = self.client.as_ref().map(Client::get_connection_info);
        let opened = match info.map(|info| (info, info.addr())) {
            Some((info, ConnectionAddr::Tcp(host, port))) => {
                self.in_time(async {
                    let info = self.introduced(info).await?;
                    let stream = connect(host, *port, info.tcp_settings()).await?;
                    drive(stream, &info).await
                })
                .await
            }
            #[cfg(unix)]
            Some((info, ConnectionAddr::Unix(path))) => {
                self.in_time(async {
                    let info = self.introduced(info).await?;
                    let stream = tokio::net::UnixStream::connect(path).await?;
                    drive(stream, &info).await
                })
                .await
            }
            _ => {
                let connection = self.pool.get().await;
                connection.map(|connection| Shared::of_library(Connection::take(connection)))
            }
        };
        opened.map_err(|error| self.connect_failure(error))
    }

    /// The way to the server, with who connects.
    pub(super) async fn introduced<'i>(
        &self,
        info: &'i ConnectionInfo,
    ) -> RedisResult<Cow<'i, ConnectionInfo>> {
        match &self.credentials {
            Some(credentials) => credentials.for_connection(info).await.map(Cow::Owned),
            None => Ok(Cow::Borrowed(info)),
        }
    }

    fn connect_failure(&self, error: PoolError) -> Failure {
        let error = match error {
            PoolError::PostCreateHook(HookError::Backend(error)) => PoolError::Backend(error),
            error => error,
        };
        match error {
            PoolError::Backend(error) if is_unauthenticated(&error) => {
                let is_asked = self.credentials.is_some();
                handshake::unauthenticated(&self.server, is_asked)
            }
            error => Failure::Connect(error),
        }
    }

    async fn in_time(
        &self,
        opening: impl Future<Output = RedisResult<Shared>>,
    ) -> Result<Shared, PoolError> {
        let opened = timeout(for_timer(self.options.connect_timeout), opening).await;
        opened.map_or(Err(PoolError::Timeout(TimeoutType::Create)), |opened| {
            opened.map_err(PoolError::Backend)
        })
    }
}

/// Whichever of its addresses answers first.
async fn connect(host: &str, port: u16, settings: &TcpSettings) -> io::Result<TcpStream> {
    let addresses = lookup_host((host, port)).await?;
    let attempts: Vec<_> = addresses
        .map(|address| Box::pin(TcpStream::connect(address)))
        .collect();
    if attempts.is_empty() {
        return Err(io::Error::new(
            io::ErrorKind::NotFound,
            format!("{host} has no address"),
        ));
    }
    let (stream, _) = select_ok(attempts).await?;
    stream.set_nodelay(settings.nodelay())?;
    if let Some(keepalive) = settings.keepalive() {
        SockRef::from(&stream).set_tcp_keepalive(keepalive)?;
    }
    Ok(stream)
}

async fn drive<S>(stream: S, info: &ConnectionInfo) -> RedisResult<Shared>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (wire, driver) = Wire::setup(stream, info.redis_settings()).await?;
    Ok(Shared::new(Way::Own(wire), driver))
}

#[cfg(test)]
mod tests {
    use deadpool_redis::redis::{IntoConnectionInfo as _, cmd};
    use futures_util::future::FutureExt as _;
    use tokio::io::AsyncReadExt as _;
    use tokio::net::TcpListener;

    use super::*;

    /// It may never reply.
    #[tokio::test]
    async fn a_connection_that_nobody_has_any_more_is_closed_also_where_a_reply_is_due() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let info = format!("redis://{address}").into_connection_info();
        let info = info.expect("a URL");
        let unnamed = info.redis_settings().clone().set_skip_set_lib_name();
        let info = info.set_redis_settings(unnamed);
        let stream = connect("127.0.0.1", address.port(), info.tcp_settings());
        let shared = drive(stream.await.expect("it listens"), &info).await;
        let mut shared = shared.expect("nothing is asked");
        let mut clone = shared.clone();
        let (mut server, _) = listener.accept().await.expect("a connection");
        let mut received = vec![0; 100];
        let asked = async { clone.one(&cmd("PING")).await };
        tokio::select! {
            replied = asked => panic!("nobody replies: {replied:?}"),
            count = server.read(&mut received) => assert!(count.expect("it was sent") > 0),
        }
        drop(clone);
        assert!(shared.one(&cmd("PING")).now_or_never().is_none());
        drop(shared);
        let rest = timeout(Duration::from_secs(10), server.read_to_end(&mut received));
        rest.await.expect("it is closed").expect("in order");
    }
}
