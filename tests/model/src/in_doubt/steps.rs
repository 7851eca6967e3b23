//! What readers and writers do.

use super::{
    Action, COHERENCE, DOUBT, Entry, FENCE_TTL, Load, Reader, State, System, Variant, Writer,
};
use crate::promise::Floor;
use crate::script::{BeginFill, Fence, Guarded, Moment, NEVER};
use crate::store::{Nonce, Version};

/// A nonce that nobody has yet.
pub(super) const FRESH: Nonce = Nonce::MAX;

impl State {
    /// What the writers name.
    fn target(&mut self, system: &System) -> &mut Guarded<Entry, Load> {
        if system.tagged {
            &mut self.tag
        } else {
            &mut self.key
        }
    }

    pub(super) fn fence(&self, system: &System) -> Fence {
        if system.tagged {
            self.tag.fence
        } else {
            self.key.fence
        }
    }

    /// The entry that a read would find, and its end.
    pub(super) fn present(&self, system: &System) -> Option<(Version, Moment)> {
        let (entry, ends) = self.key.stored?;
        if !system.tagged {
            return Some((entry.value, ends));
        }
        let (tag, nonce_ends) = self.tag.stored?;
        (entry.nonce == tag.nonce).then_some((entry.value, ends.min(nonce_ends)))
    }

    pub(super) fn nonce(&self) -> Option<Nonce> {
        self.tag.stored.and_then(|(tag, _)| tag.nonce)
    }

    pub(super) fn serve(&mut self, value: Version, floor: Floor) {
        if value < floor.returned {
            self.broken = Some(COHERENCE);
        } else if value < floor.expired {
            self.broken = Some(DOUBT);
        }
    }

    pub(super) fn read(&mut self, system: &System, action: Action) {
        match action {
            Action::Tick => self.tick(system),
            Action::EvictStored => {
                self.is_owed = false;
                if system.tagged {
                    self.tag.stored = None;
                } else {
                    self.key.stored = None;
                }
            }
            Action::LeaseEnds => self.key.lease = None,
            Action::EvictFence => {
                self.is_owed = false;
                (self.key.fence, self.tag.fence) = Default::default();
                for writer in &mut self.writers {
                    if let Writer::InDoubt { is_promised, .. } = writer {
                        *is_promised = false;
                    }
                }
            }
            Action::Get(reader) => {
                if let Some((entry, _)) = self.key.stored {
                    self.readers[reader] = Reader::HasEntry(entry, self.floor);
                }
            }
            Action::GetNonce(reader) => {
                if let Some(nonce) = self.nonce() {
                    self.readers[reader] = Reader::HasNonce(nonce, self.floor);
                }
            }
            Action::GetOther(reader) => {
                let (entry, nonce, floor) = match self.readers[reader] {
                    Reader::HasEntry(entry, floor) => (Some(entry), self.nonce(), floor),
                    Reader::HasNonce(nonce, floor) => {
                        (self.key.stored.map(|(entry, _)| entry), Some(nonce), floor)
                    }
                    _ => return,
                };
                if let Some(entry) = entry
                    && nonce.is_some()
                    && entry.nonce == nonce
                {
                    self.serve(entry.value, floor);
                }
                self.readers[reader] = Reader::Idle;
            }
            Action::JoinTag(reader) => {
                let fresh = Entry {
                    value: 0,
                    nonce: Some(FRESH),
                };
                let joined = self.tag.join_tag(fresh, self.now);
                if let Some(nonce) = joined.and_then(|tag| tag.nonce) {
                    self.readers[reader] = Reader::Joined(nonce);
                }
            }
            Action::BeginFill(reader) => self.begin_fill(reader),
            Action::Load => {
                if let Some(load) = &mut self.key.lease {
                    load.value = Some(self.committed);
                }
            }
            Action::Fill => self.fill(system),
            _ => {}
        }
    }

