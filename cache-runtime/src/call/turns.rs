//! How many loads of one function run at once, where the attribute says so by `max_loads`.
//!
//! A load that has no room waits without its lease: another process may have room for it. In this process nobody else asks
//! for that lease meanwhile. Whoever has come to its turn looks again, since somebody may have filled the entry.

use std::sync::Arc;

use tokio::time::timeout;

use super::entry::Entry;
use super::load::Load;
use super::reentrancy;
use super::wait::Wait;
use crate::cache::Engine;
use crate::key::EntryKey;
use crate::util::limit::{Limit, NoPlace, Permit, Place};
use crate::util::runtime::with_timers;

fn limit(engine: &Engine, entry: &Entry) -> Option<Arc<Limit<EntryKey>>> {
    Some(engine.limits.of(entry.function, entry.max_loads?))
}

/// What is known of the turn of a call.
#[derive(Default)]
pub(super) enum Turn {
    /// Nothing yet.
    #[default]
    Open,
    /// It is at hand. The place keeps others from the same key until there is a load.
    Come(Permit, Place<EntryKey>),
    /// It did not come: too many wait, or this call has waited for too long.
    Shed,
}

/// What to do before the lease is asked for.
pub(super) enum Before {
    Ask,
    LookAgain,
    /// Serve what is past its expiration.
    Fallback,
}

/// What to do with the lease.
pub(super) enum Begun {
    Load(Box<Load>),
    /// The same, beyond the limit.
    LoadBeyond(Box<Load>),
    LookAgain,
    Fallback,
}

impl Turn {
    /// Waits for whoever waits already for the turn of this key in this process.
    pub(super) async fn before(
        &mut self,
        engine: &Engine,
        entry: &Entry,
        wait: &mut Wait,
        has_fallback: bool,
    ) -> Before {
        let Some(limit) = limit(engine, entry) else {
            return Before::Ask;
        };
        match self {
            Self::Shed if has_fallback => {
                engine.shed(entry.function);
                return Before::Fallback;
            }
            Self::Come(..) | Self::Shed => return Before::Ask,
            Self::Open => {}
        }
        if reentrancy::is_loading_of(entry.function) {
            return Before::Ask;
        }
        if let Some(same) = limit.wait_for(&entry.key) {
            if within(wait, same).await.is_none() {
                *self = Self::Shed;
            }
            return Before::LookAgain;
        }
        if has_fallback && limit.is_full() {
            engine.shed(entry.function);
            return Before::Fallback;
        }
        Before::Ask
    }

    /// There is a lease. Waits where there is no room for the load.
    pub(super) async fn begun(
        &mut self,
        engine: &Engine,
        entry: &Entry,
        wait: &mut Wait,
        mut load: Box<Load>,
        has_fallback: bool,
    ) -> Begun {
        let Some(limit) = limit(engine, entry) else {
            return Begun::Load(load);
        };
        match std::mem::take(self) {
            Self::Open if reentrancy::is_loading_of(entry.function) => return Begun::Load(load),
            Self::Open => {}
            Self::Come(permit, _place) => {
                load.permit = Some(permit);
                return Begun::Load(load);
            }
            Self::Shed => return Self::beyond(engine, entry, load),
        }
        if let Some(permit) = limit.try_enter() {
            load.permit = Some(permit);
            return Begun::Load(load);
        }
        let place = match limit.queue(&entry.key) {
            Ok(place) => place,
            Err(NoPlace::Taken) => return Begun::LookAgain,
            Err(NoPlace::Full) if has_fallback => {
                engine.shed(entry.function);
                return Begun::Fallback;
            }
            Err(NoPlace::Full) => return Self::beyond(engine, entry, load),
        };
        engine.counters_of(entry.function).queued();
        // Whoever is woken by this finds the place taken.
        drop(load);
        *self = match within(wait, place.turn()).await.flatten() {
            Some(permit) => Self::Come(permit, place),
            None => Self::Shed,
        };
        Begun::LookAgain
    }

    /// The call waits for something else, or does without a load.
    pub(super) fn give_up(&mut self) {
        if let Self::Come(..) = self {
            *self = Self::Open;
        }
    }

    /// No call is worse off than without a cache: it runs after all. Its value is stored, so that others need not run.
    fn beyond(engine: &Engine, entry: &Entry, load: Box<Load>) -> Begun {
        engine.shed(entry.function);
        Begun::LoadBeyond(load)
    }
}

/// Nothing where that would take longer than the call may wait.
async fn within<F: Future>(wait: &mut Wait, future: F) -> Option<F::Output> {
    // Waiting takes a timer, and that a runtime.
    with_timers()?;
    timeout(wait.remaining(), future).await.ok()
}

/// There is no room.
pub(super) struct Full;

/// The right to one more load that nobody waits for; nothing where there is no limit.
pub(super) fn try_enter(engine: &Engine, entry: &Entry) -> Result<Option<Permit>, Full> {
    match limit(engine, entry) {
        Some(limit) => limit.try_enter().map(Some).ok_or(Full),
        None => Ok(None),
    }
}
