//! Plans a function that reads: its value is cached.

use std::time::Duration;

use proc_macro2::Span;
use syn::ReturnType;

use super::kind::is_handler;
use super::templates::Scope;
use super::{Kind, Planner, Read, Refresh};
use crate::args::Time;
use crate::handler::lent;

const DEFAULT_EXPIRATION: &Time = &Time::Literal(Duration::from_secs(3600));

impl<'a> Planner<'a> {
    pub(super) fn read(mut self) -> syn::Result<Kind<'a>> {
        let args = self.args;
        let Some(prefix) = &args.key_prefix else {
            return Err(syn::Error::new(
                Span::call_site(),
                "`key_prefix` is missing: `#[cache(key_prefix = \"post_cache\")]`",
            ));
        };
        let key = self.key(prefix, Scope::Parameters);
        let tags = self.templates(args.tags.as_ref(), Scope::Parameters);
        self.check_skip(key.as_ref());
        if let Some(key) = key.as_ref().filter(|_| self.errors.is_empty()) {
            self.check_coverage(key);
            self.check_transaction_of_read();
            self.check_value();
            self.check_ownership();
        }
        let (method, refresh) = (self.method(key.as_ref()), self.refresh());
        Ok(Kind::Read(Read {
            key: self.errors.into_result(key)?,
            tags,
            expiration: args
                .expiration
                .as_ref()
                .map_or(DEFAULT_EXPIRATION, |time| &time.value),
            stale_while_revalidate: args.stale_while_revalidate.as_ref(),
            stale_if_error: args.stale_if_error.as_ref().map(|window| &window.value),
            near: args.near.as_ref().map(|near| &near.value),
            max_loads: args.max_loads.as_ref().map(|loads| &loads.value),
            refresh,
            condition: args.condition.as_ref().map(|condition| &condition.value),
            unless: args.unless.as_ref().map(|unless| &unless.value),
            method,
            is_handler: is_handler(self.handler),
        }))
    }

    /// A hit returns what JSON is decoded to, which borrows from nothing.
    fn check_value(&mut self) {
        let output = match (&self.handler.boxed, &self.handler.sig.output) {
            (Some(boxed), _) => &boxed.output,
            (None, ReturnType::Type(_, output)) => output,
            (None, ReturnType::Default) => return,
        };
        if let Some(reference) = lent(output) {
            self.error(
                reference.and_token.span,
                "a hit has nothing to borrow from: return an owned value, such as `String` for `&str` or `Vec<T>` for `&[T]`",
            );
        }
    }

    /// A refresh in the background outlives its caller, and so must its parameters.
    fn check_ownership(&mut self) {
        let Some(window) = &self.args.stale_while_revalidate else {
            return;
        };
        let Some(borrowed) = self.handler.borrowed() else {
            return;
        };
        let message = format!(
            "`stale_while_revalidate` runs the function on when its caller has gone, and `{borrowed}` is borrowed: take it by value"
        );
        self.error(window.key.span(), message);
    }

    fn refresh(&self) -> Refresh {
        if self.args.stale_while_revalidate.is_none() {
            Refresh::Disabled
        } else if self.handler.params.iter().any(|param| param.is_local) {
            Refresh::SpawnLocal
        } else {
            Refresh::Spawn
        }
    }
}
