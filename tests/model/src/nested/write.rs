//! A writer, step by step, and the ends of its fences.

use super::plan::{Op, Plan};
use super::{Action, Fence, Named, State, System, Variant, Writer};

impl State {
    pub(super) fn write_actions(&self, system: &System, actions: &mut Vec<Action>) {
        let plan = system.plan();
        for (index, writer) in self.writers.iter().enumerate() {
            for (place, &(op, after)) in plan.ops.iter().enumerate() {
                let is_due = writer.done & (1 << place) == 0 && writer.done & after == after;
                if is_due && op != Op::AwaitFences {
                    actions.push(Action::Write(index, place));
                } else if is_due && self.entries.iter().all(|entry| entry.fence.is_none()) {
                    // The process waits for as long as its fences stand.
                    actions.push(Action::DoubtEnds(index));
                }
            }
            if writer.committed.is_none() && self.may_commit_late(system, *writer) {
                actions.push(Action::CommitLate(index));
            }
        }
        if system.in_doubt {
            self.fence_actions(&plan, actions);
        }
    }

    /// The fences of a round are set at about the same time, so none of them closes before all are set, and none
    /// ends before all have closed.
    fn fence_actions(&self, plan: &Plan, actions: &mut Vec<Action>) {
        let done = self.writers.first().map_or(0, |writer| writer.done);
        let is_done = |op: Op| {
            let place = plan.ops.iter().position(|&(is, _)| is == op);
            place.is_some_and(|place| done & (1 << place) != 0)
        };
        let is_anew = |entry: usize| is_done(Op::FenceAnew(entry));
        let fenced =
            || (0..self.entries.len()).filter(|&entry| self.entries[entry].fence.is_some());
        for index in fenced() {
            let has_same = |entry: usize| is_anew(entry) == is_anew(index);
            if self.entries[index].fence == Some(Fence::Standing) {
                let mut ops = plan.ops.iter().filter_map(|&(op, _)| match op {
                    Op::FenceAnew(_) if is_anew(index) => Some(op),
                    Op::Fence(_) if !is_anew(index) => Some(op),
                    _ => None,
                });
                if ops.all(is_done) {
                    actions.push(Action::FenceCloses(index));
                }
            } else {
                let mut others = fenced().filter(|&entry| has_same(entry));
                if others.all(|other| self.entries[other].fence == Some(Fence::Closing)) {
                    actions.push(Action::FenceEnds(index));
                }
            }
        }
    }

    /// In doubt, it may be committed until the first of its fences has ended.
    fn may_commit_late(&self, system: &System, writer: Writer) -> bool {
        let plan = system.plan();
        let is_done = |op: fn(Op) -> bool| {
            let mut places = plan.ops.iter().enumerate().filter(|(_, (is, _))| op(*is));
            places.all(|(place, _)| writer.done & (1 << place) != 0)
        };
        let mut exact = system.entries.iter().zip(&self.entries);
        let are_fences_there =
            exact.all(|(&named, entry)| named == Named::Pattern || entry.fence.is_some());
        system.in_doubt
            && !writer.owes
            && is_done(|op| op == Op::GoesIntoDoubt)
            && (are_fences_there || !is_done(|op| matches!(op, Op::FenceAnew(_))))
    }

    pub(super) fn commit(&mut self, writer: usize) {
        self.committed += 1;
        self.writers[writer].committed = Some(self.committed);
    }

    fn returns(&mut self, writer: usize) {
        if let Some(version) = self.writers[writer].committed {
            self.floor = self.floor.max(version);
        }
    }

    /// What was shortened to the fence is gone.
    pub(super) fn fence_closes(&mut self, system: &System, index: usize) {
        let entry = &mut self.entries[index];
        entry.fence = Some(Fence::Closing).filter(|_| system.variant != Variant::NoClosingTime);
        if system.entries[index] == Named::Tag {
            self.nonce_dies(system, index);
        } else if entry.is_capped {
            entry.value = None;
        }
    }

    /// It can't be committed any more. Where nothing is owed, its promise is due when its fences have ended.
    pub(super) fn doubt_ends(&mut self, system: &System, writer: usize) {
        let plan = system.plan();
        let owes_nothing = plan
            .ops
            .last()
            .is_some_and(|&(op, _)| op == Op::AwaitFences);
        let place = plan.ops.iter().position(|&(op, _)| op == Op::AwaitFences);
        self.writers[writer].owes = true;
        self.writers[writer].done |= place.map_or(0, |place| 1 << place);
        if owes_nothing {
            self.returns(writer);
        }
    }

    fn remove(&mut self, system: &System, index: usize) {
        if system.entries[index] == Named::Tag {
            self.nonce_dies(system, index);
            return;
        }
        let entry = &mut self.entries[index];
        entry.value = None;
        if system.variant != Variant::LeavesLeases {
            entry.lease = None;
        }
    }

    fn fence(&mut self, system: &System, index: usize) {
        let entry = &mut self.entries[index];
        entry.fence = Some(Fence::Standing);
        entry.is_capped = true;
        if system.entries[index] == Named::Key {
            entry.lease = None;
        }
    }

    pub(super) fn write(&mut self, system: &System, writer: usize, place: usize) {
        let plan = system.plan();
        let bit = 1 << writer;
        let mut has_lost = false;
        match plan.ops[place].0 {
            Op::Fence(entry) | Op::FenceAnew(entry) => self.fence(system, entry),
            Op::Commit => self.commit(writer),
            Op::GoesIntoDoubt | Op::AwaitFences => {}
            Op::Close(entry) => {
                self.remove(system, entry);
                self.entries[entry].closed |= bit;
            }
            Op::Open(index) => {
                let entry = &mut self.entries[index];
                has_lost = entry.closed & bit == 0;
                (entry.closed, entry.fence) = (entry.closed & !bit, None);
            }
            Op::Remove(set) => self.remove_all(system, set),
            Op::RemoveAndUnregister(set) => {
                self.remove_all(system, set);
                has_lost = self.unregister(0, bit);
            }
            Op::Register(server) => self.registered[server] |= bit,
            Op::Unregister(server) => has_lost = self.unregister(server, bit),
            Op::SweepLease(entry) => self.entries[entry].lease = None,
            Op::SweepEntry(entry) => self.entries[entry].value = None,
            Op::Return => {
                let is = &mut self.writers[writer];
                if is.has_lost && system.variant != Variant::IgnoresLoss {
                    (is.done, is.has_lost) = (plan.before_invalidation, false);
                    return;
                }
                self.returns(writer);
            }
        }
        let is = &mut self.writers[writer];
        is.done |= 1 << place;
        is.has_lost |= has_lost;
    }

    fn remove_all(&mut self, system: &System, set: u8) {
        for entry in 0..self.entries.len() {
            if set & (1 << entry) != 0 {
                self.remove(system, entry);
            }
        }
    }

    /// Whether the registration was gone.
    fn unregister(&mut self, server: usize, bit: u8) -> bool {
        let registered = &mut self.registered[server];
        let was_gone = *registered & bit == 0;
        *registered &= !bit;
        was_gone
    }
}