    fn begin_fill(&mut self, reader: usize) {
        let mut load = Load {
            nonce: None,
            expires_by: None,
            value: None,
        };
        if let Some(is) = self.readers.get_mut(reader) {
            if let Reader::Joined(nonce) = *is {
                load.nonce = Some(nonce);
            }
            *is = Reader::Idle;
        }
        if let BeginFill::Granted { expires_by } = self.key.begin_fill(load, self.now) {
            self.key.lease = Some(Load { expires_by, ..load });
        }
    }

    fn fill(&mut self, system: &System) {
        let Some(Load {
            nonce,
            expires_by,
            value: Some(value),
        }) = self.key.lease
        else {
            return;
        };
        let entry = Entry { value, nonce };
        self.key.fill(entry, NEVER, expires_by, self.now);
        let is_full = self.present(system).is_some_and(|(_, ends)| ends == NEVER);
        self.is_owed = is_full && self.fence(system).first().is_none();
    }

    fn tick(&mut self, system: &System) {
        if self.fence(system).expires_by() == Some(self.now) {
            // Who is so slow to be refused finds the cache empty.
            self.is_owed = false;
        }
        self.now += 1;
        for writer in &mut self.writers {
            if let Writer::InDoubt {
                committed,
                until,
                is_promised,
            } = *writer
                && until < self.now
            {
                if is_promised && let Some(version) = committed {
                    self.floor.expired = self.floor.expired.max(version);
                }
                *writer = Writer::Done;
            }
        }
        self.key.expire(self.now);
        self.tag.expire(self.now);
    }

    pub(super) fn write(&mut self, system: &System, writer: usize, action: Action) {
        let (now, is) = (self.now, self.writers[writer]);
        let member = self.fence(system).member(writer);
        let committed = match is {
            Writer::Running { committed } => committed,
            _ => None,
        };
        let in_doubt = |until| Writer::InDoubt {
            committed,
            until,
            is_promised: true,
        };
        let ends = matches!(
            action,
            Action::Invalidate(_) | Action::Drop(_) | Action::Fail(_) | Action::Die(_)
        );
        self.is_owed &= !ends;
        let target = self.target(system);
        self.writers[writer] = match action {
            Action::Fence(_) => {
                target.fence(writer, now);
                Writer::Running { committed: None }
            }
            Action::Commit(_) => {
                self.committed += 1;
                let committed = Some(self.committed);
                match is {
                    Writer::InDoubt {
                        until, is_promised, ..
                    } => Writer::InDoubt {
                        committed,
                        until,
                        is_promised,
                    },
                    _ => Writer::Running { committed },
                }
            }
            Action::Invalidate(_) => {
                target.invalidate(writer);
                let version = committed.unwrap_or(0);
                self.floor.returned = self.floor.returned.max(version);
                Writer::Done
            }
            Action::Refuse(_) => {
                target.release_fence(writer);
                Writer::Done
            }
            Action::Drop(_) => {
                match system.variant {
                    Variant::DropLeavesFence => {
                        target.invalidate(writer);
                    }
                    Variant::DropKeepsFence => target.remove(),
                    Variant::DropDoesNothing => {}
                    variant => with_mistake(target, variant, |target| {
                        target.invalidate_and_fence(writer, now);
                    }),
                }
                in_doubt(now + FENCE_TTL)
            }
            Action::Fail(_) => {
                match system.variant {
                    Variant::FailureReleasesFence => {
                        target.release_fence(writer);
                    }
                    Variant::FailureKeepsFence => {}
                    variant => with_mistake(target, variant, |target| {
                        target.fence(writer, now);
                    }),
                }
                in_doubt(now + FENCE_TTL)
            }
            Action::Die(_) => in_doubt(member.unwrap_or(now)),
            _ => is,
        };
    }
}

/// Runs a step of a writer in doubt, with the mistake that it makes there.
fn with_mistake(
    target: &mut Guarded<Entry, Load>,
    variant: Variant,
    step: impl FnOnce(&mut Guarded<Entry, Load>),
) {
    let usual = target.mistake;
    if let Variant::Anew(mistake) = variant {
        target.mistake = mistake;
    }
    step(target);
    target.mistake = usual;
}
