//! A writer: a fence, the write, and then the invalidation; or a failure, and the fence is released.
//!
//! It is long because it is one state machine: each step is read beside those that it can meet.

use crate::fence::Moment;
use crate::slot::{Round, Server, Slot};
use crate::store::{Target, Version};
use crate::system::State;
use crate::variant::Variant;

/// Writes once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Writer {
    /// What its write makes stale.
    pub target: Target,
    /// How far it has got.
    pub phase: Phase,
}

/// Where a writer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Has not begun.
    Idle,
    /// It has taken so many steps of its fence.
    Fencing {
        /// How many.
        done: usize,
    },
    /// Its handler runs.
    Fenced,
    /// It has committed, and is at its invalidation.
    Invalidating {
        /// What it committed.
        version: Version,
        /// What it does next.
        next: Invalidation,
    },
    /// It died before its invalidation was over, and its fence stands.
    Dead {
        /// What it had committed.
        version: Version,
    },
    /// It has returned, or died and left nothing behind but perhaps its fence.
    Done,
}

/// One step of a fence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    /// Enters.
    Enter,
    /// Voids the load under way.
    Lease,
    /// Shortens the life of what is there.
    Life,
}

/// One step of an invalidation. Those of a key, a tag and a pattern come in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Invalidation {
    /// Removes the key's lease.
    Lease,
    /// Removes the key's entry.
    Entry,
    /// Removes the tag's nonce.
    TagNonce,
    /// Leaves the fence, if it has one, and returns.
    LeaveFence,
    /// Looks at one lease after the other, until none of these keys is left.
    SweepLeases(Keys),
    /// The same with the entries.
    SweepEntries(Keys),
    /// Looks whose the slot is, and whether it is on the move.
    BeginRound {
        /// Whose it was all through the round before.
        before: Option<Server>,
    },
    /// Scans both servers, and looks again.
    Round(Round),
}

/// A set of keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Keys(u8);

impl Keys {
    fn all(count: usize) -> Self {
        Self((1 << count) - 1)
    }

    fn has(self, key: usize) -> bool {
        self.0 & (1 << key) != 0
    }

    fn without(self, key: usize) -> Self {
        Self(self.0 & !(1 << key))
    }
}

/// What a writer does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The next part of its fence.
    Fence,
    /// Its handler commits.
    Commit,
    /// Its handler fails, and it says so.
    ReleaseFence,
    /// The next part of its invalidation.
    Invalidate,
    /// The next part of its invalidation, which is about this key.
    Sweep(usize),
    /// The next scan of this server.
    Scan(Server),
    /// Returns, and leaves its fence to end by itself.
    Stay,
    /// Its process dies.
    Die,
}

impl State {
    /// What the writer with this index may do next.
    pub(crate) fn write_steps(&self, writer: usize) -> Vec<Step> {
        let has_fence = self.writers[writer].target != Target::Pattern;
        match self.writers[writer].phase {
            Phase::Idle if !has_fence || self.store.variant == Variant::NoFence => {
                vec![Step::Commit]
            }
            Phase::Idle if self.store.now <= member(writer) => vec![Step::Fence],
            Phase::Fencing { .. } => vec![Step::Fence],
            Phase::Fenced => vec![Step::Commit, Step::ReleaseFence, Step::Die],
            Phase::Invalidating { next, .. } => {
                let mut steps = match next {
                    Invalidation::SweepLeases(left) | Invalidation::SweepEntries(left) => {
                        let keys = 0..self.store.keys.len();
                        keys.filter(|&key| left.has(key)).map(Step::Sweep).collect()
                    }
                    Invalidation::Round(round) if !self.to_scan(round).is_empty() => {
                        self.to_scan(round).into_iter().map(Step::Scan).collect()
                    }
                    _ => vec![Step::Invalidate],
                };
                if has_fence && next == Invalidation::LeaveFence {
                    steps.push(Step::Stay);
                }
                if self.may_die(writer) {
                    steps.push(Step::Die);
                }
                steps
            }
            Phase::Idle | Phase::Dead { .. } | Phase::Done => Vec::new(),
        }
    }

    /// One whose fence was evicted lives on, and so does one that has none because it names a pattern. If the
    /// fence has ended by itself, nothing is promised of this write, but still of all others.
    fn may_die(&self, writer: usize) -> bool {
        let member = member(writer);
        match self.writers[writer].target {
            Target::Pattern => false,
            _ if self.store.variant == Variant::NoFence => true,
            target => self.store.now > member || self.store.fence_of(target).has(member),
        }
    }

