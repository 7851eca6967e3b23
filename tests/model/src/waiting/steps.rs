//! What happens, step by step.

use super::{
    Action, Begun, COHERENCE, DOOMED, Held, IN_PARALLEL, Lease, MAX_RENEWALS, Past, REPLACED,
    Reader, State, System, Token, Variant,
};
use crate::store::{Nonce, Version};

/// A nonce that nobody has yet. It gets its number at the end of the step that makes it.
const FRESH: Nonce = Nonce::MAX;

impl State {
    /// A lease may end at any time, but what is said in its place stands until all have seen it who wait, or
    /// ask for the tag and then wait.
    pub(super) fn lease_may_end(&self) -> bool {
        match self.lease {
            Some(Lease::Held { .. }) => true,
            Some(Lease::CameToNothing { holder }) => {
                let is_about_it = |reader: &Reader| match reader {
                    Reader::Asking(_, _, _, Some(Begun::Busy((other, _))))
                    | Reader::FoundOther(_, (other, _))
                    | Reader::Waiting(_, (other, _), _) => *other == holder,
                    _ => false,
                };
                !self.readers.iter().any(is_about_it)
            }
            None => false,
        }
    }

    fn is_held_by(&self, reader: usize) -> bool {
        matches!(self.lease, Some(Lease::Held { holder, .. }) if holder == reader)
    }

    pub(super) fn serve(&mut self, value: Version, floor: Version) -> Reader {
        if value < floor {
            self.broken = Some(COHERENCE);
        }
        Reader::Done
    }

    pub(super) fn entry_under(&self, nonce: Option<Nonce>) -> Option<Version> {
        let (value, of) = self.entry?;
        (nonce == Some(of)).then_some(value)
    }

    pub(super) fn step(&mut self, system: &System, action: Action) {
        match action {
            Action::Commit => self.committed += 1,
            Action::Invalidate => {
                self.returned = self.committed;
                if system.tagged {
                    self.nonce_dies();
                } else {
                    if let Some(Lease::CameToNothing { holder }) = self.lease {
                        // What is loaded from now on may be worth storing, and worth waiting for.
                        self.readers[holder] = Reader::CameToNothing(false);
                    }
                    (self.entry, self.lease) = (None, None);
                }
            }
            Action::EvictNonce => {
                self.evictions -= 1;
                self.nonce_dies();
            }
            Action::EvictEntry => {
                self.evictions -= 1;
                self.entry = None;
            }
            Action::LeaseEnds => self.lease = None,
            Action::Renew => {
                if let Some(Lease::Held { renewals, .. }) = &mut self.lease
                    && (*renewals < MAX_RENEWALS || system.variant == Variant::RenewsForEver)
                {
                    *renewals += 1;
                }
            }
            Action::Get(reader)
            | Action::JoinTag(reader)
            | Action::BeginFill(reader)
            | Action::Replace(reader)
            | Action::Poll(reader)
            | Action::Share(reader)
            | Action::GiveUp(reader)
            | Action::Load(reader)
            | Action::Fill(reader)
            | Action::ComeToNothing(reader)
            | Action::Drop(reader) => {
                self.readers[reader] = self.read(system, reader, action);
            }
        }
    }

    fn nonce_dies(&mut self) {
        self.deaths += u8::from(self.tag.is_some());
        self.tag = None;
    }

    fn read(&mut self, system: &System, reader: usize, action: Action) -> Reader {
        let is = self.readers[reader];
        match (is, action) {
            (Reader::Idle, _) => {
                let floor = self.returned;
                match self.entry_under(self.tag) {
                    Some(value) => self.serve(value, floor),
                    None => self.miss(
                        system,
                        Past {
                            floor,
                            has_waited: false,
                        },
                    ),
                }
            }
            (Reader::Missed(past), _) => Reader::Joined(past, self.join_tag()),
            (Reader::Joined(past, nonce), _) => self.begin_fill(system, reader, past, nonce),
            (Reader::Asking(..), _) => self.ask(system, reader, action),
            (Reader::FoundOther(past, (holder, theirs)), _) => {
                let nonce = self.join_tag();
                if nonce == theirs {
                    self.wait(past, (holder, theirs), nonce)
                } else {
                    Reader::FoundDoomed(past, (holder, theirs), nonce)
                }
            }
            (Reader::FoundDoomed(past, (holder, theirs), nonce), _) => {
                let is_the_same = |lease: Lease| match lease {
                    Lease::Held {
                        holder: other,
                        nonce,
                        ..
                    } => (other, nonce) == (holder, theirs),
                    Lease::CameToNothing { .. } => false,
                };
                if !self.lease.is_some_and(is_the_same) {
                    return Reader::Joined(past, nonce);
                }
                // A nonce that was proposed may get in late, when the reader has already seen another die.
                let may_be_late = system.is_pipelined && self.tag != Some(nonce);
                if let Reader::Loading(under) | Reader::Loaded(under, _) = self.readers[holder]
                    && self.tag == Some(under)
                    && !may_be_late
                {
                    self.broken = Some(REPLACED);
                }
                self.take_overs += 1;
                self.grant(reader, nonce)
            }
            (Reader::Waiting(past, (holder, _), _), Action::Poll(_)) => {
                self.poll(system, past, holder, is)
            }
            (Reader::Waiting(past, (holder, _), own), Action::Share(_)) => {
                match self.readers[holder] {
                    Reader::Loaded(nonce, value)
                        if nonce == own || system.variant == Variant::SharesAnyLoad =>
                    {
                        self.serve(value, past.floor)
                    }
                    Reader::CameToNothing(_) if system.variant != Variant::WaitersTakeTurns => {
                        Reader::Uncached(Past {
                            has_waited: true,
                            ..past
                        })
                    }
                    _ => is,
                }
            }
            (Reader::Waiting(past, ..), _) => Reader::Uncached(past),
            (Reader::Uncached(_), _) if system.variant == Variant::UncachedStores => {
                Reader::LoadedUncached(self.committed)
            }
            (Reader::Uncached(past), _) => self.serve(self.committed, past.floor),
            (Reader::LoadedUncached(value), _) => {
                let nonce = self.join_tag();
                self.entry = Some((value, nonce));
                Reader::Done
            }
            (Reader::Loading(nonce), Action::Load(_)) => Reader::Loaded(nonce, self.committed),
            (Reader::Loaded(nonce, value), Action::Fill(_)) => {
                if self.is_held_by(reader) {
                    (self.lease, self.entry) = (None, Some((value, nonce)));
                }
                Reader::Done
            }
            (Reader::Loaded(..), Action::ComeToNothing(_)) => {
                let is_said = self.is_held_by(reader);
                if is_said {
                    self.lease = Some(Lease::CameToNothing { holder: reader })
                        .filter(|_| system.variant != Variant::WaitersTakeTurns);
                }
                Reader::CameToNothing(is_said)
            }
            (Reader::Loading(_) | Reader::Loaded(..), _) => {
                if self.is_held_by(reader) {
                    self.lease = None;
                }
                Reader::Done
            }
            (Reader::CameToNothing(_) | Reader::Done, _) => is,
        }
    }

