//! Which states are the same but for names. Readers are all alike, and of nonces only equality counts; to
//! sort the ones and to number the others keeps the number of states small, and finite.

use crate::reader::{Load, Reader};
use crate::store::{Nonce, Store};
use crate::system::State;

/// One that nobody has yet. It gets its number at the end of the step that makes it.
pub(crate) const FRESH: Nonce = Nonce::MAX;

/// Those of a tag that no entry will ever be valid under. Which of them an entry has makes no difference, but
/// that a reader which has seen one may take it for another.
const SPENT: Nonce = FRESH - 1;

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
        self.readers.sort_by_cached_key(|reader| {
            let mut bare = *reader;
            bare.each_nonce(|nonce| *nonce = 0, |nonce| *nonce = 0);
            bare
        });
        self.forget_spent_nonces();
        let (mut loads, mut tags) = (Numbers::default(), Numbers::default());
        for reader in &mut self.readers {
            reader.each_nonce(|nonce| loads.number(nonce), |nonce| tags.number(nonce));
        }
        for lease in self
            .store
            .keys
            .iter_mut()
            .filter_map(|key| key.lease.as_mut())
        {
            loads.number(lease);
        }
        self.store.each_tag_nonce(|nonce| tags.number(nonce));
    }

    fn forget_spent_nonces(&mut self) {
        let told = self.readers.iter().filter_map(|reader| match reader {
            Reader::HasNonce { nonce, .. } => *nonce,
            _ => None,
        });
        let live: Vec<Nonce> = told.chain(self.store.tag_nonce()).collect();
        let forget = |nonce: &mut Nonce| {
            if !live.contains(nonce) {
                *nonce = SPENT;
            }
        };
        for reader in &mut self.readers {
            reader.each_nonce(|_| {}, forget);
        }
        self.store.each_tag_nonce(forget);
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
