//! A scope around a request: what its writes made stale waits for the transaction that a middleware commits.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::call::deferred::Deferred;
use crate::call::request_context::{self, RequestContext};

/// Runs a request. Where its layer defers, what its writes made stale is settled by the status of its response, before
/// that goes out; nothing stands for a request that has none.
pub(super) async fn run<F: Future>(
    context: Arc<RequestContext>,
    request: F,
    status: impl FnOnce(&F::Output) -> Option<u16>,
) -> F::Output {
    let deferred = Deferred::of_request(&context);
    let request = request_context::scope(context, request);
    let Some(deferred) = deferred else {
        return request.await;
    };
    let output = deferred.run(request).await;
    deferred.settle_by_status(status(&output)).await;
    output
}

/// The same for a future that has to have a name.
pub(super) struct Deferring {
    /// Until it is settled.
    deferred: Option<Deferred>,
    /// Renewing the fences, and then settling.
    work: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl Deferring {
    pub(super) fn of_request(context: &RequestContext) -> Option<Self> {
        let deferred = Deferred::of_request(context)?;
        let renewal = deferred.renewal();
        Some(Self {
            deferred: Some(deferred),
            work: Box::pin(async move { match renewal.await {} }),
        })
    }

    /// The response is there, or there is none.
    pub(super) fn settle(&mut self, status: Option<u16>) {
        if let Some(deferred) = self.deferred.take() {
            self.work = Box::pin(deferred.settle_by_status(status));
        }
    }

    /// Ready when all is settled.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.work.as_mut().poll(context)
    }
}
