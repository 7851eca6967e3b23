//! The function at work: the one place where it is awaited.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::reentrancy::{Around, Operation};

/// The function's future, and what goes on beside it.
pub(super) struct Running<F> {
    /// Nothing when it is over.
    handler: Option<Pin<Box<F>>>,
    beside: Beside,
}

/// What goes on beside the function, in the same task: a handler need not be `Send`.
pub(super) struct Beside {
    /// The calls around whatever the function calls.
    around: Option<Around>,
    /// It is polled whenever the function has been.
    work: Option<Pin<Box<dyn Future<Output = Infallible> + Send>>>,
}

impl<F: Future> Running<F> {
    pub(super) fn new(handler: Pin<Box<F>>, beside: Beside) -> Self {
        Self {
            handler: Some(handler),
            beside,
        }
    }
}

impl<F: Future> Future for Running<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let Self { handler, beside } = self.get_mut();
        let mut polled = Poll::Pending;
        beside.poll(context, &mut |context| {
            let Some(running) = handler else {
                return false;
            };
            polled = running.as_mut().poll(context);
            if polled.is_ready() {
                *handler = None;
            }
            polled.is_pending()
        });
        polled
    }
}

/// What the function drops, it drops where it ran.
impl<F> Drop for Running<F> {
    fn drop(&mut self) {
        let Self { handler, beside } = self;
        if handler.is_none() {
            return;
        }
        match &beside.around {
            Some(around) => around.run_if_possible(&mut || *handler = None),
            None => *handler = None,
        }
    }
}

impl Beside {
    pub(super) fn nothing() -> Self {
        Self {
            around: None,
            work: None,
        }
    }

    pub(super) fn operation(operation: Operation) -> Self {
        Self {
            around: Some(Around::inside(operation)),
            work: None,
        }
    }

    pub(super) fn with(self, work: impl Future<Output = Infallible> + Send + 'static) -> Self {
        Self {
            work: Some(Box::pin(work)),
            ..self
        }
    }

    /// `handler` polls the function, and says whether it goes on.
    fn poll(
        &mut self,
        context: &mut Context<'_>,
        handler: &mut dyn FnMut(&mut Context<'_>) -> bool,
    ) {
        let mut is_pending = false;
        self.inside(&mut || is_pending = handler(context));
        if is_pending && let Some(work) = &mut self.work {
            let _ = work.as_mut().poll(context);
        }
    }

    fn inside(&self, what: &mut dyn FnMut()) {
        match &self.around {
            Some(around) => around.run(what),
            None => what(),
        }
    }
}
