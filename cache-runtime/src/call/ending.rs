//! How a write ended, and what that leaves to do.

use super::write::Invalidations;
use crate::codec::outcome::WriteOutcome;

/// What a write leaves to do when it has returned.
pub(super) struct Ending {
    pub(super) left_to_do: LeftToDo,
    /// What became stale beside what was known before.
    pub(super) late: Invalidations,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum LeftToDo {
    /// The write did nothing.
    ReleaseFence,
    /// The write may have committed, or may still commit: the fence stands anew, and empties nothing.
    RenewFence,
    /// The write is over.
    Invalidate,
    /// What the function began may have committed, or may still commit: it was dropped, it panicked, or it failed in a
    /// way that makes its targets stale.
    InvalidateInDoubt,
    Nothing,
}

impl Ending {
    /// `is_stale` is asked of a write that failed: whether its targets are stale nonetheless.
    pub(super) fn of(
        outcome: WriteOutcome<Invalidations>,
        is_stale: impl FnOnce() -> bool,
    ) -> Self {
        let is_in_doubt = match outcome {
            WriteOutcome::Succeeded(late) => {
                let left_to_do = LeftToDo::Invalidate;
                return Self { left_to_do, late };
            }
            WriteOutcome::Refused => false,
            WriteOutcome::InDoubt => true,
        };
        let left_to_do = match (is_in_doubt, is_stale()) {
            (false, false) => LeftToDo::ReleaseFence,
            (false, true) => LeftToDo::Invalidate,
            (true, false) => LeftToDo::RenewFence,
            (true, true) => LeftToDo::InvalidateInDoubt,
        };
        let late = Invalidations::none();
        Self { left_to_do, late }
    }
}

impl LeftToDo {
    pub(super) fn invalidates(self) -> bool {
        matches!(self, Self::Invalidate | Self::InvalidateInDoubt)
    }

    pub(super) fn is_in_doubt(self) -> bool {
        matches!(self, Self::RenewFence | Self::InvalidateInDoubt)
    }
}
