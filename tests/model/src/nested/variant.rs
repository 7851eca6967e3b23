//! The protocol, and the ways to get it wrong.

/// What is done in another order, or not at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Variant {
    /// The protocol.
    Intended,
    /// Keys and tags are removed first, a script each, and then the patterns are swept.
    KeysBeforePatterns,
    /// Keys and tags are removed before the patterns are swept, and again after that. No pattern is registered. It is
    /// enough where no two entries are named by patterns alone.
    KeysPatternsKeys,
    /// Each key is removed twice, and none is closed.
    RemovesTwice,
    /// What is removed leaves the lease to the load under way.
    LeavesLeases,
    /// A load begins although its key is closed.
    IgnoresMarks,
    /// A pattern is not registered.
    RegistersNever,
    /// A pattern is registered when the leases have been swept.
    RegistersAfterLeases,
    /// A pattern is registered while the leases are swept.
    RegistersBesideLeases,
    /// A pattern's entries are swept before its leases.
    EntriesBeforeLeases,
    /// A pattern is no longer registered when it has been swept.
    UnregistersAfterSweep,
    /// Each key is opened as soon as it is closed.
    OpensEach,
    /// A reader looks for registrations before it has the lease.
    LooksBeforeGrant,
    /// An invalidation returns before it opens what it has closed.
    ReturnsBeforeOpening,
    /// An invalidation doesn't care whether its marks and registrations were still there.
    IgnoresLoss,
    /// A fence closes nothing before it ends.
    NoClosingTime,
    /// A writer in doubt owes nothing.
    OwesNothing,
    /// A writer in doubt owes its patterns alone.
    OwesPatterns,
}
