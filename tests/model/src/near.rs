//! Copies of an entry in the memory of a process, which are served without asking the server.
//!
//! A process fetches over a connection on which the server tells it when something changes that it has read there;
//! then the server forgets that it was read. Such news and the replies come in one order, and the process takes them
//! one by one, as late as it likes: a process that is stopped, or whose connection is slow, is that. What it has
//! *heard* is the moment in which the latest command was sent whose reply it has taken. A read that began at `b` may be
//! served from memory if the process has heard later than `b - bound`; else it asks first. Writers see to it that they
//! return no sooner than `bound` after all copies could be known to be wrong: after they have fenced, or after they have
//! closed, and they stay closed while they wait. With a bound of 0 nobody waits, and each hit has asked.
//!
//! Later is meant: a moment has some length, and within one a command may be executed before a write removes.
//!
//! There is one entry that has copies, perhaps under a tag. Perhaps another entry is loaded by reading it, which has
//! a lease and no copies: what counts is whether a stale one is stored. The writes name the entry and what is loaded
//! from it, or its tag. All of that lies on one server, and is fenced, closed and opened in one step.
//!
//! # What is left out
//!
//! - How the entry with copies is loaded: it is stored whole and new, as the other systems promise. So a wrong copy
//!   is the fault of this one.
//! - Clocks that go at different speeds: the bound has to be shorter than the wait by what they may differ.
//! - Patterns, and several servers: registrations stand as a mark does, and the wait begins with the last that is
//!   closed. `heard` is then one for each server.
//! - The replies of one fetch are taken at once, with the last. News that follow each other are taken at once.
//! - What ends by itself is not told. If it is, copies go that have ended too.
//! - A fence that ends sooner than the bound. In life it stands for 30 s, and no bound may be as long.
//! - A refused write gives no life back.

mod process;
mod variant;
mod write;

use stateright::{Model, Property};

use crate::script::{Moment, NEVER};
use crate::store::{Nonce, Version};
pub use variant::Variant;

/// A read that starts after a write has returned sees that write.
pub const COHERENCE: &str = "what a write has removed is not seen again";

/// A read that starts after the fence of a writer that died sees what it had committed.
pub const DOUBT: &str = "what a dead writer made stale is not seen after its fence";

/// How many writers there may be.
const WRITERS: usize = 2;

/// What is cached, and what the writes name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// An entry by its key.
    Key,
    /// The tag of an entry.
    Tag,
    /// An entry, and another that is loaded from it.
    Nested,
}

/// Who takes part.
#[derive(Clone, Debug)]
pub struct System {
    /// The protocol.
    pub variant: Variant,
    /// What is cached.
    pub kind: Kind,
    /// By how much a copy may be late.
    pub bound: Moment,
    /// The last moment.
    pub last: Moment,
    /// How many readers there are in each process.
    pub processes: Vec<usize>,
    /// How many writers there are, at most two.
    pub writers: usize,
    /// Whether they fence.
    pub fenced: bool,
    /// Whether they may fence anew.
    pub renews: bool,
    /// Whether they may die.
    pub dies: bool,
    /// How long a fence stands.
    pub fence_ttl: Moment,
    /// How long an entry lives.
    pub ttl: Moment,
    /// How many connections are cut.
    pub cuts: u8,
    /// How often something is evicted.
    pub evictions: u8,
}

/// Everything at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    now: Moment,
    committed: Version,
    floor: Floor,
    entry: Option<Entry>,
    tag: Option<(Nonce, Moment)>,
    next_nonce: Nonce,
    /// By writer: when its fence ends. 0 where there is none.
    fence: [Moment; WRITERS],
    /// The writers that have closed what they name.
    closed: u8,
    outer: Outer,
    processes: Vec<Process>,
    writers: Vec<Writer>,
    cuts: u8,
    evictions: u8,
    broken: Option<&'static str>,
}

/// What a read that starts now must see.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Floor {
    returned: Version,
    /// Of writers that died, whose fences have ended.
    ended: Version,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Entry {
    value: Version,
    ends: Moment,
    nonce: Nonce,
}

