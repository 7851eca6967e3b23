//! Entries that are loaded by reading other entries: the first reads the second, and the last the database.
//!
//! A write names every one of them, each by key, by tag or by pattern, on one server or on two. What it does is a
//! partial order of commands, in [`plan`]; every interleaving with the loads is tried. On one server it sweeps the
//! patterns and then removes all keys and tags in one transaction. On several it closes all, and opens them when
//! all are closed. A pattern is registered while it is swept, until everything is closed: loads that match it are
//! not stored.
//!
//! A load that has its lease may fill; to share what it has loaded is the same as to find its entry, so nobody
//! shares. Who finds the lease taken runs without one.
//!
//! A writer in doubt fences anew, and may commit until the first of its fences ends. Fences end at moments that are
//! not the same, by the clocks of two servers; but all begin to close before the first of them ends. What it owes
//! after that is one more invalidation of all that it names, if there is a pattern among them.
//!
//! Two entries are read by two readers; three by one, and in some mixtures by two. There is one writer, or there
//! are two that succeed. Left out: writers of which one succeeds while another is in doubt, tags whose nonce is read
//! before the entry, entries with several tags, and slots that move.
//!
//! It is long because it is one state machine: each step is read beside those that it can meet.

pub mod plan;
mod read;
mod variant;
mod write;

use stateright::{Model, Property};

use crate::store::Version;
use plan::Plan;
pub use variant::Variant;

/// A read that starts after an invalidation has returned sees that write, and so does whatever it is loaded from.
pub const COHERENCE: &str = "what an invalidation has removed is not seen again";

/// The same of a writer in doubt, once its fences have ended and it owes nothing.
pub const DOUBT: &str = "what a writer in doubt made stale is not seen after its fence";

/// How a write names an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Named {
    /// By its key.
    Key,
    /// By its tag.
    Tag,
    /// By a pattern.
    Pattern,
}

/// Who takes part.
#[derive(Clone, Debug)]
pub struct System {
    /// The protocol.
    pub variant: Variant,
    /// The entries, from the first to the last.
    pub entries: Vec<Named>,
    /// Whether they lie on two servers in turn.
    pub is_spread: bool,
    /// Whether all that have a tag have the same.
    pub is_tag_shared: bool,
    /// How many readers there are.
    pub readers: usize,
    /// How many writers there are.
    pub writers: usize,
    /// How many marks and registrations are evicted. Entries and nonces always are.
    pub evictions: u8,
    /// Whether the writers fence, and then are in doubt.
    pub in_doubt: bool,
}

