//! A reader: a hit, a value that it shares with another, or a load and a fill.
//!
//! It is long because it is one state machine: each step is read beside those that it can meet.

use crate::fence::Moment;
use crate::normal::FRESH;
use crate::promise::Floor;
use crate::store::{Begun, Body, Nonce, Version};
use crate::system::State;
use crate::variant::Variant;

/// Where a reader is. It starts over for ever: to give up, to die, and to look again are all a return to
/// [`Reader::Idle`], for what it looks at next is what a new reader would look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reader {
    /// Not reading.
    Idle,
    /// It has got the entry, and not yet the tag's nonce.
    HasEntry {
        /// What it reads.
        key: usize,
        /// The entry.
        seen: Body,
        /// What it must not fall behind.
        floor: Floor,
    },
    /// It has got the tag's nonce, and not yet the entry.
    HasNonce {
        /// What it reads.
        key: usize,
        /// The nonce.
        nonce: Option<Nonce>,
        /// What it must not fall behind.
        floor: Floor,
    },
    /// It found no entry, or one that is not valid.
    Missed {
        /// What it reads.
        key: usize,
        /// The entry that is not valid.
        seen: Option<Body>,
        /// The tag's nonce, if that came before the lease.
        tag_nonce: Option<Nonce>,
        /// What it must not fall behind.
        floor: Floor,
    },
    /// It waits for another's load.
    Following {
        /// Of that load.
        nonce: Nonce,
        /// What it must not fall behind.
        floor: Floor,
    },
    /// The lease is its own, the tag's nonce not yet known.
    Granted {
        /// What it may fill.
        load: Load,
        /// The entry that it has seen, if that may turn out to be valid.
        seen: Option<Body>,
        /// What it must not fall behind.
        floor: Floor,
    },
    /// Its handler runs.
    Loading(Load),
    /// Its handler is done.
    Loaded(Load, Version),
}

/// The right to fill an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Load {
    /// What to fill.
    pub key: usize,
    /// What its lease holds.
    pub nonce: Nonce,
    /// The end of the earliest fence that stood when it began.
    pub cap: Option<Moment>,
    /// What the tag's nonce was when it began.
    pub tag_nonce: Option<Nonce>,
}

/// What a reader does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Asks for the entry. It starts with this or with the next.
    Get(usize),
    /// Asks for the tag's nonce.
    GetNonce(usize),
    /// Asks for the lease.
    BeginFill,
    /// Asks for the tag's nonce.
    JoinTag,
    /// Its handler asks the database.
    Load,
    /// Stores what it loaded.
    Fill,
    /// Its handler failed, or its caller went away.
    Release,
    /// Its process dies.
    Die,
    /// Takes over what another loaded.
    Share,
    /// Stops waiting.
    LookAgain,
}

impl Reader {
    /// The load that it is at.
    pub fn load(&self) -> Option<Load> {
        match *self {
            Reader::Granted { load, .. } | Reader::Loading(load) | Reader::Loaded(load, _) => {
                Some(load)
            }
            _ => None,
        }
    }
}

impl State {
    /// What the reader with this index may do next.
    pub(crate) fn read_steps(&self, reader: usize) -> Vec<Step> {
        match self.readers[reader] {
            Reader::Idle => self.first_read_steps(),
            Reader::HasEntry { key, .. } => vec![Step::GetNonce(key)],
            Reader::HasNonce { key, .. } => vec![Step::Get(key)],
            Reader::Missed { key, tag_nonce, .. } => {
                let begins = self.store.is_together(key);
                let joins = self.tagged && tag_nonce.is_none();
                let begin = begins.then_some(Step::BeginFill);
                begin
                    .into_iter()
                    .chain(joins.then_some(Step::JoinTag))
                    .collect()
            }
            Reader::Following { nonce, .. } if self.shared(nonce).is_some() => {
                vec![Step::Share, Step::LookAgain]
            }
            Reader::Following { .. } => vec![Step::LookAgain],
            Reader::Granted { .. } => vec![Step::JoinTag, Step::Release, Step::Die],
            Reader::Loading(_) => vec![Step::Load, Step::Release, Step::Die],
            Reader::Loaded(load, _) if !self.store.is_together(load.key) => {
                vec![Step::Release, Step::Die]
            }
            Reader::Loaded(..) => vec![Step::Fill, Step::Release, Step::Die],
        }
    }

