//! Writes in a transaction that is committed outside of them, and reads in it.
//!
//! There is one entry, and any number of loads from outside, as in [`in_doubt`](crate::in_doubt). Each scope has one
//! transaction with one write. Loads within the scope see what only it can see.

mod steps;

use stateright::{Model, Property};

use crate::promise::Floor;
use crate::script::{Guarded, Mistake, Moment};
use crate::store::Version;

/// A read that starts after a removal has been applied sees that transaction.
pub const COHERENCE: &str = "what a scope has removed is not seen again";

/// A read that starts after the fence of a scope in doubt has ended sees what it had committed by then.
pub const DOUBT: &str = "what a scope in doubt made stale is not seen after its fence";

/// What is not committed is seen by nobody else.
pub const ISOLATION: &str = "what is stored was committed";

/// What a scope does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Variant {
    /// It removes what its writes made stale behind the commit, and its fences are renewed until its future is over.
    Intended,
    /// A write removes when its function returns, as it does outside of a scope.
    RemovesOnReturn,
    /// Fences are not renewed.
    LeavesFences,
    /// What an inner scope has applied is forgotten by the outer one.
    ForgetsInner,
    /// Dropped, it does nothing.
    DropDoesNothing,
}

/// What reads in a scope do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Within {
    /// They store nothing.
    Bypass,
    /// They store what was loaded if the transaction has not written by then.
    UntilWrite,
    /// They store what was loaded if the transaction had not written when the load began.
    IfBegunBeforeWrite,
}

/// What a read in a transaction sees of others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Isolation {
    /// All that is committed by then.
    ReadCommitted,
    /// What was committed when it began.
    Snapshot,
}

/// Who takes part.
#[derive(Clone, Debug)]
pub struct System {
    /// The protocol.
    pub variant: Variant,
    /// What reads in a scope do.
    pub within: Within,
    /// What they see.
    pub isolation: Isolation,
    /// Whether writes name the key. Else they name a pattern, which can't be fenced.
    pub fenced: bool,
    /// How many scopes there are, at most three.
    pub scopes: usize,
    /// The last moment.
    pub last: Moment,
}

/// Everything at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    now: Moment,
    committed: Version,
    key: Guarded<Version, Load>,
    floor: Floor,
    scopes: Vec<Scope>,
    broken: Option<&'static str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Load {
    /// The scope that it runs in.
    within: Option<usize>,
    expires_by: Option<Moment>,
    value: Option<Version>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Scope {
    Idle,
    Open {
        snapshot: Version,
        has_written: bool,
        /// An inner scope has been applied.
        is_inner_applied: bool,
    },
    /// Its future is over, and with it the renewal of its fences.
    Over {
        since: Moment,
        is_inner_applied: bool,
        committed: Option<Version>,
    },
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
    /// The entry goes before its time.
    Evict,
    /// The lease of a load that is dropped, dies, or takes too long.
    LeaseEnds,
    /// A load outside of the scopes, or in one, gets the lease.
    BeginFill(Option<usize>),
    /// Its function asks the database.
    Load,
    /// The load is over.
    Fill,
    /// A transaction begins.
    Begin(usize),
    /// It writes, and has fenced before.
    Write(usize),
    /// Its fence stands anew.
    Renew(usize),
    /// An inner scope is applied.
    ApplyInner(usize),
    /// The scope's future is over.
    Return(usize),
    /// The transaction takes effect.
    Commit(usize),
    /// What it made stale is removed.
    Apply(usize),
    /// It is rolled back, and that is said.
    RollBack(usize),
    /// The scope, or what it left to do, is dropped.
    Drop(usize),
    /// Its process dies.
    Die(usize),
}

impl Model for System {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State {
            now: 1,
            committed: 0,
            key: Guarded::with(Mistake::None),
            floor: Floor::default(),
            scopes: vec![Scope::Idle; self.scopes],
            broken: None,
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        if state.broken.is_some() {
            return;
        }
        let must_renew = |index: usize| {
            self.is_renewed(state.scopes[index])
                && state
                    .key
                    .fence
                    .member(index)
                    .is_some_and(|end| end <= state.now)
        };
        let indices = 0..self.scopes;
        if state.now < self.last && !indices.clone().any(must_renew) {
            actions.push(Action::Tick);
        }
        actions.extend(state.key.stored.map(|_| Action::Evict));
        match state.key.lease {
            Some(load) => actions.extend([
                Action::LeaseEnds,
                match load.value {
                    Some(_) => Action::Fill,
                    None => Action::Load,
                },
            ]),
            None if state.key.stored.is_none() => actions.push(Action::BeginFill(None)),
            None => {}
        }
        for index in indices {
            self.actions_of(state, index, actions);
        }
    }

    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        let mut next = state.clone();
        next.step(self, action);
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(COHERENCE, |_, state: &State| {
                state.broken != Some(COHERENCE)
            }),
            Property::always(DOUBT, |_, state: &State| state.broken != Some(DOUBT)),
            Property::always(ISOLATION, |_, state: &State| {
                state.broken != Some(ISOLATION)
            }),
            Property::sometimes("a transaction is applied", |_, state: &State| {
                state.floor.returned > 0
            }),
            Property::sometimes("a scope in doubt has committed", |_, state: &State| {
                state.floor.expired > 0
            }),
            Property::sometimes("the last commit is stored", |system, state: &State| {
                let stored = state.key.stored.map(|(value, _)| usize::from(value));
                stored == Some(system.scopes)
            }),
        ]
    }
}

impl System {
    fn is_renewed(&self, scope: Scope) -> bool {
        self.fenced
            && self.variant != Variant::LeavesFences
            && matches!(
                scope,
                Scope::Open {
                    has_written: true,
                    ..
                }
            )
    }

    fn actions_of(&self, state: &State, index: usize, actions: &mut Vec<Action>) {
        let ends = [Action::Drop(index), Action::Die(index)];
        match state.scopes[index] {
            Scope::Idle => actions.push(Action::Begin(index)),
            Scope::Open {
                has_written: false, ..
            } => {
                actions.push(Action::Write(index));
                let may_load = self.within != Within::Bypass
                    && state.key.lease.is_none()
                    && state.key.stored.is_none();
                actions.extend(may_load.then_some(Action::BeginFill(Some(index))));
            }
            scope @ Scope::Open { .. } => {
                actions.extend([
                    Action::Return(index),
                    Action::RollBack(index),
                    Action::ApplyInner(index),
                ]);
                actions.extend(self.is_renewed(scope).then_some(Action::Renew(index)));
                actions.extend(ends);
            }
            Scope::Over {
                committed: Some(_), ..
            } => {
                actions.push(Action::Apply(index));
                actions.extend(ends);
            }
            Scope::Over { .. } => {
                actions.extend([Action::Commit(index), Action::RollBack(index)]);
                actions.extend(ends);
            }
            Scope::InDoubt {
                committed: None, ..
            } => actions.push(Action::Commit(index)),
            Scope::InDoubt { .. } | Scope::Done => {}
        }
    }
}