    fn miss(&self, system: &System, past: Past) -> Reader {
        if system.is_pipelined {
            let token = Token {
                nonce: self.tag.unwrap_or(FRESH),
                is_proposed: self.tag.is_none(),
            };
            Reader::Asking(past, token, None, None)
        } else {
            Reader::Missed(past)
        }
    }

    pub(super) fn join_tag(&mut self) -> Nonce {
        *self.tag.get_or_insert(FRESH)
    }

    fn begin_fill(&mut self, system: &System, reader: usize, past: Past, own: Nonce) -> Reader {
        if let Some(value) = self.entry_under(Some(own)) {
            return self.serve(value, past.floor);
        }
        let is_fooled = matches!(
            system.variant,
            Variant::WaitsForAnyLoad | Variant::SharesAnyLoad
        );
        match self.lease {
            None => self.grant(reader, own),
            Some(Lease::CameToNothing { .. }) => Reader::Uncached(past),
            Some(Lease::Held { holder, nonce, .. }) => match system.variant {
                _ if nonce == own || is_fooled => self.wait(past, (holder, nonce), own),
                Variant::TakesOverOnDifference => Reader::FoundDoomed(past, (holder, nonce), own),
                _ => Reader::FoundOther(past, (holder, nonce)),
            },
        }
    }

    pub(super) fn grant(&mut self, holder: usize, nonce: Nonce) -> Reader {
        self.lease = Some(Lease::Held {
            holder,
            nonce,
            renewals: 0,
        });
        Reader::Loading(nonce)
    }

    pub(super) fn wait(&mut self, past: Past, (holder, theirs): Held, own: Nonce) -> Reader {
        if past.has_waited {
            self.broken = Some(IN_PARALLEL);
        } else if theirs != own && self.tag.is_some_and(|current| current != theirs) {
            self.broken = Some(DOOMED);
        }
        Reader::Waiting(past, (holder, theirs), own)
    }

    fn poll(&mut self, system: &System, past: Past, holder: usize, is: Reader) -> Reader {
        if self.is_held_by(holder) {
            return is;
        }
        let has_waited = self.readers[holder] == Reader::CameToNothing(true);
        let past = Past { has_waited, ..past };
        match self.lease {
            Some(Lease::CameToNothing { .. }) => Reader::Uncached(past),
            _ => self.miss(system, past),
        }
    }

    /// Only whether nonces are equal counts.
    pub(super) fn normalize(&mut self) {
        let mut names: Vec<Nonce> = Vec::new();
        let mut rename = |nonce: &mut Nonce| {
            let place = names.iter().position(|name| name == nonce);
            let place = place.unwrap_or_else(|| {
                names.push(*nonce);
                names.len() - 1
            });
            *nonce = Nonce::try_from(place).unwrap_or(FRESH);
        };
        self.tag.iter_mut().for_each(&mut rename);
        if let Some((_, nonce)) = &mut self.entry {
            rename(nonce);
        }
        if let Some(Lease::Held { nonce, .. }) = &mut self.lease {
            rename(nonce);
        }
        for reader in &mut self.readers {
            match reader {
                Reader::Asking(_, token, joined, begun) => {
                    rename(&mut token.nonce);
                    joined.iter_mut().for_each(&mut rename);
                    if let Some(Begun::Busy((_, nonce))) = begun {
                        rename(nonce);
                    }
                }
                Reader::Joined(_, nonce)
                | Reader::FoundOther(_, (_, nonce))
                | Reader::Loading(nonce)
                | Reader::Loaded(nonce, _) => rename(nonce),
                Reader::FoundDoomed(_, (_, theirs), own) | Reader::Waiting(_, (_, theirs), own) => {
                    rename(theirs);
                    rename(own);
                }
                _ => {}
            }
        }
    }
}
