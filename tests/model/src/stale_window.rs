//! Entries that are served past their expiration while they are refreshed.
//!
//! An entry is fresh for a while, and stays for the window after that. A reader that finds it near its end asks for
//! the lease, and the script says whether the entry is stale or only fenced. There is one entry; readers do all that
//! in one step, so there is any number of them.

use stateright::{Model, Property};

use crate::script::{BeginFill, Guarded, Mistake, Moment};
use crate::store::Version;

/// A read that starts after an invalidation has returned sees that write, stale or not.
pub const COHERENCE: &str = "what an invalidation has removed is not seen again";

/// A fence makes nobody run the function.
pub const FRESH: &str = "no function runs while its entry is fresh";

/// What is past its expiration is refreshed.
pub const STALE: &str = "nothing stale is taken for fresh";

/// How long an entry is fresh.
pub const EXPIRATION: Moment = 2;

/// How long it is served after that.
pub const WINDOW: Moment = 2;

/// How an entry's age is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Variant {
    /// By its natural end; the scripts have this mistake.
    Script(Mistake),
    /// By the rest of its TTL.
    JudgedByRemainingTtl,
    /// Not at all while a fence stands: it is taken for fresh.
    FencedIsFresh,
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
}

/// Everything at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    now: Moment,
    committed: Version,
    returned: Version,
    key: Guarded<Stored, Load>,
    writers: Vec<Writer>,
    /// A function runs that should not.
    broken: Option<&'static str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Stored {
    value: Version,
    natural_end: Moment,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Load {
    value: Option<Version>,
    expires_by: Option<Moment>,
    is_refresh: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Writer {
    Idle,
    Running(Option<Version>),
    Done,
}

/// What happens next. Writers are named by their id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// The clock goes on.
    Tick,
    /// The entry goes before its time.
    Evict,
    /// The lease ends, or the load comes to nothing.
    LeaseEnds,
    /// A reader that has found nothing, or an entry near its end.
    Read,
    /// The function of the load asks the database.
    Load,
    /// It is over.
    Fill,
    /// Announces a write, once or again.
    Fence(usize),
    /// It is committed.
    Commit(usize),
    /// It has succeeded.
    Invalidate(usize),
    /// It was refused.
    Refuse(usize),
    /// It was dropped.
    Drop(usize),
    /// It failed in doubt.
    Fail(usize),
    /// Its process died.
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
            returned: 0,
            key: Guarded::with(mistake),
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
        actions.extend(state.key.stored.map(|_| Action::Evict));
        if let Some(load) = state.key.lease {
            let next = load.value.map_or(Action::Load, |_| Action::Fill);
            actions.extend([Action::LeaseEnds, next]);
        }
        actions.push(Action::Read);
        for (writer, &is) in state.writers.iter().enumerate() {
            match is {
                Writer::Idle => actions.push(Action::Fence(writer)),
                Writer::Running(committed) => {
                    actions.extend([
                        Action::Fence(writer),
                        Action::Drop(writer),
                        Action::Fail(writer),
                        Action::Die(writer),
                    ]);
                    actions.extend(match committed {
                        Some(_) => [Action::Invalidate(writer)].to_vec(),
                        None => [Action::Commit(writer), Action::Refuse(writer)].to_vec(),
                    });
                }
                Writer::Done => {}
            }
        }
    }

    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        let mut next = state.clone();
        match action {
            Action::Tick => {
                next.now += 1;
                next.key.expire(next.now);
            }
            Action::Evict => next.key.stored = None,
            Action::LeaseEnds => next.key.lease = None,
            Action::Read => next.read(self),
            Action::Load => {
                if let Some(load) = &mut next.key.lease {
                    load.value = Some(next.committed);
                }
            }
            Action::Fill => next.fill(),
            _ => next.write(action),
        }
        Some(next).filter(|next| next != state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(COHERENCE, |_, state: &State| {
                let stored = state.key.stored;
                stored.is_none_or(|(stored, _)| stored.value >= state.returned)
            }),
            Property::always(FRESH, |_, state: &State| state.broken != Some(FRESH)),
            Property::always(STALE, |_, state: &State| state.broken != Some(STALE)),
            Property::sometimes("an entry is refreshed under a fence", |_, state: &State| {
                let is_fenced = state.key.fence.first().is_some();
                is_fenced && state.key.lease.is_some_and(|load| load.is_refresh)
            }),
            Property::sometimes("a fenced entry is fresh", |_, state: &State| {
                let ends = state.key.stored.map(|(_, ends)| ends);
                state.is_fresh() && ends.is_some_and(|ends| ends < state.now + WINDOW)
            }),
        ]
    }
}

