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
    /// When what is behind it would end if nobody had fenced it.
    pub(crate) previous_expiry: Moment,
    /// The end that fences have left it.
    pub(crate) cut: Moment,
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

    /// What is behind it ends at this moment, and without fences at that.
    pub(crate) fn remember(&mut self, ends: Moment, previous_expiry: Moment) {
        if self.standing().is_some() {
            (self.previous_expiry, self.cut) = (previous_expiry, ends);
        }
    }

    /// What it remembers is of something else.
    pub(crate) fn forget_unless(&mut self, ends: Option<Moment>) {
        if ends != Some(self.cut) {
            (self.previous_expiry, self.cut) = (NONE, NONE);
        }
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
