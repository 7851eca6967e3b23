//! What scopes, and loads in and around them, do.

use super::{
    Action, COHERENCE, DOUBT, ISOLATION, Isolation, Load, Scope, State, System, Variant, Within,
};
use crate::script::{BeginFill, FENCE_TTL, Moment, NEVER};
use crate::store::Version;

/// What nobody but the scope that wrote it may see.
const UNCOMMITTED: Version = Version::MAX;

impl State {
    pub(super) fn step(&mut self, system: &System, action: Action) {
        match action {
            Action::Tick => self.tick(system),
            Action::Evict => self.key.stored = None,
            Action::LeaseEnds => self.key.lease = None,
            Action::BeginFill(within) => self.begin_fill(within),
            Action::Load => self.load(system),
            Action::Fill => self.fill(system),
            Action::Begin(index) => {
                self.scopes[index] = Scope::Open {
                    snapshot: self.committed,
                    has_written: false,
                    is_inner_applied: false,
                };
            }
            Action::Write(index) => {
                self.fence(system, index);
                if let Scope::Open { has_written, .. } = &mut self.scopes[index] {
                    *has_written = true;
                }
            }
            Action::Renew(index) => self.fence(system, index),
            Action::ApplyInner(index) => self.apply_inner(system, index),
            Action::Return(index) => self.end_scope(system, index),
            Action::Commit(index) => self.commit(index),
            Action::Apply(index) => self.apply(system, index),
            Action::RollBack(index) => {
                self.key.release_fence(index);
                self.scopes[index] = Scope::Done;
            }
            Action::Drop(index) => self.drop_scope(system, index),
            Action::Die(index) => self.die(system, index),
        }
        if let Some((value, _)) = self.key.stored {
            self.serve(value);
        }
    }

    fn serve(&mut self, value: Version) {
        if value == UNCOMMITTED {
            self.broken = Some(ISOLATION);
        } else if value < self.floor.returned {
            self.broken = Some(COHERENCE);
        } else if value < self.floor.expired {
            self.broken = Some(DOUBT);
        }
    }

    fn tick(&mut self, system: &System) {
        self.now += 1;
        for index in 0..self.scopes.len() {
            if let Scope::InDoubt {
                committed,
                until,
                is_promised,
            } = self.scopes[index]
                && until < self.now
            {
                if is_promised {
                    if !system.fenced {
                        // What a pattern matches is removed once more.
                        self.key.remove();
                    }
                    let version = committed.unwrap_or(0);
                    self.floor.expired = self.floor.expired.max(version);
                }
                self.scopes[index] = Scope::Done;
            }
        }
        self.key.expire(self.now);
    }

    fn begin_fill(&mut self, within: Option<usize>) {
        let load = Load {
            within,
            expires_by: None,
            value: None,
        };
        if let BeginFill::Granted { expires_by } = self.key.begin_fill(load, self.now) {
            self.key.lease = Some(Load { expires_by, ..load });
        }
    }

    fn load(&mut self, system: &System) {
        let Some(load) = &mut self.key.lease else {
            return;
        };
        let scope = load.within.map(|index| self.scopes[index]);
        load.value = Some(match scope {
            Some(Scope::Open {
                has_written: true, ..
            }) => UNCOMMITTED,
            Some(Scope::Open { snapshot, .. }) if system.isolation == Isolation::Snapshot => {
                snapshot
            }
            _ => self.committed,
        });
    }

    fn fill(&mut self, system: &System) {
        let Some(Load {
            within,
            expires_by,
            value: Some(value),
        }) = self.key.lease
        else {
            return;
        };
        let scope = within.map(|index| self.scopes[index]);
        let has_written = !matches!(
            scope,
            None | Some(Scope::Open {
                has_written: false,
                ..
            })
        );
        if has_written && system.within == Within::UntilWrite {
            self.key.lease = None;
            return;
        }
        self.key.fill(value, NEVER, expires_by, self.now);
    }

    fn fence(&mut self, system: &System, index: usize) {
        if system.fenced {
            self.key.fence(index, self.now);
        }
    }

    /// What it made stale goes at once, and its fence is the outer scope's.
    fn apply_inner(&mut self, system: &System, index: usize) {
        self.key.remove();
        if system.variant == Variant::ForgetsInner {
            self.key.invalidate(index);
        }
        if let Scope::Open {
            is_inner_applied, ..
        } = &mut self.scopes[index]
        {
            *is_inner_applied = true;
        }
    }

    fn end_scope(&mut self, system: &System, index: usize) {
        let Scope::Open {
            is_inner_applied, ..
        } = self.scopes[index]
        else {
            return;
        };
        if system.variant == Variant::RemovesOnReturn {
            self.key.invalidate(index);
        }
        self.scopes[index] = Scope::Over {
            since: self.now,
            is_inner_applied,
            committed: None,
        };
    }

    fn commit(&mut self, index: usize) {
        self.committed += 1;
        if let Scope::Over { committed, .. } | Scope::InDoubt { committed, .. } =
            &mut self.scopes[index]
        {
            *committed = Some(self.committed);
        }
    }

    fn apply(&mut self, system: &System, index: usize) {
        let Scope::Over {
            is_inner_applied,
            committed,
            ..
        } = self.scopes[index]
        else {
            return;
        };
        let is_forgotten = match system.variant {
            Variant::RemovesOnReturn => true,
            Variant::ForgetsInner => is_inner_applied,
            _ => false,
        };
        if !is_forgotten {
            self.key.invalidate(index);
        }
        let version = committed.unwrap_or(0);
        self.floor.returned = self.floor.returned.max(version);
        self.scopes[index] = Scope::Done;
    }

    fn drop_scope(&mut self, system: &System, index: usize) {
        if system.variant != Variant::DropDoesNothing {
            self.key.remove();
            self.fence(system, index);
        }
        self.doubt(index, self.now + FENCE_TTL, true);
    }

    /// What dies at once when its future is over still has a fence. A pattern has none.
    fn die(&mut self, system: &System, index: usize) {
        let until = self.key.fence.member(index).unwrap_or(self.now);
        let is_late = match self.scopes[index] {
            Scope::Over { since, .. } => since < self.now,
            _ => false,
        };
        self.doubt(index, until, system.fenced && !is_late);
    }

    fn doubt(&mut self, index: usize, until: Moment, is_promised: bool) {
        let committed = match self.scopes[index] {
            Scope::Over { committed, .. } => committed,
            _ => None,
        };
        self.scopes[index] = Scope::InDoubt {
            committed,
            until,
            is_promised,
        };
    }
}
