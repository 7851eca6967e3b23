//! Whom a reader waits for: a load that will do it good, and nobody else.
//!
//! There is one entry, perhaps under one tag whose nonce lies on another server, so that each command is a step
//! of its own. A lease holds the nonces under which its load runs. A reader that finds it taken compares them with
//! its own; where they differ it asks for the tag again, and waits if the load is current. A load that an
//! invalidation has made useless is replaced. Where a reader asks for the nonces and for the lease at once, its lease
//! has those that it has seen, or that it proposes where there is none; if the load gets others, it asks once more.
//!
//! A load may come to nothing: the function failed, or its answer is not stored. It says so in place of its lease,
//! for a while that is longer than the pause between two polls. Whoever finds that runs the function without a
//! lease and stores nothing. Of a load that was dropped, died or hangs nothing is said, and one waiter takes over.
//!
//! Each reader reads once.

mod ask;
mod steps;

use stateright::{Model, Property};

use crate::store::{Nonce, Version};

/// A read that starts after an invalidation has returned sees that write.
pub const COHERENCE: &str = "what an invalidation has removed is not seen again";

/// Who asks after an invalidation doesn't wait for a load that began before it.
pub const DOOMED: &str = "nobody begins to wait for a load that can't fill";

/// A load whose entry would be valid goes on.
pub const REPLACED: &str = "no load that can fill is replaced";

/// Each death of a nonce, and each that is proposed in vain, makes each other reader take over once at most.
pub const TAKE_OVERS: &str = "readers don't take the lease from each other in turns";

/// What isn't stored is not served one caller at a time.
pub const IN_PARALLEL: &str = "who has waited for a load that came to nothing waits no more";

/// A load that hangs lets go of its lease.
pub const HANGS: &str = "a load holds its lease for a bounded time";

/// How often a load may renew its lease.
pub const MAX_RENEWALS: u8 = 2;

/// Whom a reader waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Variant {
    /// The protocol.
    Intended,
    /// Whoever holds the lease.
    WaitsForAnyLoad,
    /// Whoever holds the lease, and shares what that has loaded.
    SharesAnyLoad,
    /// Nobody whose nonces differ: it takes over at once.
    TakesOverOnDifference,
    /// The next to take the lease, when a load has come to nothing.
    WaitersTakeTurns,
    /// The right one, but its lease keeps the nonces that its load did not get.
    LeavesToken,
    /// The right one, but what it loads without a lease it stores.
    UncachedStores,
    /// The right one, but a load renews its lease for ever.
    RenewsForEver,
}

/// Who takes part.
#[derive(Clone, Debug)]
pub struct System {
    /// The protocol.
    pub variant: Variant,
    /// How many readers there are.
    pub readers: usize,
    /// How many writes there are, one after the other.
    pub writes: Version,
    /// Whether the entry has a tag, which the writes then name.
    pub tagged: bool,
    /// How often something is evicted.
    pub evictions: u8,
    /// Whether leases are renewed. Where they aren't, they end at any time all the same.
    pub renews: bool,
    /// Whether a reader asks for the nonces and for the lease at once.
    pub is_pipelined: bool,
}

/// Everything at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    committed: Version,
    /// The latest write whose invalidation has returned.
    returned: Version,
    entry: Option<(Version, Nonce)>,
    tag: Option<Nonce>,
    lease: Option<Lease>,
    readers: Vec<Reader>,
    evictions: u8,
    /// How many nonces have died, and how many loads were replaced.
    deaths: u8,
    take_overs: u8,
    /// How many leases were had under a nonce that the tag may not get.
    proposals: u8,
    broken: Option<&'static str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Lease {
    Held {
        /// The index of its reader.
        holder: usize,
        /// Of the tag, as its token tells.
        nonce: Nonce,
        renewals: u8,
    },
    /// The load of this reader came to nothing.
    CameToNothing { holder: usize },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Reader {
    Idle,
    Missed(Past),
    Joined(Past, Nonce),
    /// It asks for the nonce and for the lease at once.
    Asking(Past, Token, Option<Nonce>, Option<Begun>),
    /// Another load holds the lease, under another nonce.
    FoundOther(Past, Held),
    /// It has joined again. The other load can't fill.
    FoundDoomed(Past, Held, Nonce),
    Waiting(Past, Held, Nonce),
    /// Its function runs without a lease.
    Uncached(Past),
    /// Only where that stores.
    LoadedUncached(Version),
    Loading(Nonce),
    Loaded(Nonce, Version),
    /// Its load came to nothing. Whether the lease says so.
    CameToNothing(bool),
    Done,
}

/// What it must not fall behind, and whether it has waited for a load that came to nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Past {
    floor: Version,
    has_waited: bool,
}

/// What a reader's lease tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Token {
    nonce: Nonce,
    /// The reader has seen no nonce: the tag gets this one, if it has none by then.
    is_proposed: bool,
}

/// What a reader's wish for the lease came to, while its nonce is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Begun {
    Granted,
    Busy(Held),
    Uncached,
}

/// The reader that holds the lease, and its nonce.
type Held = (usize, Nonce);

