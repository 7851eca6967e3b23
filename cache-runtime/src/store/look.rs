//! A look for what may be there at once, or an entry alone: what most reads do first, and most hits do not go beyond.
//! Unlike [`Store::get`] it owns what it needs and is small, so that waiting for it takes no box.

use std::task::{Context, Poll, ready};

use super::Store;
use super::protocol::{Fetched, Near};
use super::redis::{NearLook, Sent, Unsettled};
use crate::codec::Body;
use crate::error::CacheError;
use crate::key::{EntryKey, Tag};

pub(crate) enum Look {
    /// What is under the key.
    Redis(Sent),
    #[cfg(feature = "memory")]
    Memory,
    /// A copy in memory.
    Near(NearLook),
}

/// What comes of it.
pub(crate) enum Looked {
    /// An entry, which may have tags, or its JSON where it is a copy that is valid.
    Hit {
        entry: Body,
        is_copy: bool,
    },
    /// What Redis has said, to be gone on with.
    Unsettled(Unsettled),
    Nothing,
}

impl Store {
    /// Begins to look, where that takes nothing that is not there. To be waited for at once.
    pub(crate) fn look(&self, key: &EntryKey, tags: &[Tag], near: Option<Near>) -> Option<Look> {
        match (self, near) {
            (Self::Redis(_), Some(near)) => Some(Look::Near(NearLook::new(near))),
            _ if !tags.is_empty() => None,
            (Self::Redis(store), None) => store.look(key).map(Look::Redis),
            #[cfg(feature = "testing")]
            (Self::Memory(store), _) if store.script.is_some() => None,
            #[cfg(feature = "memory")]
            (Self::Memory(_), _) => Some(Look::Memory),
            (Self::Off(_), _) => None,
        }
    }

    /// `look` is one that was begun here, for this entry.
    pub(crate) fn poll_look(
        &self,
        key: &EntryKey,
        tags: &[Tag],
        look: &mut Look,
        context: &mut Context<'_>,
    ) -> Poll<Looked> {
        let (found, is_copy) = match (self, look) {
            (Self::Redis(store), Look::Redis(sent)) => {
                match ready!(store.poll_look(key, sent, context)) {
                    Ok(entry) => (Some(entry), false),
                    Err(unsettled) => return Poll::Ready(Looked::Unsettled(unsettled)),
                }
            }
            (Self::Redis(store), Look::Near(near)) => {
                (ready!(store.poll_near(key, tags, near, context)), true)
            }
            #[cfg(feature = "memory")]
            (Self::Memory(store), _) => (store.get(key, &[]).entry, false),
            _ => (None, false),
        };
        let looked = found.map(|entry| Looked::Hit { entry, is_copy });
        Poll::Ready(looked.unwrap_or(Looked::Nothing))
    }

    /// What comes of it after all; nothing where it has to be looked for in the usual way.
    pub(crate) async fn look_on(
        &self,
        key: &EntryKey,
        looked: Looked,
    ) -> Result<Option<Fetched>, CacheError> {
        match (self, looked) {
            (_, Looked::Hit { entry, .. }) => Ok(Some(Fetched::only(entry))),
            (Self::Redis(store), Looked::Unsettled(unsettled)) => {
                Ok(Some(store.look_on(key, unsettled).await?))
            }
            _ => Ok(None),
        }
    }
}