impl State {
    fn is_fresh(&self) -> bool {
        let stored = self.key.stored;
        stored.is_some_and(|(stored, _)| self.now + WINDOW <= stored.natural_end)
    }

    fn read(&mut self, system: &System) {
        let is_near_its_end = |ends: Moment| ends < self.now + WINDOW;
        if let Some((_, ends)) = self.key.stored {
            if !is_near_its_end(ends) {
                return self.takes_for_fresh();
            }
            let judged = match system.variant {
                Variant::JudgedByRemainingTtl => Some(ends),
                Variant::FencedIsFresh if self.key.fence.first().is_some() => Some(Moment::MAX),
                _ => self.key.natural_end(),
            };
            if !judged.is_some_and(is_near_its_end) {
                return self.takes_for_fresh();
            }
        }
        let is_refresh = self.key.stored.is_some();
        let load = Load {
            value: None,
            expires_by: None,
            is_refresh,
        };
        if let BeginFill::Granted { expires_by } = self.key.begin_fill(load, self.now) {
            self.key.lease = Some(Load { expires_by, ..load });
            if self.is_fresh() {
                self.broken = Some(FRESH);
            }
        }
    }

    fn takes_for_fresh(&mut self) {
        if !self.is_fresh() {
            self.broken = Some(STALE);
        }
    }

    fn fill(&mut self) {
        let Some(Load {
            value: Some(value),
            expires_by,
            ..
        }) = self.key.lease
        else {
            return;
        };
        let natural_end = self.now + EXPIRATION + WINDOW;
        let stored = Stored { value, natural_end };
        self.key.fill(stored, natural_end, expires_by, self.now);
        let judged = self.key.natural_end();
        if self.key.fence.expires_by() != expires_by
            && let (Some((stored, _)), Some(end)) = (&mut self.key.stored, judged)
        {
            // Its fence was released while it was loaded: it keeps the shorter TTL, and is as old as that says.
            stored.natural_end = end;
        }
    }

    fn write(&mut self, action: Action) {
        let (now, key) = (self.now, &mut self.key);
        match action {
            Action::Fence(writer) => {
                key.fence(writer, now);
                if self.writers[writer] == Writer::Idle {
                    self.writers[writer] = Writer::Running(None);
                }
            }
            Action::Commit(writer) => {
                self.committed += 1;
                self.writers[writer] = Writer::Running(Some(self.committed));
            }
            Action::Invalidate(writer) => {
                key.invalidate(writer);
                if let Writer::Running(Some(version)) = self.writers[writer] {
                    self.returned = self.returned.max(version);
                }
                self.writers[writer] = Writer::Done;
            }
            Action::Refuse(writer) => {
                key.release_fence(writer);
                self.writers[writer] = Writer::Done;
            }
            Action::Drop(writer) => {
                key.invalidate_and_fence(writer, now);
                self.writers[writer] = Writer::Done;
            }
            Action::Fail(writer) => {
                key.fence(writer, now);
                self.writers[writer] = Writer::Done;
            }
            Action::Die(writer) => self.writers[writer] = Writer::Done,
            _ => {}
        }
    }
}
