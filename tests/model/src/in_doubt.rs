//! Writers of whose end nothing is known: dropped, panicked, dead, or failed in a way that says nothing about
//! their commit. Such a write may land at any time while its fence stands.
//!
//! There is one entry, perhaps under one tag that lies on another server, and any number of loads: a load that
//! has lost its lease can only be refused, so the one that has it is all that there is to keep. The readers
//! are those that have seen one of two things, and go to see the other.

mod normal;
mod steps;

use stateright::{Model, Property};

use crate::promise::Floor;
use crate::script::{FENCE_TTL, Guarded, Mistake, Moment, NEVER};
use crate::store::{Nonce, Version};

/// A read that starts after an invalidation has returned sees that write.
pub const COHERENCE: &str = "what an invalidation has removed is not seen again";

/// A read that starts after the fence of a writer in doubt has ended sees what it had committed by then.
pub const DOUBT: &str = "what a writer in doubt made stale is not seen after its fence";

/// What is stored for its full TTL outlasts refused writes, and has that TTL when they are over.
pub const REFUSAL: &str = "a refused write neither empties nor shortens the cache";

/// What a writer does that can't say whether it has committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Variant {
    /// A dropped one invalidates and fences anew; a failed one fences anew.
    Intended,
    /// A dropped one invalidates and leaves its fence.
    DropLeavesFence,
    /// A dropped one invalidates; its fence ends when it would have.
    DropKeepsFence,
    /// A dropped one does nothing.
    DropDoesNothing,
    /// A failed one releases its fence, as if it had been refused.
    FailureReleasesFence,
    /// A failed one leaves its fence as it is.
    FailureKeepsFence,
    /// The intended one, with scripts that have this mistake.
    Script(Mistake),
    /// A fence anew, of one dropped or failed, has this mistake.
    Anew(Mistake),
}

/// Who takes part.
#[derive(Clone, Debug)]
pub struct System {
    /// The protocol.
    pub variant: Variant,
    /// How many readers may be between two steps. Of an entry without a tag none is.
    pub readers: usize,
    /// How many writers there are.
    pub writers: usize,
    /// Whether the writers name the entry's tag, not the entry.
    pub tagged: bool,
    /// The last moment.
    pub last: Moment,
    /// Whether fences are evicted. The promises of their own writers end with them.
    pub evicts_fences: bool,
}

impl System {
    /// The same with another protocol.
    #[must_use]
    pub fn with(self, variant: Variant) -> Self {
        Self { variant, ..self }
    }
}

