//! The protocol, and the ways to get it wrong.

/// Which protocol is run. All but the first are wrong, each in one place: a model that accepts one of them
/// would prove nothing about the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Variant {
    /// The protocol as it is meant.
    Intended,
    /// A fill is a plain `SET`, whoever holds the lease.
    FillWithoutLease,
    /// All loads of a process go by the same nonce.
    NonceOfProcess,
    /// A writer announces nothing.
    NoFence,
    /// A fence leaves the entry, or the tag's nonce, its life.
    FenceLeavesLife,
    /// What is loaded while a fence stands gets a full life.
    LoadIgnoresFence,
    /// A fence leaves the lease to the load under way.
    FenceLeavesLease,
    /// A writer enters its fence only when it has done the rest.
    FenceEntersLast,
    /// A fence voids the load under way only when it has shortened the entry's life.
    FenceVoidsLast,
    /// A failed writer gives the whole life back although another writer's fence stands.
    ReleaseUnderFence,
    /// What is loaded under one fence, and stored under another, may get its whole life from that.
    FillTrustsAnyFence,
    /// When the first of two failed writers leaves, the fence forgets the old life.
    FirstReleaseForgets,
    /// The fence of a second writer forgets the life that the first has shortened.
    FenceForgetsPreviousExpiry,
    /// A failed writer gives nothing back while another's fence stands, even if that ends after its own.
    OnlyLastReleaseGivesBack,
    /// A pattern looks at leases and entries in a single pass, in which no order is promised.
    SweepOnce,
    /// A pattern scans both servers once although a slot is on the move.
    SweepOnceWhileMoving,
    /// A pattern's second round begins on a server before the first has ended on the other.
    RoundsOverlap,
    /// A nonce that a tag gets under a fence lives on when the fence has ended.
    NonceOutlivesFence,
    /// A fill lengthens the life of its tag's nonce.
    FillLengthensNonce,
    /// A reader that joins its tag does not look again at the entry that it has found not to be valid.
    LooksOnce,
    /// Whoever waits for a load under a tag gets its bytes.
    ShareUnderTag,
    /// Whoever waits for a load that began under a fence gets its bytes.
    ShareUnderFence,
}
