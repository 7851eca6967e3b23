//! Which states are the same, but for names and for what makes no difference any more. Readers are all alike,
//! and of nonces only equality counts; to sort the ones and to number the others keeps the number of states
//! small, and finite.

use crate::fence::NEVER;
use crate::reader::{Load, Reader};
use crate::store::{Body, Nonce, Store};
use crate::system::State;
use crate::variant::Variant;

/// One that nobody has yet. It gets its number at the end of the step that makes it.
pub(crate) const FRESH: Nonce = Nonce::MAX;

/// A tag's nonce under which no entry will be valid again. All that are spent count as one, so a reader may
/// take one entry that is not valid for another.
const SPENT: Nonce = FRESH - 1;

const SPENT_BODY: Body = Body {
    value: 0,
    tag_nonce: Some(SPENT),
};

/// The nonces in use, each at the place that is its number.
#[derive(Default)]
struct Numbers(Vec<Nonce>);

impl Numbers {
    fn number(&mut self, nonce: &mut Nonce) {
        if *nonce == SPENT {
            return;
        }
        let known = self.0.iter().position(|other| other == nonce);
        let place = known.unwrap_or_else(|| {
            self.0.push(*nonce);
            self.0.len() - 1
        });
        *nonce = Nonce::try_from(place).unwrap_or(FRESH);
    }
}

impl State {
    pub(crate) fn normalize(&mut self) {
        self.store.forget_moves();
        self.store.forget_previous_expiries();
        self.forget_void_loads();
        self.forget_spent_nonces();
        self.readers.sort_by_key(|reader| {
            let mut bare = *reader;
            bare.each_nonce(|nonce| *nonce = 0, |nonce| *nonce = 0);
            bare
        });
        let (mut loads, mut tags) = (Numbers::default(), Numbers::default());
        for reader in &mut self.readers {
            reader.each_nonce(|nonce| loads.number(nonce), |nonce| tags.number(nonce));
        }
        for key in &mut self.store.keys {
            key.lease.iter_mut().for_each(|lease| loads.number(lease));
        }
        self.store.each_tag_nonce(|nonce| tags.number(nonce));
    }

    /// All that is left to a load whose lease is gone, and for which nobody waits, is to be refused.
    fn forget_void_loads(&mut self) {
        if matches!(
            self.store.variant,
            Variant::FillWithoutLease | Variant::NonceOfProcess
        ) {
            return;
        }
        for index in 0..self.readers.len() {
            if let Some(Load { key, nonce, .. }) = self.readers[index].load()
                && self.store.keys[key].lease != Some(nonce)
                && !self.readers.iter().any(|reader| reader.follows(nonce))
            {
                let load = Load {
                    key,
                    nonce,
                    cap: None,
                    tag_nonce: None,
                };
                self.readers[index] = Reader::Loaded(load, 0);
            }
        }
    }

    /// No entry with such a nonce will ever be valid.
    fn forget_spent_nonces(&mut self) {
        let current = self.store.tag_nonce();
        let mut held: Vec<Nonce> = self.readers.iter().filter_map(Reader::joined).collect();
        let entries = self.store.keys.iter().filter_map(|key| key.entry);
        held.extend(entries.filter_map(|entry| entry.body.tag_nonce));
        for reader in &mut self.readers {
            if let Reader::HasNonce { nonce, .. } = reader {
                *nonce = nonce.filter(|nonce| current == Some(*nonce) || held.contains(nonce));
            }
        }
        let told = self.readers.iter().filter_map(|reader| match reader {
            Reader::HasNonce { nonce, .. } => *nonce,
            _ => None,
        });
        let live: Vec<Nonce> = told.chain(current).collect();
        let is_spent = |nonce: Option<Nonce>| nonce.is_some_and(|nonce| !live.contains(&nonce));
        for entry in self
            .store
            .keys
            .iter_mut()
            .filter_map(|key| key.entry.as_mut())
        {
            if is_spent(entry.body.tag_nonce) {
                (entry.body, entry.ends) = (SPENT_BODY, NEVER);
            }
        }
        for reader in &mut self.readers {
            reader.forget(is_spent);
        }
    }
}

impl Store {
    fn each_tag_nonce(&mut self, mut tag: impl FnMut(&mut Nonce)) {
        for entry in self.keys.iter_mut().filter_map(|key| key.entry.as_mut()) {
            entry.body.tag_nonce.iter_mut().for_each(&mut tag);
        }
        if let Some((nonce, _)) = &mut self.tag.nonce {
            tag(nonce);
        }
    }
}

impl Reader {
    fn follows(&self, load: Nonce) -> bool {
        matches!(*self, Reader::Following { nonce, .. } if nonce == load)
    }

    /// The nonce of the tag for an entry that it may store.
    fn joined(&self) -> Option<Nonce> {
        match *self {
            Reader::Missed { tag_nonce, .. } => tag_nonce,
            _ => self.load().and_then(|load| load.tag_nonce),
        }
    }

    fn forget(&mut self, is_spent: impl Fn(Option<Nonce>) -> bool) {
        if let Reader::HasEntry { key, seen, floor } = *self
            && is_spent(seen.tag_nonce)
        {
            *self = Reader::Missed {
                key,
                seen: Some(seen),
                tag_nonce: None,
                floor,
            };
        }
        match self {
            Reader::Missed {
                seen, tag_nonce, ..
            } => {
                if seen.is_some_and(|body| is_spent(body.tag_nonce)) {
                    *seen = Some(SPENT_BODY);
                }
                if is_spent(*tag_nonce) {
                    *tag_nonce = Some(SPENT);
                }
            }
            Reader::Granted { seen, .. } => {
                *seen = seen.filter(|body| !is_spent(body.tag_nonce));
            }
            Reader::Loading(load) if is_spent(load.tag_nonce) => {
                (load.tag_nonce, load.cap) = (Some(SPENT), None);
            }
            Reader::Loaded(load, value) if is_spent(load.tag_nonce) => {
                (load.tag_nonce, load.cap, *value) = (Some(SPENT), None, 0);
            }
            _ => {}
        }
    }

    fn each_nonce(&mut self, mut load: impl FnMut(&mut Nonce), tag: impl FnMut(&mut Nonce)) {
        match self {
            Reader::Idle => {}
            Reader::HasEntry { seen, .. } => seen.tag_nonce.iter_mut().for_each(tag),
            Reader::HasNonce { nonce, .. } => nonce.iter_mut().for_each(tag),
            Reader::Missed {
                seen, tag_nonce, ..
            } => {
                let seen = seen.iter_mut().flat_map(|body| body.tag_nonce.iter_mut());
                seen.chain(tag_nonce).for_each(tag);
            }
            Reader::Following { nonce, .. } => load(nonce),
            Reader::Granted { load: is, seen, .. } => {
                load(&mut is.nonce);
                let seen = seen.iter_mut().flat_map(|body| body.tag_nonce.iter_mut());
                seen.chain(&mut is.tag_nonce).for_each(tag);
            }
            Reader::Loading(is) | Reader::Loaded(is, _) => {
                let Load {
                    nonce, tag_nonce, ..
                } = is;
                load(nonce);
                tag_nonce.iter_mut().for_each(tag);
            }
        }
    }
}