/// The entry that is loaded from the other one, and the process and reader whose load may fill it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Outer {
    value: Option<Version>,
    lease: Option<(usize, usize)>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Process {
    /// For how long it was stopped, if its clock doesn't know.
    lag: Moment,
    is_connected: bool,
    /// What the server remembers that it has read over this connection: a set of names.
    tracked: u8,
    sent: Vec<Command>,
    /// What the server has sent and the process has not taken yet.
    queue: Vec<Item>,
    heard: Option<Moment>,
    copy: Option<Copied>,
    /// Of all that are being fetched, where they share one.
    flag: bool,
    readers: Vec<Reader>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Copied {
    value: Version,
    ends: Moment,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Command {
    Ping(Moment),
    /// One command after the other, of which so many are over.
    Fetch(usize, u8),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Item {
    Changed,
    Pong(Moment),
    Fetched(usize),
}

/// What a reader has got from the server so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Fetch {
    sent: Moment,
    found: Option<Entry>,
    /// How long it lives from when the server said so.
    life: Moment,
    is_fenced: bool,
    /// Nothing has changed since, as far as the process knows.
    is_watched: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Reader {
    at: At,
    /// It loads the other entry, with or without its lease.
    is_outer: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum At {
    Idle,
    Started {
        began: Moment,
        floor: Floor,
        /// Only where it takes the copy first.
        taken: Option<Version>,
    },
    /// The process has heard enough.
    Fresh(Floor),
    Fetching(Floor, Fetch),
    Fetched(Fetch),
    /// Nothing is stored: it asks the database.
    Missed,
    /// It has what the other entry is made of.
    HasInner(Version),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Writer {
    Idle,
    /// Since when its fence stands, and what it has committed.
    Running(Option<Moment>, Option<Version>),
    /// Since when it has closed what it names.
    Closed(Moment, Version),
    /// Only where it waits after that.
    Opened(Moment, Version),
    Returned {
        has_waited: bool,
    },
    Refused,
    Dead(Option<Version>),
    /// Nothing is promised of it any more.
    Gone,
}

/// What happens next. Processes, their readers, and writers are named by their index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// All clocks go on.
    Tick,
    /// They do while this process is stopped, and its own doesn't.
    TickWhileStopped(usize),
    /// The entry is loaded by somebody and stored.
    Store,
    /// The entry is evicted.
    EvictEntry,
    /// Its tag's nonce is.
    EvictNonce,
    /// All fences are.
    EvictFence,
    /// The marks are.
    EvictMark,
    /// The connection breaks.
    Cut(usize),
    /// There is another one.
    Reconnect(usize),
    /// The server executes the next command.
    Execute(usize),
    /// The process takes what the server has sent.
    Take(usize),
    /// It takes a reply before what was sent earlier.
    TakeReply(usize),
    /// It sends a `PING`, for all who wait.
    Ping(usize),
    /// It sends it over another connection and has the reply.
    PingElsewhere(usize),
    /// A read of the entry starts.
    Start(usize, usize),
    /// A load of the other entry starts, and reads the entry.
    StartOuter(usize, usize),
    /// A reader goes on by itself.
    Read(usize, usize),
    /// It asks the server for the entry.
    Fetch(usize, usize),
    /// A writer fences, or does so anew.
    Fence(usize),
    /// It commits.
    Commit(usize),
    /// It is refused, and lifts its fence.
    Refuse(usize),
    /// It dies, or fails in doubt.
    Die(usize),
    /// It removes, closes, opens or returns, whichever is next.
    Finish(usize),
}

impl Model for System {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let processes = self.processes.iter().map(|&readers| Process::with(readers));
        vec![State {
            now: 1,
            committed: 0,
            floor: Floor::default(),
            entry: None,
            tag: None,
            next_nonce: 1,
            fence: [0; WRITERS],
            closed: 0,
            outer: Outer::default(),
            processes: processes.collect(),
            writers: vec![Writer::Idle; self.writers],
            cuts: self.cuts,
            evictions: self.evictions,
            broken: None,
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        if state.broken.is_some() {
            return;
        }
        if state.now < self.last {
            actions.push(Action::Tick);
            if self.variant == Variant::ClockStops {
                actions.extend((0..self.processes.len()).map(Action::TickWhileStopped));
            }
        }
        if state.valid_entry(self).is_none() && state.may_store() {
            actions.push(Action::Store);
        }
        if state.evictions > 0 {
            let is_fenced = state.first_fence().is_some();
            let all = [
                (state.entry.is_some(), Action::EvictEntry),
                (state.tag.is_some(), Action::EvictNonce),
                (is_fenced, Action::EvictFence),
                (state.closed > 0, Action::EvictMark),
            ];
            let there = all.iter().filter(|(is_there, _)| *is_there);
            actions.extend(there.map(|&(_, action)| action));
        }
        state.process_actions(self, actions);
        state.write_actions(self, actions);
    }

    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        let mut next = state.clone();
        match action {
            Action::Tick => next.tick(),
            Action::TickWhileStopped(process) => {
                next.processes[process].lag += 1;
                next.tick();
            }
            Action::Store => next.store(self),
            Action::EvictEntry => {
                next.evictions -= 1;
                next.entry = None;
                next.change(KEY);
            }
            Action::EvictNonce => {
                next.evictions -= 1;
                next.tag = None;
                next.change(TAG);
            }
            Action::EvictFence => {
                next.evictions -= 1;
                next.fence = [0; WRITERS];
                next.change(FENCE);
                for writer in &mut next.writers {
                    if matches!(writer, Writer::Dead(_)) {
                        *writer = Writer::Gone;
                    }
                }
            }
            Action::EvictMark => {
                next.evictions -= 1;
                next.closed = 0;
            }
            Action::Fence(writer)
            | Action::Commit(writer)
            | Action::Refuse(writer)
            | Action::Die(writer)
            | Action::Finish(writer) => next.write(self, writer, action),
            _ => next.process(self, action),
        }
        next.normalize(self);
        Some(next).filter(|next| next != state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let mut all = vec![
            Property::always(COHERENCE, |_, state: &State| {
                let outer = state.outer.value;
                state.broken != Some(COHERENCE)
                    && outer.is_none_or(|value| value >= state.floor.returned)
            }),
            Property::always(DOUBT, |_, state: &State| state.broken != Some(DOUBT)),
            Property::sometimes("a copy is served", |_, state: &State| state.hits(0)),
            Property::sometimes("a copy is served after a write", |_, state: &State| {
                state.hits(1)
            }),
            Property::sometimes(
                "a change is heard of before what was fetched is kept",
                |_, state: &State| {
                    state
                        .readers()
                        .any(|reader| matches!(reader.at, At::Fetched(fetch) if !fetch.is_watched))
                },
            ),
        ];
        if self.fenced {
            all.push(Property::sometimes(
                "a write that was slow doesn't wait",
                |_, state: &State| {
                    state
                        .writers
                        .contains(&Writer::Returned { has_waited: false })
                },
            ));
        }
        if !self.fenced || self.evictions > 0 {
            all.push(Property::sometimes("a write waits", |_, state: &State| {
                state
                    .writers
                    .contains(&Writer::Returned { has_waited: true })
            }));
        }
        if self.kind == Kind::Nested {
            all.push(Property::sometimes(
                "the other entry is loaded from a copy after a write",
                |_, state: &State| {
                    state.processes.iter().any(|process| {
                        let is_loaded = |reader: &Reader| {
                            let is_late =
                                matches!(reader.at, At::Fresh(floor) if floor.returned > 0);
                            reader.is_outer && is_late
                        };
                        process.copy.is_some() && process.readers.iter().any(is_loaded)
                    })
                },
            ));
        }
        if self.dies {
            all.push(Property::sometimes(
                "a copy is served after a dead writer's fence",
                |_, state: &State| {
                    let is_hit = state.processes.iter().any(|process| {
                        process.copy.is_some()
                            && process.readers.iter().any(
                                |reader| matches!(reader.at, At::Fresh(floor) if floor.ended > 0),
                            )
                    });
                    is_hit && state.floor.ended > 0
                },
            ));
        }
        all
    }
}

/// What can be read, as a set of names. There is one fence: of the key, or of the tag.
const KEY: u8 = 1;
const FENCE: u8 = 2;
const TAG: u8 = 4;

impl State {
    fn tick(&mut self) {
        self.now += 1;
        let now = self.now;
        self.entry = self.entry.filter(|entry| entry.ends > now);
        self.tag = self.tag.filter(|&(_, ends)| ends > now);
        for (fence, writer) in self.fence.iter_mut().zip(&mut self.writers) {
            if *fence > 0 && *fence <= now {
                *fence = 0;
                if let Writer::Dead(committed) = *writer {
                    self.floor.ended = self.floor.ended.max(committed.unwrap_or(0));
                    *writer = Writer::Gone;
                }
            }
        }
    }

    /// The server tells whoever has read one of these that it has changed.
    fn change(&mut self, names: u8) {
        for process in &mut self.processes {
            if process.tracked & names != 0 {
                process.tracked &= !names;
                if process.queue.last() != Some(&Item::Changed) {
                    process.queue.push(Item::Changed);
                }
            }
        }
    }

    fn first_fence(&self) -> Option<Moment> {
        self.fence.iter().copied().filter(|&ends| ends > 0).min()
    }

    /// What is stored ends a moment before the first fence does, and nothing is stored after that.
    fn cap(&self) -> Moment {
        self.first_fence().map_or(NEVER, |ends| ends - 1)
    }

    fn may_store(&self) -> bool {
        self.closed == 0 && self.cap() > self.now
    }

    fn valid_entry(&self, system: &System) -> Option<Entry> {
        let is_tagged = system.kind == Kind::Tag;
        let nonce = self.tag.map(|(nonce, _)| nonce);
        self.entry
            .filter(|entry| !is_tagged || nonce == Some(entry.nonce))
    }

    fn store(&mut self, system: &System) {
        let cap = self.cap();
        let natural_end = self.now.saturating_add(system.ttl);
        let (mut nonce, mut ends) = (0, natural_end.min(cap));
        if system.kind == Kind::Tag {
            // Only the nonce is fenced.
            ends = natural_end;
            if self.tag.is_none() {
                self.tag = Some((self.next_nonce, cap));
                self.next_nonce += 1;
                self.change(TAG);
            }
            nonce = self.tag.map_or(0, |(nonce, _)| nonce);
        }
        let value = self.committed;
        self.entry = Some(Entry { value, ends, nonce });
        self.change(KEY);
        if system.variant == Variant::KeepsOwnFill {
            self.processes[0].copy = Some(Copied { value, ends });
        }
    }

    fn readers(&self) -> impl Iterator<Item = &Reader> {
        self.processes.iter().flat_map(|process| &process.readers)
    }

    /// Whether a copy is about to be served to a read that must see so many writes.
    fn hits(&self, writes: Version) -> bool {
        self.processes.iter().any(|process| {
            let is_hit = |reader: &Reader| matches!(reader.at, At::Fresh(floor) if floor.returned.max(floor.ended) >= writes);
            let is_new = process.copy.is_some_and(|copy| copy.value >= writes);
            is_new && process.readers.iter().any(is_hit)
        })
    }

    /// What can't make a difference any more is forgotten.
    fn normalize(&mut self, system: &System) {
        let now = self.now;
        for process in &mut self.processes {
            let local = now - process.lag;
            let began = process.readers.iter().filter_map(|reader| match reader.at {
                At::Started { began, .. } => Some(began),
                _ => None,
            });
            let first = began.min().unwrap_or(local).min(local);
            process.heard = process.heard.filter(|&heard| heard + system.bound >= first);
            process.copy = process.copy.filter(|copy| copy.ends > local);
        }
    }
}
