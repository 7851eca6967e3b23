//! Which states are the same, and what is true in each.

use super::steps::FRESH;
use super::{REFUSAL, Reader, State, System, Writer};
use crate::script::NEVER;
use crate::store::Nonce;

/// One under which no entry will be valid again.
const SPENT: Nonce = FRESH - 1;

impl State {
    /// Brings together what is the same but for names: only whether nonces are equal counts, and readers are
    /// all alike.
    pub(super) fn normalize(&mut self, system: &System) {
        if !system.tagged
            && let Some((value, _)) = self.present(system)
        {
            self.serve(value, self.floor);
        }
        let is_running = |writer: &Writer| matches!(writer, Writer::Running { .. });
        if self.is_owed {
            let full = self.present(system).map(|(_, ends)| ends == NEVER);
            let may_be_short = self.writers.iter().any(is_running);
            if full.is_none() || full == Some(false) && !may_be_short {
                self.broken = Some(REFUSAL);
            }
        }
        // A nonce that is not the tag's, and that no reader has seen, will never make an entry valid.
        let mut live: Vec<Nonce> = self.nonce().into_iter().collect();
        live.extend(self.readers.iter().filter_map(|reader| match reader {
            Reader::HasNonce(nonce, _) => Some(*nonce),
            _ => None,
        }));
        let is_dead = |nonce: Option<Nonce>| nonce.is_some_and(|nonce| !live.contains(&nonce));
        self.key.stored = self.key.stored.filter(|(entry, _)| !is_dead(entry.nonce));
        if let Some(load) = &mut self.key.lease
            && is_dead(load.nonce)
        {
            // It holds the lease, and that is all.
            (load.nonce, load.expires_by) = (Some(SPENT), None);
        }
        for reader in &mut self.readers {
            match *reader {
                Reader::HasEntry(entry, _) if is_dead(entry.nonce) => *reader = Reader::Idle,
                Reader::Joined(nonce) if is_dead(Some(nonce)) => *reader = Reader::Joined(SPENT),
                _ => {}
            }
        }
        self.readers.sort();
        let mut names: Vec<Nonce> = Vec::new();
        let mut rename = |nonce: &mut Nonce| {
            if *nonce == SPENT {
                return;
            }
            let place = names.iter().position(|name| name == nonce);
            let place = place.unwrap_or_else(|| {
                names.push(*nonce);
                names.len() - 1
            });
            *nonce = Nonce::try_from(place).unwrap_or(FRESH);
        };
        if let Some((tag, _)) = &mut self.tag.stored {
            tag.nonce.iter_mut().for_each(&mut rename);
        }
        if let Some((entry, _)) = &mut self.key.stored {
            entry.nonce.iter_mut().for_each(&mut rename);
        }
        if let Some(load) = &mut self.key.lease {
            load.nonce.iter_mut().for_each(&mut rename);
        }
        for reader in &mut self.readers {
            match reader {
                Reader::HasEntry(entry, _) => entry.nonce.iter_mut().for_each(&mut rename),
                Reader::HasNonce(nonce, _) | Reader::Joined(nonce) => rename(nonce),
                Reader::Idle => {}
            }
        }
    }
}
