//! Who connects, where that is asked for each new connection.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use deadpool_redis::redis::aio::MultiplexedConnection;
use deadpool_redis::redis::{ConnectionInfo, ErrorKind, RedisError, RedisResult, cmd};
use deadpool_redis::{Hook, HookError};
use futures_util::future::{BoxFuture, FutureExt as _};

/// A user name and a password, or a token in the place of it: for
/// [`CacheBuilder::credentials`](crate::CacheBuilder::credentials).
///
/// Its [`Debug`](fmt::Debug) output shows neither.
///
/// ```
/// use cache_runtime::Credentials;
///
/// let credentials = Credentials::new("an-app", "s3cret");
/// assert_eq!(format!("{credentials:?}"), "Credentials(…)");
/// ```
#[derive(Clone)]
pub struct Credentials {
    username: String,
    password: String,
}

impl Credentials {
    /// The credentials of this user. Leave the name empty for a server without users of its own.
    ///
    /// ```
    /// use cache_runtime::Credentials;
    ///
    /// let of_a_user = Credentials::new("an-app", "s3cret");
    /// let of_the_server = Credentials::new("", "s3cret");
    /// ```
    pub fn new(username: impl Into<String>, password: impl Into<String>) -> Self {
        Self {
            username: username.into(),
            password: password.into(),
        }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(…)")
    }
}

type Asked = Result<Credentials, Box<dyn Error + Send + Sync>>;

/// Where credentials come from.
#[derive(Clone)]
pub(crate) struct CredentialsSource(Arc<dyn Fn() -> BoxFuture<'static, Asked> + Send + Sync>);

impl CredentialsSource {
    pub(crate) fn new<F, R, E>(ask: F) -> Self
    where
        F: Fn() -> R + Send + Sync + 'static,
        R: Future<Output = Result<Credentials, E>> + Send + 'static,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        Self(Arc::new(move || {
            let asked = ask();
            async move { asked.await.map_err(Into::into) }.boxed()
        }))
    }

    async fn ask(&self) -> RedisResult<Credentials> {
        (self.0)().await.map_err(|error| {
            let what = "the credentials for a connection could not be had";
            RedisError::from((ErrorKind::Client, what, error.to_string()))
        })
    }

    /// The way to a server, with what is to be said there.
    pub(super) async fn for_connection(
        &self,
        info: &ConnectionInfo,
    ) -> RedisResult<ConnectionInfo> {
        let Credentials { username, password } = self.ask().await?;
        let mut settings = info.redis_settings().clone().set_password(password);
        if !username.is_empty() {
            settings = settings.set_username(username);
        }
        Ok(info.clone().set_redis_settings(settings))
    }

    /// Says it on each new connection of a pool, which has to say nothing by itself, and chooses the database.
    pub(crate) fn hook(self, db: i64) -> Hook {
        Hook::async_fn(move |connection, _| {
            let source = self.clone();
            async move {
                let introduced = source.introduce(connection, db).await;
                introduced.map_err(HookError::Backend)
            }
            .boxed()
        })
    }

    async fn introduce(&self, connection: &mut MultiplexedConnection, db: i64) -> RedisResult<()> {
        let Credentials { username, password } = self.ask().await?;
        let mut auth = cmd("AUTH");
        if !username.is_empty() {
            auth.arg(username);
        }
        auth.arg(password).exec_async(connection).await?;
        if db == 0 {
            return Ok(());
        }
        cmd("SELECT").arg(db).exec_async(connection).await
    }
}

impl fmt::Debug for CredentialsSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CredentialsSource")
    }
}
