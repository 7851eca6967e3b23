//! A closure's future, which is made when it is polled for the first time.

use std::pin::Pin;
use std::task::{Context, Poll};

use crate::util;

/// A closure that loads a value.
pub trait Load {
    /// What it loads.
    type Output;
    /// What does it.
    type Future: Future<Output = Self::Output>;

    /// Begins.
    fn load(self) -> Self::Future;
}

impl<F: FnOnce() -> R, R: Future> Load for F {
    type Output = R::Output;
    type Future = R;

    fn load(self) -> R {
        self()
    }
}

/// The future of this closure.
#[derive(Debug)]
pub struct Lazy<F: Load> {
    begin: Option<F>,
    begun: Option<Pin<Box<F::Future>>>,
}

impl<F: Load> Lazy<F> {
    pub(super) fn new(begin: F) -> Self {
        Self {
            begin: Some(begin),
            begun: None,
        }
    }
}

/// The closure is moved out of it, and its future is in a box.
impl<F: Load> Unpin for Lazy<F> {}

impl<F: Load> Future for Lazy<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        if let Some(begin) = self.begin.take() {
            self.begun = Some(Box::pin(begin.load()));
        }
        match &mut self.begun {
            Some(future) => future.as_mut().poll(context),
            // The closure has panicked.
            None => Poll::Pending,
        }
    }
}

/// The name of the function that this future is of, or in which its closure stands.
pub(super) fn function_of(future: &str) -> &str {
    const LAZY: &str = concat!(module_path!(), "::Lazy<");
    let closure = future.strip_prefix(LAZY);
    util::function_of(closure.map_or(future, |rest| rest.trim_end_matches('>')))
}

#[cfg(test)]
mod tests {
    use std::any::type_name_of_val;

    use super::*;

    #[test]
    fn a_load_by_hand_has_the_name_of_the_function_that_it_stands_in() {
        let lazy = Lazy::new(|| async { 1 });
        let name = function_of(type_name_of_val(&lazy));
        assert!(name.ends_with("function_that_it_stands_in"), "{name}");
        assert_eq!(function_of("blog::post::{{closure}}"), "blog::post");
    }
}
