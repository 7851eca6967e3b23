//! What a write does, and in which order.

use super::{Named, System, Variant};

/// A command, executed without interruption.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// Announces the write.
    Fence(usize),
    /// Its handler commits.
    Commit,
    /// Its caller has gone, or has got an error: from now on the write is in doubt.
    GoesIntoDoubt,
    /// Announces the write anew.
    FenceAnew(usize),
    /// What is owed begins when the write can't be committed any more.
    AwaitFences,
    /// Removes an entry or a nonce and voids the load under way. Nothing is stored until it is opened.
    Close(usize),
    /// Takes the mark away, and leaves the fence.
    Open(usize),
    /// One transaction: removes all of these and leaves their fences. Entries are the bits of the set.
    Remove(u8),
    /// The same, and the last pattern is no longer registered.
    RemoveAndUnregister(u8),
    /// Tells a server's readers of the patterns.
    Register(usize),
    /// They are over.
    Unregister(usize),
    /// The scan comes by this lease.
    SweepLease(usize),
    /// The scan comes by this entry.
    SweepEntry(usize),
    /// The invalidation returns, or begins again if it has lost a mark.
    Return,
}

/// Commands, each with the set of those that must be over before it.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// The bit of a command in such a set is its place in here.
    pub ops: Vec<(Op, u32)>,
    /// What is over where the invalidation begins.
    pub before_invalidation: u32,
}

impl Plan {
    /// Adds commands, in any order among themselves, after these. Returns the set that has both.
    fn then(&mut self, after: u32, ops: impl IntoIterator<Item = Op>) -> u32 {
        let mut all = after;
        for op in ops {
            all |= 1 << self.ops.len();
            self.ops.push((op, after));
        }
        all
    }

    /// The commands of the whole write.
    pub fn of(system: &System) -> Self {
        let mut plan = Self::default();
        let exact: Vec<usize> = system.named(|named| named != Named::Pattern).collect();
        let mut done = 0;
        if system.in_doubt {
            done = plan.then(done, exact.iter().copied().map(Op::Fence));
            done = plan.then(done, [Op::GoesIntoDoubt]);
            done = plan.then(done, exact.iter().copied().map(Op::FenceAnew));
            done = plan.then(done, [Op::AwaitFences]);
            let has_pattern = exact.len() < system.entries.len();
            if !has_pattern || system.variant == Variant::OwesNothing {
                plan.before_invalidation = done;
                return plan;
            }
        } else {
            done = plan.then(done, [Op::Commit]);
        }
        plan.before_invalidation = done;
        plan.invalidate(system, &exact, done);
        plan
    }

    fn invalidate(&mut self, system: &System, exact: &[usize], begin: u32) {
        let all = || exact.iter().copied();
        let set = all().fold(0, |set, entry| set | 1 << entry);
        match system.variant {
            Variant::KeysBeforePatterns => {
                let done = self.then(begin, all().map(|entry| Op::Remove(1 << entry)));
                let done = self.sweep(system, done);
                self.then(done, [Op::Return]);
            }
            Variant::KeysPatternsKeys => {
                let done = self.then(begin, [Op::Remove(set)]);
                let done = self.sweep(system, done);
                let done = self.then(done, [Op::Remove(set)]);
                self.then(done, [Op::Return]);
            }
            Variant::RemovesTwice => {
                let done = self.then(begin, all().map(|entry| Op::Remove(1 << entry)));
                let done = self.then(done, all().map(|entry| Op::Remove(1 << entry)));
                self.then(done, [Op::Return]);
            }
            Variant::OwesPatterns => {
                let done = self.sweep(system, begin);
                let done = self.then(done, system.swept_servers().map(Op::Unregister));
                self.then(done, [Op::Return]);
            }
            Variant::OpensEach => {
                let opened = exact.iter().fold(begin, |opened, &entry| {
                    let closed = self.then(begin, [Op::Close(entry)]);
                    opened | self.then(closed, [Op::Open(entry)])
                });
                self.then(opened, [Op::Return]);
            }
            _ if system.is_spread => {
                let swept = self.sweep(system, begin);
                let closed = self.then(swept, all().map(Op::Close));
                let open = all().map(Op::Open);
                let unregister = system
                    .swept_servers()
                    .filter(|_| system.unregisters_at_end())
                    .map(Op::Unregister);
                if system.variant == Variant::ReturnsBeforeOpening {
                    let returned = self.then(closed, [Op::Return]);
                    self.then(returned, open.chain(unregister));
                } else {
                    let opened = self.then(closed, open.chain(unregister));
                    self.then(opened, [Op::Return]);
                }
            }
            _ => {
                let swept = self.sweep(system, begin);
                let is_registered = system.swept_servers().next().is_some();
                let remove = if is_registered && system.unregisters_at_end() {
                    Op::RemoveAndUnregister(set)
                } else {
                    Op::Remove(set)
                };
                let removed = self.then(swept, [remove]);
                self.then(removed, [Op::Return]);
            }
        }
    }

    /// On all servers at once: registers the patterns, sweeps the leases, sweeps the entries.
    fn sweep(&mut self, system: &System, begin: u32) -> u32 {
        let mut all = begin;
        for server in system.swept_servers() {
            let swept = || {
                let patterns = system.named(|named| named == Named::Pattern);
                patterns.filter(move |&entry| system.server(entry) == server)
            };
            let leases = swept().map(Op::SweepLease);
            let entries = swept().map(Op::SweepEntry);
            let register = [Op::Register(server)];
            all |= match system.variant {
                Variant::RegistersNever
                | Variant::KeysBeforePatterns
                | Variant::KeysPatternsKeys => {
                    let done = self.then(begin, leases);
                    self.then(done, entries)
                }
                Variant::RegistersAfterLeases => {
                    let done = self.then(begin, leases);
                    let done = self.then(done, register);
                    self.then(done, entries)
                }
                Variant::RegistersBesideLeases => {
                    let done = self.then(begin, leases.chain(register));
                    self.then(done, entries)
                }
                Variant::EntriesBeforeLeases => {
                    let done = self.then(begin, register);
                    let done = self.then(done, entries);
                    self.then(done, leases)
                }
                _ => {
                    let done = self.then(begin, register);
                    let done = self.then(done, leases);
                    let done = self.then(done, entries);
                    let is_over = system.variant == Variant::UnregistersAfterSweep;
                    self.then(done, is_over.then_some(Op::Unregister(server)))
                }
            };
        }
        all
    }
}

impl System {
    fn named(&self, is: impl Fn(Named) -> bool) -> impl Iterator<Item = usize> {
        (0..self.entries.len()).filter(move |&entry| is(self.entries[entry]))
    }

    /// The servers on which there is something to sweep.
    fn swept_servers(&self) -> impl Iterator<Item = usize> {
        (0..2).filter(|&server| {
            let mut patterns = self.named(|named| named == Named::Pattern);
            patterns.any(|entry| self.server(entry) == server)
        })
    }

    fn unregisters_at_end(&self) -> bool {
        !matches!(
            self.variant,
            Variant::RegistersNever | Variant::UnregistersAfterSweep
        )
    }
}
