//! What a task takes along of the call that starts it.

use std::pin::Pin;
use std::sync::Arc;

use super::reentrancy::{self, Around};
use super::refreshing::{self, Caches};
use super::request_context::{self, RequestContext};
use super::scope;
use crate::cache::Cache;

#[derive(Default)]
pub(super) struct Surroundings {
    /// The request that the call was made in.
    context: Option<Arc<RequestContext>>,
    /// The cache of the scope that it was made in.
    scope: Option<Cache>,
    /// The caches that are refreshed there.
    refreshing: Caches,
    /// The cached calls that it was made by.
    around: Option<Around>,
}

impl Surroundings {
    /// For what belongs to the call.
    pub(super) fn current() -> Self {
        Self {
            refreshing: refreshing::current(),
            around: reentrancy::current(),
            ..Self::of_refresh()
        }
    }

    /// For a refresh, which is a call of its own.
    pub(super) fn of_refresh() -> Self {
        Self {
            context: request_context::current(),
            scope: scope::current(),
            ..Self::default()
        }
    }

    /// Runs the future in them.
    pub(super) async fn around<F: Future>(self, future: Pin<Box<F>>) -> F::Output {
        let Self {
            context,
            scope,
            refreshing,
            around,
        } = self;
        let future = refreshing::enter(refreshing, reentrancy::enter(around, future));
        match (context, scope) {
            (None, None) => future.await,
            (Some(context), None) => request_context::scope(context, future).await,
            (None, Some(cache)) => scope::enter(cache, future).await,
            (Some(context), Some(cache)) => {
                scope::enter(cache, request_context::scope(context, future)).await
            }
        }
    }
}