    /// Lets the writer with this index take a step that [`State::write_steps`] allows it.
    pub(crate) fn write(&mut self, writer: usize, step: Step) {
        let target = self.writers[writer].target;
        let member = member(writer);
        if !matches!(step, Step::Fence | Step::ReleaseFence) {
            self.owed.fill(false);
        }
        self.writers[writer].phase = match (self.writers[writer].phase, step) {
            (Phase::Fencing { done }, Step::Fence) => self.fence(writer, done),
            (_, Step::Fence) => self.fence(writer, 0),
            (_, Step::Commit) => {
                self.committed += 1;
                Phase::Invalidating {
                    version: self.committed,
                    next: self.first_of_invalidation(target),
                }
            }
            (Phase::Fenced, Step::ReleaseFence) => {
                self.store.release_fence(target, member);
                Phase::Done
            }
            (Phase::Invalidating { version, next }, Step::Invalidate) => {
                match self.invalidate(target, member, next) {
                    Some(next) => Phase::Invalidating { version, next },
                    None => self.returned(version),
                }
            }
            (
                Phase::Invalidating {
                    version,
                    next: Invalidation::Round(round),
                },
                Step::Scan(server),
            ) => Phase::Invalidating {
                version,
                next: Invalidation::Round(self.scan(server, round)),
            },
            (Phase::Invalidating { version, .. }, Step::Stay) => self.returned(version),
            (Phase::Invalidating { version, next }, Step::Sweep(key)) => Phase::Invalidating {
                version,
                next: self.sweep(key, next),
            },
            (Phase::Invalidating { version, .. }, Step::Die) if self.store.now <= member => {
                Phase::Dead { version }
            }
            _ => Phase::Done,
        };
    }

    fn fence(&mut self, writer: usize, done: usize) -> Phase {
        let (target, member) = (self.writers[writer].target, member(writer));
        let parts = parts(self.store.variant, target);
        match parts[done] {
            Part::Enter => {
                self.store.enter_fence(target, member);
            }
            Part::Lease => {
                self.store.void(target);
            }
            Part::Life => {
                if !self.store.fence_of(target).has(member) {
                    // Evicted, or so slow that it has ended: it can't give back what it takes.
                    self.owed.fill(false);
                }
                self.store.shorten(target, member);
            }
        }
        match done + 1 {
            done if done < parts.len() => Phase::Fencing { done },
            _ => Phase::Fenced,
        }
    }

    fn returned(&mut self, version: Version) -> Phase {
        self.floor.returned = self.floor.returned.max(version);
        Phase::Done
    }

    fn first_of_invalidation(&self, target: Target) -> Invalidation {
        let all = Keys::all(self.store.keys.len());
        match target {
            Target::Key(_) => Invalidation::Lease,
            Target::Tag => Invalidation::TagNonce,
            // Where no order is promised, this is the worst one.
            Target::Pattern if self.store.variant == Variant::SweepOnce => {
                Invalidation::SweepEntries(all)
            }
            Target::Pattern if self.store.slot != Slot::Fixed => {
                Invalidation::BeginRound { before: None }
            }
            Target::Pattern => Invalidation::SweepLeases(all),
        }
    }

    fn invalidate(
        &mut self,
        target: Target,
        member: Moment,
        step: Invalidation,
    ) -> Option<Invalidation> {
        match (step, target) {
            (Invalidation::Lease, Target::Key(key)) => {
                self.store.keys[key].lease = None;
                Some(Invalidation::Entry)
            }
            (Invalidation::Entry, Target::Key(key)) => {
                self.store.keys[key].entry = None;
                Some(Invalidation::LeaveFence)
            }
            (Invalidation::TagNonce, _) => {
                self.store.tag.nonce = None;
                Some(Invalidation::LeaveFence)
            }
            (Invalidation::BeginRound { before }, _) => {
                Some(Invalidation::Round(self.begin_round(before)))
            }
            (Invalidation::Round(round), _) => Some(self.end_round(round)),
            (Invalidation::LeaveFence, _) => {
                self.store.leave_fence(target, member);
                None
            }
            _ => None,
        }
    }

    fn sweep(&mut self, key: usize, pass: Invalidation) -> Invalidation {
        let all = Keys::all(self.store.keys.len());
        let once = self.store.variant == Variant::SweepOnce;
        let is_over = |left: Keys| left == Keys::all(0);
        match pass {
            Invalidation::SweepLeases(left) => {
                self.store.keys[key].lease = None;
                match left.without(key) {
                    left if !is_over(left) => Invalidation::SweepLeases(left),
                    _ if once => Invalidation::LeaveFence,
                    _ => Invalidation::SweepEntries(all),
                }
            }
            Invalidation::SweepEntries(left) => {
                self.store.keys[key].entry = None;
                match left.without(key) {
                    left if !is_over(left) => Invalidation::SweepEntries(left),
                    _ if once => Invalidation::SweepLeases(all),
                    _ => Invalidation::LeaveFence,
                }
            }
            other => other,
        }
    }
}

/// The steps of a fence, each for itself as where its keys are on the move; one script takes all of them
/// together.
fn parts(variant: Variant, target: Target) -> &'static [Part] {
    match (variant, target) {
        (Variant::FenceLeavesLease, _) | (_, Target::Tag | Target::Pattern) => {
            &[Part::Enter, Part::Life]
        }
        (Variant::FenceEntersLast, _) => &[Part::Lease, Part::Life, Part::Enter],
        (Variant::FenceVoidsLast, _) => &[Part::Enter, Part::Life, Part::Lease],
        _ => &[Part::Enter, Part::Lease, Part::Life],
    }
}

/// What the writer with this index is called in a fence, and when it ends there.
pub(crate) fn member(writer: usize) -> Moment {
    Moment::try_from(writer + 1).unwrap_or(Moment::MAX)
}
