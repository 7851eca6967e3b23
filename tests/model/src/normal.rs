//! Which states are the same but for names. Readers are all alike, and of nonces only equality counts; to
//! sort the ones and to number the others keeps the number of states small, and finite.

use crate::reader::{Load, Reader};
use crate::store::{Body, Nonce};
use crate::system::State;

/// One that nobody has yet. It gets its number at the end of the step that makes it.
pub(crate) const FRESH: Nonce = Nonce::MAX;

/// The nonces in use, each at the place that is its number.
#[derive(Default)]
struct Numbers(Vec<Nonce>);

impl Numbers {
    fn number(&mut self, nonce: &mut Nonce) {
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
        let (mut loads, mut tags) = (Numbers::default(), Numbers::default());
        for reader in &mut self.readers {
            reader.each_nonce(|nonce| loads.number(nonce), |nonce| tags.number(nonce));
        }
        for key in &mut self.store.keys {
            if let Some(lease) = &mut key.lease {
                loads.number(lease);
            }
            if let Some(nonce) = key
                .entry
                .as_mut()
                .and_then(|entry| entry.body.tag_nonce.as_mut())
            {
                tags.number(nonce);
            }
        }
        if let Some((nonce, _)) = &mut self.store.tag.nonce {
            tags.number(nonce);
        }
    }
}

impl Reader {
    fn each_nonce(&mut self, mut load: impl FnMut(&mut Nonce), mut tag: impl FnMut(&mut Nonce)) {
        match self {
            Reader::Idle => {}
            Reader::Missed { seen, .. } => {
                if let Some(Body {
                    tag_nonce: Some(nonce),
                    ..
                }) = seen
                {
                    tag(nonce);
                }
            }
            Reader::Following { nonce, .. } => load(nonce),
            Reader::Granted(is) | Reader::Loading(is) | Reader::Loaded(is, _) => {
                let Load {
                    nonce, tag_nonce, ..
                } = is;
                load(nonce);
                tag_nonce.iter_mut().for_each(tag);
            }
        }
    }
}
