//! Time, and the fences that divide it.

/// A point on the server's clock. The clock only ever stops where a fence ends: the writer with index `w`
/// has a fence that ends at `w + 1`. So a moment is also the name of a fence's member.
pub type Moment = u8;

/// The end of what has a full life. It may still go at any time, for the server may evict it.
pub const NEVER: Moment = Moment::MAX;

/// Before the clock starts: what a fence finds where there is nothing.
pub const NONE: Moment = 0;

/// The writers at work on one target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Fence {
    members: u8,
    /// The old life of what is behind it, as far as writers that have left knew.
    pub(crate) life: Moment,
}

impl Fence {
    /// The end of the earliest member, if there is any.
    pub fn standing(self) -> Option<Moment> {
        (1..8).find(|&member| self.has(member))
    }

    /// Whether this member stands. At the very moment of its end it still does.
    pub fn has(self, member: Moment) -> bool {
        self.members & (1 << member) != 0
    }

    pub(crate) fn enter(&mut self, member: Moment) {
        self.members |= 1 << member;
    }

    /// The clock goes on. With the last member all is gone.
    pub(crate) fn end(&mut self, member: Moment) {
        self.leave(member);
        if self.standing().is_none() {
            *self = Self::default();
        }
    }

    pub(crate) fn leave(&mut self, member: Moment) {
        self.members &= !(1 << member);
    }
}
