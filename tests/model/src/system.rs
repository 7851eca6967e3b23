//! The whole: a server, a database, readers and writers, and what may happen next.

use stateright::{Model, Property};

use crate::fence::{Fence, NONE};
use crate::promise::{self, Floor};
use crate::reader::{self, Reader};
use crate::slot::{Move, Slot};
use crate::store::{Key, Store, Tag, Target, Version};
use crate::variant::Variant;
use crate::writer::{self, Phase, Writer, member};

/// Who takes part.
#[derive(Clone, Debug)]
pub struct System {
    /// The protocol.
    pub variant: Variant,
    /// How many readers there are. They are all alike.
    pub readers: usize,
    /// What each writer makes stale. The fence of the first is the first to end, whenever it began.
    pub writers: Vec<Target>,
    /// How many entries there may be.
    pub keys: usize,
    /// Whether the entries have a tag.
    pub tagged: bool,
    /// Whether the slot of all keys moves to another server. Then there should be one key: a scan finds all
    /// at the same moment.
    pub moves: bool,
}

/// Everything at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    pub(crate) store: Store,
    pub(crate) tagged: bool,
    /// The database.
    pub(crate) committed: Version,
    pub(crate) readers: Vec<Reader>,
    pub(crate) writers: Vec<Writer>,
    /// What a read that starts now must see.
    pub(crate) floor: Floor,
    /// Of each key: it has been stored for its full life, and nothing has happened to it since but writes
    /// that failed.
    pub(crate) owed: Vec<bool>,
    /// What a read saw that was too old, and what it should have seen.
    pub(crate) stale: Option<(Version, Floor)>,
}

/// What happens next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// The reader with this index takes a step. Readers are sorted after every step, so in the next it may
    /// have another.
    Read(usize, reader::Step),
    /// The writer with this index takes a step.
    Write(usize, writer::Step),
    /// The server removes something, or its life is over.
    Evict(Thing),
    /// The move of the slot goes on.
    Move(Move),
    /// The clock goes on.
    Tick,
}

/// What the server may remove.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Thing {
    /// An entry.
    Entry(usize),
    /// Its lease.
    Lease(usize),
    /// The tag's nonce.
    TagNonce,
    /// A fence with all its members.
    Fence(Target),
}

impl Model for System {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let writer = |&target: &Target| Writer {
            target,
            phase: Phase::Idle,
        };
        vec![State {
            store: Store {
                variant: self.variant,
                slot: if self.moves {
                    Slot::Source
                } else {
                    Slot::Fixed
                },
                now: NONE + 1,
                keys: vec![Key::default(); self.keys],
                tag: Tag::default(),
            },
            tagged: self.tagged,
            committed: 0,
            readers: vec![Reader::Idle; self.readers],
            writers: self.writers.iter().map(writer).collect(),
            floor: Floor::default(),
            owed: vec![false; self.keys],
            stale: None,
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        if state.stale.is_some() {
            return;
        }
        for reader in 0..state.readers.len() {
            let steps = state.read_steps(reader).into_iter();
            actions.extend(steps.map(|step| Action::Read(reader, step)));
        }
        for writer in 0..state.writers.len() {
            let steps = state.write_steps(writer).into_iter();
            actions.extend(steps.map(|step| Action::Write(writer, step)));
        }
        actions.extend(state.evictable().into_iter().map(Action::Evict));
        actions.extend(state.store.moves().into_iter().map(Action::Move));
        if state.store.now < member(state.writers.len()) {
            actions.push(Action::Tick);
        }
    }

    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        let mut state = state.clone();
        match action {
            Action::Read(reader, step) => state.read(reader, step),
            Action::Write(writer, step) => state.write(writer, step),
            Action::Evict(thing) => state.evict(thing),
            Action::Move(step) => state.store.make_move(step),
            Action::Tick => state.tick(),
        }
        state.normalize();
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        promise::all(self)
    }
}

impl State {
    fn evictable(&self) -> Vec<Thing> {
        let mut things = Vec::new();
        for (index, key) in self.store.keys.iter().enumerate() {
            things.extend(key.entry.map(|_| Thing::Entry(index)));
            things.extend(key.lease.map(|_| Thing::Lease(index)));
            things.push(Thing::Fence(Target::Key(index)));
        }
        things.extend(self.store.tag.nonce.map(|_| Thing::TagNonce));
        things.push(Thing::Fence(Target::Tag));
        things.retain(|&thing| match thing {
            Thing::Fence(target) => self.store.fence_of(target) != Fence::default(),
            _ => true,
        });
        things
    }

    fn evict(&mut self, thing: Thing) {
        match thing {
            Thing::Lease(key) => self.store.keys[key].lease = None,
            Thing::Entry(key) => {
                self.owed[key] = false;
                self.store.keys[key].entry = None;
            }
            Thing::TagNonce => {
                self.owed.fill(false);
                self.store.tag.nonce = None;
            }
            Thing::Fence(target) => {
                self.owed.fill(false);
                self.store.remove_fence(target);
            }
        }
    }

    fn tick(&mut self) {
        let ended = self.store.now;
        let mut targets = self.writers.iter().map(|writer| writer.target);
        if targets.any(|target| self.store.fence_of(target).has(ended)) {
            // Who is so slow to fail finds the cache empty.
            self.owed.fill(false);
        }
        self.store.tick();
        for (index, writer) in self.writers.iter_mut().enumerate() {
            if let Phase::Dead { version } = writer.phase
                && member(index) == ended
            {
                self.floor.expired = self.floor.expired.max(version);
                writer.phase = Phase::Done;
            }
        }
    }
}
