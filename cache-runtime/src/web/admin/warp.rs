//! `warp::path!("admin" / "cache").and(cache.admin(…).filter())`.

use std::pin::pin;

use bytes::{Buf, Bytes, BytesMut};
use futures_util::stream::{Stream, StreamExt as _};
use warp::Filter;
use warp::host::Authority;
use warp::http::{HeaderMap, Method};
use warp::reject::Rejection;
use warp::reply::Response;

use super::{AdminRequest, CacheAdmin, MAX_BODY};

impl CacheAdmin {
    /// The page as a filter of warp, for one path and all methods:
    /// `warp::path!("admin" / "cache").and(cache.admin(…).filter())`.
    ///
    /// ```
    /// use cache_runtime::{AdminAccess, Cache};
    ///
    /// let page = Cache::in_memory().admin(|_request| async { AdminAccess::NotFound }).filter();
    /// ```
    pub fn filter(&self) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone + use<> {
        let admin = self.clone();
        let no_query = || async { Ok::<_, Rejection>((String::new(),)) };
        let query = warp::query::raw().or_else(move |_| no_query());
        warp::method()
            .and(query)
            .and(warp::header::headers_cloned())
            .and(warp::host::optional())
            .and(warp::body::stream())
            .then(
                move |method: Method,
                      query: String,
                      headers: HeaderMap,
                      host: Option<Authority>,
                      body| {
                    let admin = admin.clone();
                    async move {
                        let headers = headers
                            .iter()
                            .map(|(name, value)| (name.as_str(), value.as_bytes()));
                        let host = host.as_ref().map(Authority::as_str);
                        let request =
                            AdminRequest::new(method.as_str(), Some(&query), headers, host);
                        let body = async || read(body).await;
                        admin.answer(request, body).await.into_http()
                    }
                },
            )
    }
}

/// Not more than there may be.
async fn read<B: Buf>(body: impl Stream<Item = Result<B, warp::Error>>) -> Option<Bytes> {
    let (mut body, mut bytes) = (pin!(body), BytesMut::new());
    while let Some(piece) = body.next().await {
        let mut piece = piece.ok()?;
        if bytes.len() + piece.remaining() > MAX_BODY {
            return None;
        }
        bytes.extend_from_slice(&piece.copy_to_bytes(piece.remaining()));
    }
    Some(bytes.freeze())
}
