//! What one would write by hand, or take from another crate, as the state of an application.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use cache_runtime::redis::aio::MultiplexedConnection;
use cache_runtime::redis::deadpool_redis::{Config, Pool, Runtime};
use cache_runtime::redis::{AsyncCommands as _, Client};
use cached::{AsyncRedisCache, ConcurrentCachedAsync as _};

use crate::barrier::Barrier;
use crate::records::{Record, json, records};

/// Shared as the state of most applications is: a layer has axum clone it once more for each request.
pub(crate) struct ByHand {
    pub(crate) bodies: moka::sync::Cache<String, Bytes>,
    pub(crate) connection: MultiplexedConnection,
    pub(crate) barrier: Barrier,
    pub(crate) pool: Pool,
    pub(crate) cached: AsyncRedisCache<usize, Vec<Record>>,
    /// The same, with copies in memory that the server invalidates.
    pub(crate) client_side: AsyncRedisCache<usize, Vec<Record>>,
}

impl ByHand {
    pub(crate) async fn new(url: &str) -> Arc<Self> {
        let client = Client::open(url).expect("the URL is right");
        let connection = client.get_multiplexed_async_connection().await;
        let pool = Config::from_url(url).create_pool(Some(Runtime::Tokio1));
        let cached = || AsyncRedisCache::builder("cached").connection_string(url);
        let client_side = cached().client_side_caching(true);
        let connection = connection.expect("it listens");
        Arc::new(Self {
            bodies: moka::sync::Cache::new(100),
            barrier: Barrier::new(connection.clone()),
            connection,
            pool: pool.expect("the URL is right"),
            cached: cached().build().await.expect("it listens"),
            client_side: client_side.build().await.expect("it listens"),
        })
    }

    /// Puts so many records where each of them looks.
    pub(crate) async fn store(&self, count: usize) {
        let mut connection = self.connection.clone();
        let () = connection
            .set(key(count), json(count))
            .await
            .expect("it listens");
        self.bodies.insert(key(count), json(count).into());
        let stored = self.cached.async_cache_set(count, records(count)).await;
        stored.expect("it listens");
    }

    pub(crate) async fn raw(&self, count: usize) -> Vec<u8> {
        let mut connection = self.connection.clone();
        connection.get(key(count)).await.expect("it was stored")
    }

    pub(crate) async fn decoded(&self, count: usize) -> Vec<Record> {
        let entry = self.raw(count).await;
        serde_json::from_slice(&entry).expect("it is JSON")
    }

    pub(crate) async fn pooled(&self, count: usize) -> Vec<Record> {
        let mut connection = self.pool.get().await.expect("a connection");
        let entry: Vec<u8> = connection.get(key(count)).await.expect("it was stored");
        serde_json::from_slice(&entry).expect("it is JSON")
    }

    pub(crate) async fn by_cached(&self, count: usize) -> Vec<Record> {
        found(&self.cached, count).await
    }

    pub(crate) async fn by_client_side(&self, count: usize) -> Vec<Record> {
        found(&self.client_side, count).await
    }

    /// What a miss takes: look, load, store.
    pub(crate) async fn load(&self, id: usize, count: usize) {
        let mut connection = self.connection.clone();
        let key = format!("of:{id}:{count}");
        let entry: Option<Vec<u8>> = connection.get(&key).await.expect("it listens");
        if entry.is_none() {
            let () = connection
                .set_ex(key, json(count), 60)
                .await
                .expect("it listens");
        }
    }

    pub(crate) async fn remove(&self, id: usize, count: usize) {
        let mut connection = self.connection.clone();
        let () = connection
            .del(format!("of:{id}:{count}"))
            .await
            .expect("it listens");
    }

    pub(crate) fn copied(&self, count: usize) -> Bytes {
        self.bodies.get(&key(count)).expect("it was stored")
    }
}

/// On a busy machine a reply may take longer than its connection waits, which is half a second and can't be changed.
async fn found(cache: &AsyncRedisCache<usize, Vec<Record>>, count: usize) -> Vec<Record> {
    loop {
        if let Ok(found) = cache.async_cache_get(&count).await {
            return found.expect("it was stored");
        }
    }
}

fn key(count: usize) -> String {
    format!("by-hand:{count}")
}

pub(crate) async fn raw(
    State(by_hand): State<Arc<ByHand>>,
    Path(count): Path<usize>,
) -> impl IntoResponse {
    (
        [(CONTENT_TYPE, "application/json")],
        by_hand.raw(count).await,
    )
}

pub(crate) async fn decoded(
    State(by_hand): State<Arc<ByHand>>,
    Path(count): Path<usize>,
) -> Json<Vec<Record>> {
    Json(by_hand.decoded(count).await)
}

pub(crate) async fn pool(
    State(by_hand): State<Arc<ByHand>>,
    Path(count): Path<usize>,
) -> Json<Vec<Record>> {
    Json(by_hand.pooled(count).await)
}

pub(crate) async fn cached(
    State(by_hand): State<Arc<ByHand>>,
    Path(count): Path<usize>,
) -> Json<Vec<Record>> {
    Json(by_hand.by_cached(count).await)
}

pub(crate) async fn client_side(
    State(by_hand): State<Arc<ByHand>>,
    Path(count): Path<usize>,
) -> Json<Vec<Record>> {
    Json(by_hand.by_client_side(count).await)
}

pub(crate) async fn moka(
    State(by_hand): State<Arc<ByHand>>,
    Path(count): Path<usize>,
) -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], by_hand.copied(count))
}

/// From memory, once Redis has replied: what a copy takes at least that is never older than the last write.
pub(crate) async fn moka_and_ping(
    State(by_hand): State<Arc<ByHand>>,
    Path(count): Path<usize>,
) -> impl IntoResponse {
    by_hand.barrier.wait().await;
    ([(CONTENT_TYPE, "application/json")], by_hand.copied(count))
}
