//! TTLs under fences. A fence remembers when what it guards would have ended, so that a refused write gives
//! back exactly what it took, and a reader can tell what is stale from what is only fenced.
//!
//! There is one entry. Any of the scripts may come at any time, a fence and a release also twice or when their
//! caller has long gone, and another program may write the entry as if it were a plain key. Of a value only
//! its TTL matters.

use stateright::{Model, Property};

use crate::script::{BeginFill, Fence, Guarded, Mistake, Moment, NEVER};

/// Nothing lives longer than whoever stored it wished.
pub const NEVER_LONGER: &str = "no entry outlives the TTL that it was stored for";

/// What no fence stands in front of has the TTL that it was stored for.
pub const NEVER_SHORTER: &str = "what is not fenced has its full TTL";

/// What a writer in doubt made stale ends before its fence.
pub const BEFORE_THE_FENCE: &str = "what is fenced ends before the fence does";

/// A reader takes nothing for stale that is not, and nothing for fresh that is stale.
pub const JUDGED: &str = "a reader knows how old a fenced entry is";

/// Who remembers what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Variant {
    /// The fence, and its scripts have this mistake.
    Script(Mistake),
    /// Each writer remembers when what it fenced would have ended.
    WriterRemembers,
    /// The fence, but a reader judges an entry by the rest of its TTL.
    JudgedByRemainingTtl,
}

/// Who takes part.
#[derive(Clone, Debug)]
pub struct System {
    /// The protocol.
    pub variant: Variant,
    /// How many writers there are, at most three.
    pub writers: usize,
    /// The last moment.
    pub last: Moment,
    /// Whether `set` is called, and another program writes the key.
    pub is_set: [bool; 2],
    /// Whether the fence is evicted. What it has shortened then stays short.
    pub evicts_fences: bool,
}