    /// One that is refused the lease joins its tag all the same, sooner or later; so here anyone may.
    fn first_read_steps(&self) -> Vec<Step> {
        let keys = 0..self.store.keys.len();
        let mut steps: Vec<Step> = keys.clone().map(Step::Get).collect();
        if self.tagged {
            steps.extend(keys.map(Step::GetNonce));
            steps.push(Step::JoinTag);
        }
        steps
    }

    /// Lets the reader with this index take a step that [`State::read_steps`] allows it.
    pub(crate) fn read(&mut self, reader: usize, step: Step) {
        let is = self.readers[reader];
        self.readers[reader] = match (is, step) {
            (Reader::Idle, Step::Get(key)) => self.get(key),
            (Reader::Idle, Step::GetNonce(key)) => self.get_nonce(key),
            (Reader::HasEntry { key, seen, floor }, _) => {
                self.look(key, Some(seen), self.store.tag_nonce(), floor)
            }
            (Reader::HasNonce { key, nonce, floor }, _) => {
                self.look(key, self.store.get(key), nonce, floor)
            }
            (Reader::Idle, Step::JoinTag) => {
                self.store.join_tag(FRESH);
                Reader::Idle
            }
            (
                Reader::Missed {
                    key, seen, floor, ..
                },
                Step::JoinTag,
            ) => {
                let nonce = Some(self.store.join_tag(FRESH));
                let is_served = self.serve_after_all(seen, nonce, floor);
                Reader::Missed {
                    key,
                    seen,
                    // Where it is served, its wish for the lease is under way like another's.
                    tag_nonce: nonce.filter(|_| !is_served),
                    floor,
                }
            }
            (
                Reader::Missed {
                    key,
                    seen,
                    tag_nonce,
                    floor,
                },
                Step::BeginFill,
            ) => self.begin_fill(key, seen, tag_nonce, floor),
            (Reader::Granted { load, seen, floor }, Step::JoinTag) => {
                let tag_nonce = Some(self.store.join_tag(FRESH));
                if self.serve_after_all(seen, tag_nonce, floor) {
                    // To give the lease back is the same as to let it end.
                    Reader::Idle
                } else {
                    Reader::Loading(Load { tag_nonce, ..load })
                }
            }
            (Reader::Loading(load), Step::Load) => Reader::Loaded(load, self.committed),
            (Reader::Loaded(load, value), Step::Fill) => {
                self.fill(load, value);
                Reader::Idle
            }
            (Reader::Following { nonce, floor }, Step::Share) => {
                if let Some(value) = self.shared(nonce) {
                    self.serve(value, floor);
                }
                Reader::Idle
            }
            (_, Step::Release) => {
                if let Some(Load { key, nonce, .. }) = is.load() {
                    self.store.release(key, nonce);
                }
                Reader::Idle
            }
            _ => Reader::Idle,
        };
    }

    /// The tag's nonce may lie on another server, and be seen later.
    fn get(&mut self, key: usize) -> Reader {
        let seen = self.store.get(key);
        let floor = self.floor;
        match seen {
            Some(seen) if self.tagged => Reader::HasEntry {
                key,
                seen,
                floor: self.floor_of(Some(seen), floor),
            },
            _ => self.look(key, seen, None, floor),
        }
    }

    /// The entry may lie on another server, and be seen later.
    fn get_nonce(&self, key: usize) -> Reader {
        let nonce = self.store.tag_nonce();
        Reader::HasNonce {
            key,
            nonce,
            floor: self.worth_knowing(self.floor, nonce.is_some()),
        }
    }

