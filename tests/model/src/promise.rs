//! What readers and writers are promised, and what must be possible lest the promises be empty.

use stateright::Property;

use crate::fence::{Moment, NEVER};
use crate::reader::Reader;
use crate::store::{Target, Version};
use crate::system::{State, System};
use crate::writer::Phase;

/// A read that starts after an invalidation has returned sees that write.
pub const COHERENCE: &str = "what an invalidation has removed is not seen again";

/// If a writer dies before it invalidates, a read that starts after its fence has ended sees its write.
pub const DEATH: &str = "what a dead writer made stale is not seen after its fence";

/// An entry outlasts writes that fail, and with no such write under way it has its full life. One that was
/// loaded under a fence may have less.
pub const FAILURE: &str = "a failed write neither empties nor shortens the cache";

/// What a read must see at least.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Floor {
    /// The latest write whose invalidation has returned.
    pub returned: Version,
    /// The latest write of a dead writer whose fence has ended.
    pub expired: Version,
}

impl Floor {
    /// The oldest that satisfies it.
    pub(crate) fn version(self) -> Version {
        self.returned.max(self.expired)
    }
}

pub(crate) fn all(system: &System) -> Vec<Property<System>> {
    let mut all = vec![
        Property::always(COHERENCE, |_, state: &State| {
            let is_kept = |(value, floor): (Version, Floor)| value >= floor.returned;
            state.stale.is_none_or(is_kept)
        }),
        Property::always(DEATH, |_, state: &State| {
            let is_kept = |(value, floor): (Version, Floor)| value >= floor.expired;
            state.stale.is_none_or(is_kept)
        }),
        Property::always(FAILURE, |_, state: &State| state.keeps_what_is_owed()),
        Property::sometimes("an answer to the last write is kept", |_, state: &State| {
            let is_last = |key| state.value(key) == Some(state.writers.len());
            state
                .keys()
                .any(|key| is_last(key) && state.is_settled(key))
        }),
        Property::sometimes("a fill is refused", |_, state: &State| {
            state.readers.iter().any(|reader| match *reader {
                Reader::Loaded(load, _) => state.store.keys[load.key].lease != Some(load.nonce),
                _ => false,
            })
        }),
    ];
    if system
        .writers
        .iter()
        .any(|&target| target != Target::Pattern)
    {
        all.push(Property::sometimes(
            "an entry ends with a fence",
            |_, state: &State| {
                let mut keys = state.keys();
                keys.any(|key| state.is_present(key) && state.ends(key) < NEVER)
            },
        ));
    }
    if system.moves && system.tagged {
        all.push(Property::sometimes(
            "an entry and its lease are on two servers",
            |_, state: &State| state.keys().any(|key| !state.store.is_together(key)),
        ));
    }
    if !system.tagged {
        all.push(Property::sometimes(
            "a load is shared",
            |_, state: &State| {
                state.readers.iter().any(|reader| match *reader {
                    Reader::Following { nonce, .. } => state.shared(nonce).is_some(),
                    _ => false,
                })
            },
        ));
    }
    all
}

impl State {
    fn keys(&self) -> impl Iterator<Item = usize> + use<> {
        0..self.store.keys.len()
    }

    fn value(&self, key: usize) -> Option<usize> {
        let entry = self.store.keys[key].entry;
        entry.map(|entry| entry.body.value.into())
    }

    /// Whether a read would find it.
    fn is_present(&self, key: usize) -> bool {
        let nonce = self.store.tag_nonce();
        let body = self.store.get(key);
        body.is_some_and(|body| self.is_valid(body, nonce))
    }

    fn ends(&self, key: usize) -> Moment {
        let entry = self.store.keys[key].entry.map_or(NEVER, |entry| entry.ends);
        let tag = self.store.tag.nonce.map_or(NEVER, |(_, ends)| ends);
        entry.min(tag)
    }

    /// Whether a read would find it for as long as it was stored for, and no writer has announced that it
    /// will be stale.
    pub(crate) fn is_settled(&self, key: usize) -> bool {
        let fences = [self.store.keys[key].fence, self.store.tag.fence];
        self.is_present(key)
            && self.ends(key) == NEVER
            && fences.iter().all(|fence| fence.standing().is_none())
    }

    fn keeps_what_is_owed(&self) -> bool {
        let is_at_work = |phase: Phase| matches!(phase, Phase::Fencing { .. } | Phase::Fenced);
        let may_be_short = self.writers.iter().any(|writer| is_at_work(writer.phase));
        let mut owed = self.keys().filter(|&key| self.owed[key]);
        owed.all(|key| self.is_present(key) && (may_be_short || self.ends(key) == NEVER))
    }
}