/// Everything at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    now: Moment,
    /// A lease tells what the entry of its load must not outlive.
    key: Guarded<Stored, Option<Moment>>,
    writers: Vec<Writer>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Stored {
    natural_end: Moment,
    /// Another program stored it: fences that stand have not shortened it.
    is_foreign: bool,
    /// It is short, and no fence knows how long it was to be.
    is_short: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Writer {
    Idle,
    Running {
        /// When the entry ended, as the last answer to its fence said. The protocol doesn't use it.
        remembered: Moment,
    },
    Released,
    Gone,
}

/// What happens next. Writers are named by their id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// The clock goes on.
    Tick,
    /// The entry goes before its time.
    Evict,
    /// The fence goes with all its members.
    EvictFence,
    /// The lease is over.
    LeaseEnds,
    /// A load gets the lease.
    BeginFill,
    /// It stores what shall end at this moment.
    Fill(Moment),
    /// `set` does.
    Set(Moment),
    /// Another program does.
    SetByAnother(Moment),
    /// A fence is executed, once or again, its answer lost or not.
    Fence(usize),
    /// The write was refused. The release is executed, once or again.
    Release(usize),
    /// A fence arrives that was sent before its writer was over.
    FenceTooLate(usize),
    /// The write succeeded.
    Invalidate(usize),
    /// It was dropped or panicked.
    Drop(usize),
    /// It failed in doubt, or died.
    Fail(usize),
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
            key: Guarded::with(mistake),
            writers: vec![Writer::Idle; self.writers],
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        let natural_ends = [state.now + 1, state.now + 3, NEVER];
        if state.now < self.last {
            actions.push(Action::Tick);
        }
        if state.key.stored.is_some() {
            actions.push(Action::Evict);
        }
        if self.evicts_fences && state.key.fence.first().is_some() {
            actions.push(Action::EvictFence);
        }
        if state.key.lease.is_some() {
            actions.push(Action::LeaseEnds);
            actions.extend(natural_ends.map(Action::Fill));
        } else {
            actions.push(Action::BeginFill);
        }
        let [by_cache, by_another] = self.is_set;
        if by_cache {
            actions.extend(natural_ends.map(Action::Set));
        }
        if by_another {
            actions.extend(natural_ends.map(Action::SetByAnother));
        }
        for (writer, is) in state.writers.iter().enumerate() {
            match is {
                Writer::Idle => actions.push(Action::Fence(writer)),
                Writer::Running { .. } => actions.extend([
                    Action::Fence(writer),
                    Action::Release(writer),
                    Action::Invalidate(writer),
                    Action::Drop(writer),
                    Action::Fail(writer),
                ]),
                Writer::Released => {
                    actions.extend([Action::Release(writer), Action::FenceTooLate(writer)]);
                }
                Writer::Gone => actions.push(Action::FenceTooLate(writer)),
            }
        }
    }

    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        let mut next = state.clone();
        let (now, key) = (next.now, &mut next.key);
        match action {
            Action::Tick => {
                next.now += 1;
                key.expire(next.now);
            }
            Action::Evict => key.stored = None,
            Action::EvictFence => {
                key.fence = Fence::default();
                if let Some((stored, ends)) = &mut key.stored {
                    stored.is_short |= *ends != stored.natural_end;
                }
            }
            Action::LeaseEnds => key.lease = None,
            Action::BeginFill => {
                if let BeginFill::Granted { expires_by } = key.begin_fill(None, now) {
                    key.lease = Some(expires_by);
                }
            }
            Action::Fill(natural_end) => {
                let expires_by = key.lease.flatten();
                // The fence under which it was loaded has been released, and no other knows its TTL.
                let is_short = key.fence.expires_by() != expires_by
                    && expires_by.is_some_and(|end| end < natural_end);
                let stored = Stored {
                    natural_end,
                    is_foreign: false,
                    is_short,
                };
                key.fill(stored, natural_end, expires_by, now);
            }
            Action::Set(natural_end) => {
                let stored = Stored {
                    natural_end,
                    is_foreign: false,
                    is_short: false,
                };
                key.set(stored, natural_end, now);
            }
            Action::SetByAnother(natural_end) => {
                let stored = Stored {
                    natural_end,
                    is_foreign: true,
                    is_short: false,
                };
                if key.fence.is_cut(natural_end) {
                    // By chance it ends in the very millisecond in which the last one would have.
                    return None;
                }
                key.stored = Some((stored, natural_end));
            }
            Action::Fence(writer) | Action::FenceTooLate(writer) => {
                let remembered = key.stored.map_or(0, |(_, ends)| ends);
                key.fence(writer, now);
                next.writers[writer] = match action {
                    Action::Fence(_) => Writer::Running { remembered },
                    _ => Writer::Gone,
                };
            }
            Action::Release(writer) => {
                match (self.variant, next.writers[writer]) {
                    (Variant::WriterRemembers, Writer::Running { remembered }) => {
                        key.release_as_remembered(writer, remembered);
                    }
                    _ => key.release_fence(writer),
                }
                next.writers[writer] = Writer::Released;
            }
            Action::Invalidate(writer) => {
                key.invalidate(writer);
                next.writers[writer] = Writer::Gone;
            }
            Action::Drop(writer) => {
                key.invalidate_and_fence(writer, now);
                next.writers[writer] = Writer::Gone;
            }
            Action::Fail(writer) => {
                key.fence(writer, now);
                next.writers[writer] = Writer::Gone;
            }
        }
        if let Some((stored, _)) = &mut next.key.stored
            && next.key.fence.first().is_none()
        {
            stored.is_foreign = false;
        }
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(NEVER_LONGER, |_, state: &State| {
                state.holds(|stored, ends| ends <= stored.natural_end)
            }),
            Property::always(NEVER_SHORTER, |_, state: &State| {
                let is_fenced = state.key.fence.first().is_some();
                state.holds(|stored, ends| {
                    is_fenced || stored.is_short || ends == stored.natural_end
                })
            }),
            Property::always(BEFORE_THE_FENCE, |_, state: &State| {
                let by = state.key.fence.expires_by().unwrap_or(NEVER);
                state.holds(|stored, ends| ends <= by || stored.is_foreign)
            }),
            Property::always(JUDGED, |system, state: &State| {
                state.holds(|stored, ends| {
                    let judged = match system.variant {
                        Variant::JudgedByRemainingTtl => Some(ends),
                        _ => state.key.natural_end(),
                    };
                    let is_short = stored.is_short && judged < Some(stored.natural_end);
                    is_short || judged == Some(stored.natural_end)
                })
            }),
            Property::sometimes("what is fenced ends early", |_, state: &State| {
                !state.holds(|stored, ends| ends == stored.natural_end)
            }),
            Property::sometimes("a full TTL is given back", |_, state: &State| {
                let mut writers = state.writers.iter();
                writers.all(|&writer| writer == Writer::Released)
                    && !state.holds(|_, ends| ends != NEVER)
            }),
        ]
    }
}

impl State {
    /// Whether this is true of the entry, if there is one.
    fn holds(&self, is_true: impl FnOnce(Stored, Moment) -> bool) -> bool {
        let Some((stored, ends)) = self.key.stored else {
            return true;
        };
        is_true(stored, ends)
    }
}
