//! A writer, step by step.

use super::{Action, Entry, FENCE, KEY, Kind, State, System, TAG, Variant, WRITERS, Writer};
use crate::script::Moment;
use crate::store::Version;

impl State {
    pub(super) fn write_actions(&self, system: &System, actions: &mut Vec<Action>) {
        for (index, &writer) in self.writers.iter().enumerate() {
            match writer {
                Writer::Idle if system.fenced => actions.push(Action::Fence(index)),
                Writer::Idle | Writer::Dead(None) => actions.push(Action::Commit(index)),
                Writer::Running(since, committed) => {
                    actions.push(match committed {
                        Some(_) => Action::Finish(index),
                        None => Action::Commit(index),
                    });
                    if since.is_some() && committed.is_none() {
                        actions.push(Action::Refuse(index));
                    }
                    if since.is_some() && system.renews {
                        actions.push(Action::Fence(index));
                    }
                    if self.fence[index] > 0 && system.dies {
                        actions.push(Action::Die(index));
                    }
                }
                Writer::Closed(since, _) | Writer::Opened(since, _)
                    if self.now >= since + system.wait() =>
                {
                    actions.push(Action::Finish(index));
                }
                _ => {}
            }
        }
    }

    pub(super) fn write(&mut self, system: &System, index: usize, action: Action) {
        let writer = self.writers[index];
        self.writers[index] = match (action, writer) {
            (Action::Fence(_), Writer::Running(since, committed)) => {
                self.fence(system, index);
                let counts_first = system.variant == Variant::CountsFromFirstFence;
                let since = since.filter(|_| counts_first).or(Some(self.now));
                Writer::Running(since, committed)
            }
            (Action::Fence(_), _) => {
                self.fence(system, index);
                Writer::Running(Some(self.now), None)
            }
            (Action::Commit(_), _) => {
                self.committed += 1;
                let committed = Some(self.committed);
                match writer {
                    Writer::Running(since, _) => Writer::Running(since, committed),
                    Writer::Dead(_) => Writer::Dead(committed),
                    _ => Writer::Running(None, committed),
                }
            }
            (Action::Refuse(_), _) => {
                self.leave(index);
                Writer::Refused
            }
            (Action::Die(_), Writer::Running(_, committed)) => Writer::Dead(committed),
            (_, Writer::Running(since, Some(committed))) => {
                self.remove(system, index, since, committed)
            }
            (_, Writer::Closed(_, committed)) => {
                let was_lost = self.open(index);
                if was_lost && system.variant != Variant::IgnoresLostMark {
                    Writer::Running(None, Some(committed))
                } else {
                    self.returns(committed, true)
                }
            }
            (_, Writer::Opened(_, committed)) => self.returns(committed, true),
            _ => writer,
        };
    }

    fn fence(&mut self, system: &System, index: usize) {
        self.fence[index] = self.now.saturating_add(system.fence_ttl);
        self.change(FENCE);
        let cap = self.cap();
        if system.kind == Kind::Tag {
            let is_cut = self.tag.is_some_and(|(_, ends)| ends > cap);
            self.tag = self.tag.map(|(nonce, ends)| (nonce, ends.min(cap)));
            self.change(if is_cut { TAG } else { 0 });
        } else {
            let is_cut = self.entry.is_some_and(|entry| entry.ends > cap);
            self.entry = self.entry.map(|entry| Entry {
                ends: entry.ends.min(cap),
                ..entry
            });
            self.change(if is_cut { KEY } else { 0 });
        }
        self.outer.lease = None;
    }

    fn leave(&mut self, index: usize) {
        if self.fence[index] > 0 {
            self.fence[index] = 0;
            self.change(FENCE);
        }
    }

    /// Removes all in one step. Where readers may not have heard of the fence for long enough, it closes all besides.
    fn remove(
        &mut self,
        system: &System,
        index: usize,
        since: Option<Moment>,
        committed: Version,
    ) -> Writer {
        if system.kind == Kind::Tag {
            let was_there = self.tag.take().is_some();
            self.change(if was_there { TAG } else { 0 });
        } else {
            let was_there = self.entry.take().is_some();
            self.change(if was_there { KEY } else { 0 });
        }
        (self.outer.value, self.outer.lease) = (None, None);
        let is_slow = since.is_some_and(|since| self.now >= since + system.wait());
        if is_slow {
            let stood = match system.variant {
                Variant::IgnoresLostFence => true,
                Variant::AnyFenceCounts => self.fence != [0; WRITERS],
                _ => self.fence[index] > 0,
            };
            self.leave(index);
            return if stood {
                self.returns(committed, false)
            } else {
                Writer::Running(None, Some(committed))
            };
        }
        if system.variant == Variant::WaitsAfterOpening {
            self.leave(index);
            return Writer::Opened(self.now, committed);
        }
        self.closed |= 1 << index;
        Writer::Closed(self.now, committed)
    }

    /// Whether the mark was gone.
    fn open(&mut self, index: usize) -> bool {
        let bit = 1 << index;
        let was_lost = self.closed & bit == 0;
        self.closed &= !bit;
        self.leave(index);
        was_lost
    }

    fn returns(&mut self, committed: Version, has_waited: bool) -> Writer {
        self.floor.returned = self.floor.returned.max(committed);
        Writer::Returned { has_waited }
    }
}

impl System {
    /// How long a writer waits.
    fn wait(&self) -> Moment {
        if self.variant == Variant::NoWait {
            0
        } else {
            self.bound
        }
    }
}