    fn look(
        &mut self,
        key: usize,
        seen: Option<Body>,
        nonce: Option<Nonce>,
        floor: Floor,
    ) -> Reader {
        match seen {
            Some(body) if self.is_valid(body, nonce) => {
                self.serve(body.value, floor);
                Reader::Idle
            }
            _ => Reader::Missed {
                key,
                seen,
                tag_nonce: None,
                floor: self.floor_of(seen, floor),
            },
        }
    }

    /// A reader that has joined its tag looks whether the entry is valid that it has seen: the nonce that it
    /// got with it may have been older.
    fn serve_after_all(&mut self, seen: Option<Body>, nonce: Option<Nonce>, floor: Floor) -> bool {
        let seen = seen.filter(|&body| self.is_valid(body, nonce));
        match seen {
            Some(body) if self.store.variant != Variant::LooksOnce => {
                self.serve(body.value, floor);
                true
            }
            _ => false,
        }
    }

    /// What a reader that has seen this must not fall behind.
    fn floor_of(&self, seen: Option<Body>, floor: Floor) -> Floor {
        let is_behind = |body: Body| body.value < floor.version();
        self.worth_knowing(floor, seen.is_some_and(is_behind))
    }

    /// A floor is of no use to a reader that will not fall behind it and that nobody will share with.
    fn worth_knowing(&self, floor: Floor, may_fall_behind: bool) -> Floor {
        if may_fall_behind || self.may_share() {
            floor
        } else {
            Floor::default()
        }
    }

    fn begin_fill(
        &mut self,
        key: usize,
        seen: Option<Body>,
        tag_nonce: Option<Nonce>,
        floor: Floor,
    ) -> Reader {
        let nonce = match self.store.variant {
            Variant::NonceOfProcess => 0,
            _ => FRESH,
        };
        match self.store.begin_fill(key, nonce, seen) {
            Begun::Busy(nonce) if self.may_share() => Reader::Following { nonce, floor },
            Begun::Filled | Begun::Busy(_) => Reader::Idle,
            Begun::Granted { cap } => {
                let load = Load {
                    key,
                    nonce,
                    cap,
                    tag_nonce,
                };
                if self.tagged && tag_nonce.is_none() {
                    let current = self.store.tag_nonce();
                    let seen = seen.filter(|&body| self.is_valid(body, current));
                    let floor = self.floor_of(seen, floor);
                    Reader::Granted { load, seen, floor }
                } else {
                    Reader::Loading(load)
                }
            }
        }
    }

    fn fill(&mut self, load: Load, value: Version) {
        let Load {
            key,
            nonce,
            cap,
            tag_nonce,
        } = load;
        let body = Body { value, tag_nonce };
        self.store.fill(key, nonce, body, cap);
        self.owed[key] = self.owed[key] || self.is_settled(key);
    }

    /// Under a tag nothing is shared: an invalidated tag does not void the lease, so to have found a load's
    /// nonce there does not tell that the load is newer.
    fn may_share(&self) -> bool {
        !self.tagged || self.store.variant == Variant::ShareUnderTag
    }

    /// What the load with this nonce has for those who wait for it. Under a fence that is nothing: while the
    /// load runs the fence may end, and then nobody may get what the load has read before.
    pub(crate) fn shared(&self, nonce: Nonce) -> Option<Version> {
        let ignores_fence = self.store.variant == Variant::ShareUnderFence;
        self.readers.iter().find_map(|reader| match *reader {
            Reader::Loaded(load, value) if load.nonce == nonce => {
                (load.cap.is_none() || ignores_fence).then_some(value)
            }
            _ => None,
        })
    }

    /// A read that has started at `floor` gets this value.
    fn serve(&mut self, value: Version, floor: Floor) {
        if value < floor.version() {
            self.stale = Some((value, floor));
        }
    }

    pub(crate) fn is_valid(&self, body: Body, tag_nonce: Option<Nonce>) -> bool {
        !self.tagged || (body.tag_nonce.is_some() && body.tag_nonce == tag_nonce)
    }
}