/// Everything at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    now: Moment,
    committed: Version,
    key: Guarded<Entry, Load>,
    /// Its entry is nothing but a nonce.
    tag: Guarded<Entry, Load>,
    floor: Floor,
    /// The entry was stored for its full TTL, and nothing has happened to it but refused writes.
    is_owed: bool,
    readers: Vec<Reader>,
    writers: Vec<Writer>,
    broken: Option<&'static str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Entry {
    value: Version,
    nonce: Option<Nonce>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Load {
    nonce: Option<Nonce>,
    expires_by: Option<Moment>,
    value: Option<Version>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Reader {
    Idle,
    /// It has the entry, and not yet the tag's nonce.
    HasEntry(Entry, Floor),
    /// It has the tag's nonce, and not yet the entry.
    HasNonce(Nonce, Floor),
    /// It found no valid entry and has joined the tag.
    Joined(Nonce),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Writer {
    Idle,
    Running {
        committed: Option<Version>,
    },
    /// Its caller has gone, or got an error, or its process is dead.
    InDoubt {
        committed: Option<Version>,
        /// What is committed later than this is outside of the promise.
        until: Moment,
        is_promised: bool,
    },
    Done,
}

/// What happens next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// The clock goes on.
    Tick,
    /// The entry, or its tag's nonce, goes before its time.
    EvictStored,
    /// The lease of a load that is dropped, dies, or takes too long.
    LeaseEnds,
    /// The fence goes with all its members.
    EvictFence,
    /// A reader sees the entry first.
    Get(usize),
    /// A reader sees the tag's nonce first.
    GetNonce(usize),
    /// It sees the other.
    GetOther(usize),
    /// A reader that has missed.
    JoinTag(usize),
    /// The reader with this index, or any, asks for the lease.
    BeginFill(usize),
    /// The function of the load asks the database.
    Load,
    /// The load is over.
    Fill,
    /// Announces a write.
    Fence(usize),
    /// It takes effect in the database.
    Commit(usize),
    /// It has succeeded.
    Invalidate(usize),
    /// It was refused, and nothing is committed.
    Refuse(usize),
    /// Its future is dropped, or panics.
    Drop(usize),
    /// It fails, which says nothing about the commit.
    Fail(usize),
    /// Its process dies.
    Die(usize),
}

impl Model for System {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let mistake = match self.variant {
            Variant::Script(mistake) => mistake,
            _ => Mistake::None,
        };
        vec![State {
            now: 1,
            committed: 0,
            key: Guarded::with(mistake),
            tag: Guarded::with(mistake),
            floor: Floor::default(),
            is_owed: false,
            readers: vec![Reader::Idle; self.readers],
            writers: vec![Writer::Idle; self.writers],
            broken: None,
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        if state.broken.is_some() {
            return;
        }
        if state.now < self.last {
            actions.push(Action::Tick);
        }
        let is_stored = if self.tagged {
            state.tag.stored.is_some()
        } else {
            state.key.stored.is_some()
        };
        actions.extend(is_stored.then_some(Action::EvictStored));
        if self.evicts_fences && state.fence(self).first().is_some() {
            actions.push(Action::EvictFence);
        }
        match state.key.lease {
            Some(load) => actions.extend([
                Action::LeaseEnds,
                if load.value.is_some() {
                    Action::Fill
                } else {
                    Action::Load
                },
            ]),
            None if !self.tagged && state.key.stored.is_none() => {
                actions.push(Action::BeginFill(0));
            }
            None => {}
        }
        for (index, reader) in state.readers.iter().enumerate() {
            match reader {
                Reader::Idle => actions.extend([
                    Action::Get(index),
                    Action::GetNonce(index),
                    Action::JoinTag(index),
                ]),
                Reader::HasEntry(..) | Reader::HasNonce(..) => {
                    actions.push(Action::GetOther(index));
                }
                Reader::Joined(_) if state.key.lease.is_none() => {
                    actions.push(Action::BeginFill(index));
                }
                Reader::Joined(_) => {}
            }
        }
        for (index, writer) in state.writers.iter().enumerate() {
            match *writer {
                Writer::Idle => actions.push(Action::Fence(index)),
                Writer::Running { committed } => {
                    actions.extend([Action::Drop(index), Action::Fail(index)]);
                    actions.extend(match committed {
                        Some(_) => [Action::Invalidate(index)].to_vec(),
                        None => [Action::Commit(index), Action::Refuse(index)].to_vec(),
                    });
                    if state.fence(self).member(index).is_some() {
                        actions.push(Action::Die(index));
                    }
                }
                Writer::InDoubt {
                    committed: None, ..
                } => actions.push(Action::Commit(index)),
                _ => {}
            }
        }
    }

    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        let mut next = state.clone();
        match action {
            Action::Fence(writer)
            | Action::Commit(writer)
            | Action::Invalidate(writer)
            | Action::Refuse(writer)
            | Action::Drop(writer)
            | Action::Fail(writer)
            | Action::Die(writer) => next.write(self, writer, action),
            _ => next.read(self, action),
        }
        next.normalize(self);
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(COHERENCE, |_, state: &State| {
                state.broken != Some(COHERENCE)
            }),
            Property::always(DOUBT, |_, state: &State| state.broken != Some(DOUBT)),
            Property::always(REFUSAL, |_, state: &State| state.broken != Some(REFUSAL)),
            Property::sometimes(
                "a promise to a writer in doubt is due",
                |_, state: &State| state.floor.expired > 0,
            ),
            Property::sometimes("a write in doubt is committed late", |_, state: &State| {
                state.writers.iter().any(|writer| {
                    matches!(writer, Writer::InDoubt { committed: Some(_), until, .. }
                        if *until == state.now)
                })
            }),
            Property::sometimes(
                "an answer to the last write is stored for its full TTL",
                |system, state: &State| {
                    let last = Version::try_from(system.writers).unwrap_or(0);
                    state
                        .present(system)
                        .is_some_and(|(value, ends)| value == last && ends == NEVER)
                },
            ),
        ]
    }
}
