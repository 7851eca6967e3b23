//! Redis itself, for what the cache does not do: [`deadpool_redis`] with its pools and connections, and everything of
//! the `redis` crate.
//!
//! ```no_run
//! # async fn example(cache: cache_runtime::Cache) -> Result<(), Box<dyn std::error::Error>> {
//! use cache_runtime::redis::cmd;
//!
//! let mut connection = cache.connection().await?;
//! let length: u64 = cmd("LLEN").arg("a_list").query_async(&mut connection).await?;
//! # Ok(())
//! # }
//! ```
//!
//! Everything of this crate that shows a type of theirs is in this module. It follows their major versions: where one
//! of them makes a new one, what stands here changes with it, in a minor release of this crate.

use std::sync::Arc;

pub use deadpool_redis;
pub use deadpool_redis::redis::*;
use deadpool_redis::{CreatePoolError, Pool};

use crate::cache::Cache;
use crate::config::CacheBuilder;
use crate::error::{self, CacheError};
use crate::store::Store;
use crate::store::redis::{Access, Address, Failure, Pools};

impl Cache {
    /// A cache over a pool of the application's own, with the defaults of [`Cache::builder`] for the rest. Copies in memory
    /// (`near`) need connections of the cache's own, so there are none.
    ///
    /// ```
    /// use cache_runtime::Cache;
    /// use cache_runtime::redis::deadpool_redis::{Config, Runtime};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let pool = Config::from_url("redis://127.0.0.1:6379/0").create_pool(Some(Runtime::Tokio1))?;
    /// let cache = Cache::from_pool(pool);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn from_pool(pool: Pool) -> Self {
        CacheBuilder::build_over(pool)
    }

    /// A connection of the pool, for any command and pipeline of Redis. Keys are sent as they are: a
    /// namespace is not put in front. Getting one, and each command on it, takes no longer than `response_timeout`, which is
    /// 5 seconds by default.
    ///
    /// ```no_run
    /// # async fn example(cache: cache_runtime::Cache) -> Result<(), Box<dyn std::error::Error>> {
    /// use cache_runtime::redis::AsyncCommands as _;
    ///
    /// let mut connection = cache.connection().await?;
    /// let visits: u64 = connection.incr("visits", 1).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::MissingClient`](crate::ErrorKind::MissingClient) where there is no Redis,
    /// [`ErrorKind::NoSingleServer`](crate::ErrorKind::NoSingleServer) where it is a cluster; otherwise if it can't be
    /// reached.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives the connection back to the pool.
    pub async fn connection(&self) -> Result<deadpool_redis::Connection, CacheError> {
        self.connect(None).await
    }

    /// A connection of the pool to the server that has this key, and every key of the same hash slot: to the
    /// only server, where it is not a cluster. The key is meant as it is: a namespace is not put in front.
    ///
    /// ```no_run
    /// # async fn example(cache: cache_runtime::Cache) -> Result<(), Box<dyn std::error::Error>> {
    /// use cache_runtime::redis::AsyncCommands as _;
    ///
    /// let mut connection = cache.connection_for("visits").await?;
    /// let visits: u64 = connection.incr("visits", 1).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::MissingClient`](crate::ErrorKind::MissingClient) where there is no Redis; otherwise if it can't be
    /// reached.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives the connection back to the pool.
    pub async fn connection_for(
        &self,
        key: impl AsRef<str>,
    ) -> Result<deadpool_redis::Connection, CacheError> {
        self.connect(Some(key.as_ref())).await
    }

    async fn connect(&self, key: Option<&str>) -> Result<deadpool_redis::Connection, CacheError> {
        match &*self.0.store {
            Store::Redis(store) => store.connection(key).await,
            #[cfg(feature = "memory")]
            Store::Memory(_) => Err(error::ErrorKind::MissingClient.into()),
            Store::Off(_) => Err(error::ErrorKind::MissingClient.into()),
        }
    }
}

impl CacheBuilder {
    /// Connects by a pool of the application's own, in the place of all settings that say where Redis is and how
    /// to connect. Namespace, deadline, response timeout, health check and retry remain those of this builder.
    ///
    /// ```
    /// use cache_runtime::Cache;
    /// use cache_runtime::redis::deadpool_redis::{Config, Runtime};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let pool = Config::from_url("redis://127.0.0.1:6379/0").create_pool(Some(Runtime::Tokio1))?;
    /// let cache = Cache::builder().pool(pool).namespace("blog").build()?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// Not set by default.
    pub fn pool(mut self, pool: Pool) -> Self {
        self.set_pool(pool);
        self
    }

    /// Some nodes of a Redis Cluster, and the application's own pool for each node that there turns out to be: how
    /// it connects is its own affair. Not set by default.
    ///
    /// ```
    /// use cache_runtime::Cache;
    /// use cache_runtime::redis::deadpool_redis::{Config, Runtime};
    ///
    /// let cache = Cache::builder().cluster_pools(["one:6379", "two:6379"], |host, port| {
    ///     let config = Config::from_url(format!("redis://:secret@{host}:{port}"));
    ///     config.create_pool(Some(Runtime::Tokio1))
    /// });
    /// # cache.build()?;
    /// # Ok::<(), cache_runtime::CacheError>(())
    /// ```
    pub fn cluster_pools<T, F>(mut self, nodes: impl IntoIterator<Item = T>, pool: F) -> Self
    where
        T: Into<String>,
        F: Fn(&str, u16) -> Result<Pool, CreatePoolError> + Send + Sync + 'static,
    {
        let make = move |address: &Address| {
            let pool = pool(&address.host, address.port);
            let pool = pool.map(Access::from);
            pool.map_err(|error| CacheError::config("REDIS_CACHE_CLUSTER_NODES", error))
        };
        self.set_cluster_pools(Pools(Arc::new(make)));
        self.cluster_nodes(nodes)
    }
}

impl From<Pool> for Cache {
    fn from(pool: Pool) -> Self {
        Self::from_pool(pool)
    }
}

/// Of a command of the application's own: [`ErrorKind::Server`](crate::ErrorKind::Server), or
/// [`ErrorKind::Connection`](crate::ErrorKind::Connection) where the connection broke.
impl From<RedisError> for CacheError {
    fn from(error: RedisError) -> Self {
        Failure::from(error).into()
    }
}

#[cfg(test)]
mod tests {
    use super::deadpool_redis;
    use crate::cache::Cache;

    #[tokio::test]
    async fn a_pool_of_the_applications_own_does_not_show_how_it_connects() {
        let pool = deadpool_redis::Config::from_url("redis://an-app:s3cret@127.0.0.1:1/0");
        let pool = pool.create_pool(Some(deadpool_redis::Runtime::Tokio1));
        let pool = pool.expect("the URL is right");
        let builder = Cache::builder().pool(pool);
        let cache = builder.clone().build().expect("nothing is wrong");
        let error = cache.connection().await.err().expect("nobody is there");
        let shown = format!("{builder:?}{cache:?}{error:?}{error}");
        assert!(!shown.contains("s3cret"), "{shown}");
        assert!(!shown.contains("an-app"), "{shown}");
    }
}
