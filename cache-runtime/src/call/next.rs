//! What a lookup has next for its call. Most often that is the first thing it finds.

use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::lookup::{Lookup, Serve};
use crate::store::{Look, Looked};

/// Something to serve; nothing where the function is to run.
///
/// It is no `async fn`, which would be built anew with each function that awaits it, or take a box in any case.
pub(super) enum Next<'l> {
    /// The first look is under way.
    First(&'l mut Lookup, Look),
    Rest(Pin<Box<dyn Future<Output = Option<Serve>> + Send + 'l>>),
    Over,
}

impl<'l> Next<'l> {
    /// `looked` is what came of the first look, if there was one. It is in a box, since the future that has it is small enough
    /// then for the allocator to have one at hand.
    pub(super) fn rest(lookup: &'l mut Lookup, looked: Option<Looked>) -> Self {
        Self::Rest(Box::pin(lookup.decide(looked.map(Box::new))))
    }
}

impl Future for Next<'_> {
    type Output = Option<Serve>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Serve>> {
        if let Self::First(lookup, look) = &mut *self {
            let looked = ready!(lookup.poll_look(look, context));
            let Self::First(lookup, _) = mem::replace(&mut *self, Self::Over) else {
                return Poll::Ready(None);
            };
            match lookup.looked(looked) {
                Ok(serve) => return Poll::Ready(Some(serve)),
                Err(looked) => *self = Self::rest(lookup, Some(looked)),
            }
        }
        match &mut *self {
            Self::Rest(rest) => rest.as_mut().poll(context),
            Self::First(..) | Self::Over => Poll::Ready(None),
        }
    }
}