/// What happens next. Readers are named by their index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// A write is committed.
    Commit,
    /// What it made stale is removed.
    Invalidate,
    /// The tag's nonce is evicted.
    EvictNonce,
    /// The entry is evicted.
    EvictEntry,
    /// The lease ends: nobody has renewed it.
    LeaseEnds,
    /// The holder renews it.
    Renew,
    /// A reader starts, and looks.
    Get(usize),
    /// It asks for the tag's nonce.
    JoinTag(usize),
    /// It asks for the lease.
    BeginFill(usize),
    /// It asks for the lease of a load that can't fill.
    Replace(usize),
    /// It looks whether the load that it waits for is over.
    Poll(usize),
    /// It shares what a load of its process has loaded, or is told that it came to nothing.
    Share(usize),
    /// It has waited for too long.
    GiveUp(usize),
    /// Its function asks the database.
    Load(usize),
    /// It stores what it has loaded.
    Fill(usize),
    /// There is nothing to store.
    ComeToNothing(usize),
    /// Its caller goes away. The lease is given back, or ends by itself.
    Drop(usize),
}

impl Model for System {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State {
            committed: 0,
            returned: 0,
            entry: None,
            tag: None,
            lease: None,
            readers: vec![Reader::Idle; self.readers],
            evictions: self.evictions,
            deaths: 0,
            take_overs: 0,
            proposals: 0,
            broken: None,
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        if state.broken.is_some() {
            return;
        }
        if state.committed > state.returned {
            actions.push(Action::Invalidate);
        } else if state.committed < self.writes {
            actions.push(Action::Commit);
        }
        if state.evictions > 0 {
            actions.extend(
                state
                    .tag
                    .filter(|_| self.tagged)
                    .map(|_| Action::EvictNonce),
            );
            actions.extend(state.entry.map(|_| Action::EvictEntry));
        }
        if state.lease_may_end() {
            actions.push(Action::LeaseEnds);
        }
        if self.renews && matches!(state.lease, Some(Lease::Held { .. })) {
            actions.push(Action::Renew);
        }
        for (index, reader) in state.readers.iter().enumerate() {
            match reader {
                Reader::Idle => actions.push(Action::Get(index)),
                Reader::Missed(_) | Reader::FoundOther(..) => actions.push(Action::JoinTag(index)),
                Reader::Joined(..) => actions.push(Action::BeginFill(index)),
                Reader::Asking(_, _, joined, answer) => {
                    let join = joined.is_none().then_some(Action::JoinTag(index));
                    let begin = answer.is_none().then_some(Action::BeginFill(index));
                    actions.extend(join.into_iter().chain(begin));
                }
                Reader::FoundDoomed(..) => actions.push(Action::Replace(index)),
                Reader::Waiting(..) => actions.extend([
                    Action::Poll(index),
                    Action::Share(index),
                    Action::GiveUp(index),
                ]),
                Reader::Uncached(_) => actions.push(Action::Load(index)),
                Reader::Loading(_) => actions.extend([Action::Load(index), Action::Drop(index)]),
                Reader::LoadedUncached(_) => actions.push(Action::Fill(index)),
                Reader::Loaded(..) => actions.extend([
                    Action::Fill(index),
                    Action::ComeToNothing(index),
                    Action::Drop(index),
                ]),
                Reader::CameToNothing(_) | Reader::Done => {}
            }
        }
    }

    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        let mut next = state.clone();
        next.step(self, action);
        next.normalize();
        Some(next).filter(|next| next != state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let mut all = vec![
            Property::always(COHERENCE, |_, state: &State| {
                state.broken != Some(COHERENCE)
            }),
            Property::always(DOOMED, |_, state: &State| state.broken != Some(DOOMED)),
            Property::always(REPLACED, |_, state: &State| state.broken != Some(REPLACED)),
            Property::always(TAKE_OVERS, |system: &Self, state: &State| {
                usize::from(state.take_overs)
                    <= usize::from(state.deaths + state.proposals)
                        * system.readers.saturating_sub(1)
            }),
            Property::always(IN_PARALLEL, |_, state: &State| {
                state.broken != Some(IN_PARALLEL)
            }),
            Property::always(
                HANGS,
                |_, state: &State| !matches!(state.lease, Some(Lease::Held { renewals, .. }) if renewals > MAX_RENEWALS),
            ),
            Property::sometimes(
                "an answer to the last write is stored",
                |system: &Self, state: &State| {
                    let entry = state.entry.filter(|&(_, nonce)| state.tag == Some(nonce));
                    entry.is_some_and(|(value, _)| value == system.writes)
                },
            ),
            Property::sometimes(
                "a waiter runs its function by itself",
                |_, state: &State| {
                    let mut readers = state.readers.iter();
                    readers
                        .any(|reader| matches!(reader, Reader::Uncached(past) if past.has_waited))
                },
            ),
        ];
        if self.tagged {
            all.push(Property::sometimes(
                "a load is replaced",
                |_, state: &State| state.take_overs > 0,
            ));
        }
        all
    }
}
