//! Stale-while-revalidate (RFC 5861): the function runs on in a task of its own, while its caller has the
//! old value already.

use std::marker::PhantomData;
use std::sync::Arc;

use bytes::Bytes;
use tokio::runtime::Handle;

use crate::cache::Cache;
use crate::codec::Codec;
use crate::lease::{Begin, Entry, Load};
use crate::request_context::{self, RequestContext};

/// A load that nobody waits for.
pub struct Refresh<C, U, F> {
    cache: Cache,
    /// The request that found the old value.
    ambient: Option<Arc<RequestContext>>,
    entry: Entry,
    seen: Bytes,
    unless: U,
    handler: F,
    codec: PhantomData<fn() -> C>,
}

impl<C, U, F> Refresh<C, U, F> {
    pub(crate) fn new(cache: &Cache, entry: &Entry, seen: Bytes, unless: U, handler: F) -> Self {
        Self {
            cache: cache.clone(),
            ambient: request_context::current(),
            entry: entry.clone(),
            seen,
            unless,
            handler,
            codec: PhantomData,
        }
    }

    pub(crate) fn into_parts(self) -> (U, F) {
        (self.unless, self.handler)
    }
}

impl<C, U, F> Refresh<C, U, F>
where
    C: Codec,
    U: FnOnce(&C::Value) -> bool,
    F: Future<Output = C::Output>,
{
    async fn run(mut self) {
        match self.ambient.take() {
            Some(ambient) => request_context::scope(ambient, self.load()).await,
            None => self.load().await,
        }
    }

    /// Someone else may be at it, or have done it.
    async fn load(self) {
        match Load::begin(&self.cache, &self.entry, &self.seen).await {
            Ok(Begin::Load(load)) => {
                let made = {
                    let mut answer = load.run(Box::pin(self.handler)).await;
                    C::encode(&mut answer, self.unless)
                };
                load.finish(made).await;
            }
            Ok(Begin::Busy(_) | Begin::Filled) => {}
            Err(error) => self.cache.failed("refresh an entry", &error),
        }
    }
}

/// Where a refresh runs.
pub trait Background<R> {
    /// Starts it; or gives it back, where there is no such place.
    ///
    /// # Errors
    ///
    /// The refresh itself.
    fn start(&self, refresh: R) -> Result<(), R>;
}

/// Nowhere: the function has no window in which it would be needed.
#[derive(Debug)]
pub struct Nowhere;

impl<R> Background<R> for Nowhere {
    fn start(&self, refresh: R) -> Result<(), R> {
        Err(refresh)
    }
}

/// In a task of the runtime.
#[derive(Debug)]
pub struct Task;

impl<C, U, F> Background<Refresh<C, U, F>> for Task
where
    C: Codec + 'static,
    U: FnOnce(&C::Value) -> bool + Send + 'static,
    F: Future<Output = C::Output> + Send + 'static,
{
    fn start(&self, refresh: Refresh<C, U, F>) -> Result<(), Refresh<C, U, F>> {
        match Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn(refresh.run())),
            Err(_) => return Err(refresh),
        }
        Ok(())
    }
}

/// On the same thread, for futures that can't leave it. actix knows whether there is such a place.
#[cfg(feature = "actix")]
#[derive(Debug)]
pub struct Thread;

#[cfg(feature = "actix")]
impl<C, U, F> Background<Refresh<C, U, F>> for Thread
where
    C: Codec + 'static,
    U: FnOnce(&C::Value) -> bool + 'static,
    F: Future<Output = C::Output> + 'static,
{
    fn start(&self, refresh: Refresh<C, U, F>) -> Result<(), Refresh<C, U, F>> {
        if actix_web::rt::System::try_current().is_none() {
            return Err(refresh);
        }
        drop(actix_web::rt::spawn(refresh.run()));
        Ok(())
    }
}
