//! A slot that moves from one server to another, key by key, and a pattern's scans of both.

use crate::store::Store;
use crate::system::State;
use crate::variant::Variant;
use crate::writer::Invalidation;

/// How far the move is. All keys lie in the one slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Slot {
    /// There is only one server.
    Fixed,
    /// It has not begun.
    Source,
    /// Each key is on one of the two servers.
    Moving,
    /// It is over.
    Target,
}

/// Which keys of an entry have moved already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Moved {
    /// The entry.
    pub entry: bool,
    /// Its lease.
    pub lease: bool,
}

/// One step of the move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Move {
    /// The slot is on the move.
    Begin,
    /// An entry moves.
    Entry(usize),
    /// A lease moves.
    Lease(usize),
    /// Nothing is left to move: the slot belongs to the other server.
    End,
}

/// One of the two servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Server {
    /// The first.
    Source,
    /// The second.
    Target,
}

/// A pattern's scans: on each server one of the leases and then one of the entries. What a scan finds is
/// removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Round {
    began: Slot,
    /// Whose the slot was from the beginning of the round before to its end.
    before: Option<Server>,
    /// How many scans there have been on the first server, and on the second.
    scans: [u8; 2],
}

impl Slot {
    fn owner(self) -> Server {
        match self {
            Slot::Fixed | Slot::Source | Slot::Moving => Server::Source,
            Slot::Target => Server::Target,
        }
    }

    fn server(self, has_moved: bool) -> Server {
        if has_moved {
            Server::Target
        } else {
            self.owner()
        }
    }
}

impl Store {
    /// Whether a script on an entry and its lease finds both on one server. Else it is refused.
    pub fn is_together(&self, key: usize) -> bool {
        let key = &self.keys[key];
        key.entry.is_none() || key.lease.is_none() || key.moved.entry == key.moved.lease
    }

    /// What may move next.
    pub(crate) fn moves(&self) -> Vec<Move> {
        match self.slot {
            Slot::Fixed | Slot::Target => Vec::new(),
            Slot::Source => vec![Move::Begin],
            Slot::Moving => {
                let mut left = Vec::new();
                for (index, key) in self.keys.iter().enumerate() {
                    let entry = key.entry.filter(|_| !key.moved.entry);
                    let lease = key.lease.filter(|_| !key.moved.lease);
                    left.extend(entry.map(|_| Move::Entry(index)));
                    left.extend(lease.map(|_| Move::Lease(index)));
                }
                if left.is_empty() {
                    left.push(Move::End);
                }
                left
            }
        }
    }

    pub(crate) fn make_move(&mut self, step: Move) {
        match step {
            Move::Begin => self.slot = Slot::Moving,
            Move::Entry(key) => self.keys[key].moved.entry = true,
            Move::Lease(key) => self.keys[key].moved.lease = true,
            Move::End => self.slot = Slot::Target,
        }
    }

    /// What is gone has not moved; and when all has, that is known of each.
    pub(crate) fn forget_moves(&mut self) {
        let is_moving = self.slot == Slot::Moving;
        for key in &mut self.keys {
            key.moved.entry &= is_moving && key.entry.is_some();
            key.moved.lease &= is_moving && key.lease.is_some();
        }
    }

    fn scan(&mut self, server: Server, leases: bool) {
        let slot = self.slot;
        for key in &mut self.keys {
            if leases && slot.server(key.moved.lease) == server {
                key.lease = None;
            }
            if !leases && slot.server(key.moved.entry) == server {
                key.entry = None;
            }
        }
    }
}

impl State {
    pub(crate) fn begin_round(&self, before: Option<Server>) -> Round {
        Round {
            began: self.store.slot,
            before,
            scans: [0, 0],
        }
    }

    /// On which servers the round is not over.
    pub(crate) fn to_scan(&self, round: Round) -> Vec<Server> {
        let all = match self.store.variant {
            Variant::RoundsOverlap => 4,
            _ => 2,
        };
        let mut servers = vec![Server::Source, Server::Target];
        servers.retain(|&server| round.scans[server as usize] < all);
        servers
    }

    pub(crate) fn scan(&mut self, server: Server, mut round: Round) -> Round {
        let scans = &mut round.scans[server as usize];
        self.store.scan(server, scans.is_multiple_of(2));
        *scans += 1;
        round
    }

    /// A round in which keys may have moved is followed by another.
    pub(crate) fn end_round(&self, round: Round) -> Invalidation {
        let (began, ended) = (round.began, self.store.slot);
        let owner = Some(ended.owner()).filter(|&owner| owner == began.owner());
        let is_still = began != Slot::Moving && ended != Slot::Moving;
        let is_enough = match self.store.variant {
            Variant::SweepOnceWhileMoving | Variant::RoundsOverlap => true,
            _ => owner.is_some() && (is_still || round.before == owner),
        };
        if is_enough {
            Invalidation::LeaveFence
        } else {
            Invalidation::BeginRound { before: owner }
        }
    }
}