/// Everything at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    committed: Version,
    /// What a read that starts now must see.
    floor: Version,
    entries: Vec<Entry>,
    /// By server: the writers that have registered a pattern.
    registered: [u8; 2],
    readers: Vec<Vec<Frame>>,
    writers: Vec<Writer>,
    evictions: u8,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Entry {
    value: Option<Version>,
    /// It ends with the fence.
    is_capped: bool,
    /// The reader whose load may fill it.
    lease: Option<usize>,
    /// Whether its tag has a nonce. An entry under another nonce is taken for none.
    has_nonce: bool,
    /// The writers that have closed it, or its tag.
    closed: u8,
    fence: Option<Fence>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Fence {
    Standing,
    Closing,
}

/// A read of one entry. That of the next one is on top of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Frame {
    entry: usize,
    at: At,
    is_capped: bool,
    /// Whether the nonce that it has seen is the tag's. Without a tag it doesn't count.
    is_current: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum At {
    Get,
    /// It has the entry, and not yet the nonce.
    HasEntry(Version),
    JoinTag,
    BeginFill,
    /// It looks for registrations with or without the lease.
    Look,
    LookFirst,
    Running,
    RunningUncached,
    Loaded(Version),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Writer {
    /// Which commands of its plan have been executed.
    done: u32,
    /// A mark or a registration was gone before it was taken away.
    has_lost: bool,
    committed: Option<Version>,
    /// It can't commit any more, and owes what is left of its plan.
    owes: bool,
}

/// What happens next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// An entry goes before its time.
    EvictEntry(usize),
    /// The nonce of its tag does.
    EvictNonce(usize),
    /// The marks of an entry do.
    EvictMark(usize),
    /// The registrations on a server do.
    EvictRegistration(usize),
    /// A lease ends.
    LeaseEnds(usize),
    /// A reader starts with this entry.
    Start(usize, usize),
    /// A reader goes on.
    Read(usize),
    /// A command of a writer is executed.
    Write(usize, usize),
    /// A writer in doubt commits.
    CommitLate(usize),
    /// What a fence has cut is gone, and nothing more is stored until the fence is.
    FenceCloses(usize),
    /// The fence is gone.
    FenceEnds(usize),
    /// A writer in doubt can't commit any more.
    DoubtEnds(usize),
}

impl Model for System {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let writer = Writer {
            done: 0,
            has_lost: false,
            committed: None,
            owes: false,
        };
        vec![State {
            committed: 0,
            floor: 0,
            entries: vec![Entry::default(); self.entries.len()],
            registered: [0; 2],
            readers: vec![Vec::new(); self.readers],
            writers: vec![writer; self.writers],
            evictions: self.evictions,
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        for (index, entry) in state.entries.iter().enumerate() {
            actions.extend(entry.value.map(|_| Action::EvictEntry(index)));
            actions.extend(entry.lease.map(|_| Action::LeaseEnds(index)));
            if entry.has_nonce {
                actions.push(Action::EvictNonce(index));
            }
            if entry.closed > 0 && state.evictions > 0 {
                actions.push(Action::EvictMark(index));
            }
        }
        for (server, &writers) in state.registered.iter().enumerate() {
            if writers > 0 && state.evictions > 0 {
                actions.push(Action::EvictRegistration(server));
            }
        }
        for (index, frames) in state.readers.iter().enumerate() {
            if frames.last().is_some() {
                actions.push(Action::Read(index));
            } else if usize::from(state.floor) < self.writers {
                let entries = 0..self.entries.len();
                actions.extend(entries.map(|entry| Action::Start(index, entry)));
            }
        }
        state.write_actions(self, actions);
    }

    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        let mut next = state.clone();
        match action {
            Action::EvictEntry(entry) => next.entries[entry].value = None,
            Action::EvictNonce(entry) => next.nonce_dies(self, entry),
            Action::EvictMark(entry) => {
                next.evictions -= 1;
                next.entries[entry].closed = 0;
            }
            Action::EvictRegistration(server) => {
                next.evictions -= 1;
                next.registered[server] = 0;
            }
            Action::LeaseEnds(entry) => next.entries[entry].lease = None,
            Action::Start(reader, entry) => next.readers[reader].push(Frame::of(entry)),
            Action::Read(reader) => {
                if !next.read(self, reader) {
                    return None;
                }
            }
            Action::Write(writer, op) => next.write(self, writer, op),
            Action::CommitLate(writer) => next.commit(writer),
            Action::FenceCloses(entry) => next.fence_closes(self, entry),
            Action::FenceEnds(entry) => next.entries[entry].fence = None,
            Action::DoubtEnds(writer) => next.doubt_ends(self, writer),
        }
        next.sort_readers();
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let promise = if self.in_doubt { DOUBT } else { COHERENCE };
        vec![
            Property::always(promise, |_, state: &State| {
                let mut values = state.entries.iter().filter_map(|entry| entry.value);
                values.all(|value| value >= state.floor)
            }),
            Property::sometimes(
                "an entry is stored after the last write",
                |system: &Self, state: &State| {
                    usize::from(state.floor) == system.writers
                        && state.entries.iter().any(|entry| entry.value.is_some())
                },
            ),
        ]
    }
}

impl System {
    /// Two readers and one writer that names entries by these.
    pub fn of(entries: &[Named]) -> Self {
        Self {
            variant: Variant::Intended,
            entries: entries.to_vec(),
            is_spread: false,
            is_tag_shared: false,
            readers: 2,
            writers: 1,
            evictions: 0,
            in_doubt: false,
        }
    }

    fn server(&self, entry: usize) -> usize {
        if self.is_spread { entry % 2 } else { 0 }
    }

    /// The entries that have the tag of this one.
    fn under_tag_of(&self, entry: usize) -> impl Iterator<Item = usize> + use<'_> {
        let is_shared = self.is_tag_shared;
        (0..self.entries.len()).filter(move |&other| {
            self.entries[other] == Named::Tag && (other == entry || is_shared)
        })
    }

    fn plan(&self) -> Plan {
        Plan::of(self)
    }
}

impl Frame {
    fn of(entry: usize) -> Self {
        Self {
            entry,
            at: At::Get,
            is_capped: false,
            is_current: false,
        }
    }
}

impl State {
    /// Readers are all alike.
    fn sort_readers(&mut self) {
        let held = |reader: usize| {
            let leases = self.entries.iter().enumerate();
            leases.fold(0u8, |held, (index, entry)| {
                held | u8::from(entry.lease == Some(reader)) << index
            })
        };
        let mut order: Vec<usize> = (0..self.readers.len()).collect();
        order.sort_by(|&a, &b| (&self.readers[a], held(a)).cmp(&(&self.readers[b], held(b))));
        let readers = order.iter().map(|&old| self.readers[old].clone()).collect();
        self.readers = readers;
        for entry in &mut self.entries {
            entry.lease = entry
                .lease
                .and_then(|old| order.iter().position(|&reader| reader == old));
        }
    }

    /// No entry under it is valid any more.
    fn nonce_dies(&mut self, system: &System, entry: usize) {
        for other in system.under_tag_of(entry) {
            let entry = &mut self.entries[other];
            (entry.has_nonce, entry.value) = (false, None);
            for frame in self.readers.iter_mut().flatten() {
                frame.is_current &= frame.entry != other;
            }
        }
    }
}
