//! Plans a function that reads: its value is cached.

use std::time::Duration;

use proc_macro2::Span;
use syn::ReturnType;

use super::kind::is_handler;
use super::templates::Scope;
use super::{Background, Kind, Planner, Read};
use crate::args::{Expiration, Time};
use crate::handler::lent;

const DEFAULT_EXPIRATION: &Expiration = &Expiration::of(Time::Literal(Duration::from_secs(3600)));

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
        let (method, background) = (self.method(key.as_ref()), self.background());
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
            detached: args.detached.as_ref(),
            verify: args.verify.as_ref(),
            max_loads: args.max_loads.as_ref().map(|loads| &loads.value),
            background,
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

    /// A refresh in the background outlives its caller, as a verification does and a detached load may, and so must its
    /// parameters.
    fn check_ownership(&mut self) {
        let window = self.args.stale_while_revalidate.as_ref();
        let detached = self.args.detached.as_ref();
        let verify = self.args.verify.as_ref();
        let key = window.map(|arg| &arg.key);
        let key = key.or(detached.map(|arg| &arg.key));
        let Some(key) = key.or(verify.map(|arg| &arg.key)) else {
            return;
        };
        let Some(borrowed) = self.handler.borrowed() else {
            return;
        };
        let or_shared = if borrowed == "self" {
            ", or as `self: Arc<Self>`"
        } else {
            ""
        };
        let message = format!(
            "`{key}` runs the function on when its caller has gone, and `{borrowed}` is borrowed: take it by value{or_shared}"
        );
        self.error(key.span(), message);
    }

    fn background(&self) -> Background {
        let is_local = self.handler.params.iter().any(|param| param.is_local);
        let is_detached = self.args.detached.is_some();
        let is_refreshed = self.args.stale_while_revalidate.is_some();
        match (is_detached, is_local) {
            (true, false) => Background::Detached,
            (true, true) => Background::DetachedLocal,
            _ if !is_refreshed && self.args.verify.is_none() => Background::Disabled,
            (false, false) => Background::Spawn,
            (false, true) => Background::SpawnLocal,
        }
    }
}
