//! The protocol, and the ways to get it wrong.

/// What a process or a writer does otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Variant {
    /// The protocol.
    Intended,
    /// A writer returns as soon as it has removed what it names.
    NoWait,
    /// A writer opens at once what it has closed, and waits after that.
    WaitsAfterOpening,
    /// A writer doesn't care whether its mark stood until it took it away.
    IgnoresLostMark,
    /// A writer that was slow enough doesn't care whether its fence still stood.
    IgnoresLostFence,
    /// The same, as long as there is a fence of any writer.
    AnyFenceCounts,
    /// The wait counts from a writer's first fence, though it has fenced anew since.
    CountsFromFirstFence,
    /// A copy is watched from when the reply has come.
    WatchesFromReply,
    /// All that are being fetched have one flag.
    SharesFlag,
    /// What was fetched over one connection is kept when there is another.
    FlagSurvivesReconnection,
    /// Copies are kept when there is another connection.
    CopySurvivesReconnection,
    /// The replies of another connection count.
    PingsElsewhere,
    /// A reply counts from when it came.
    HeardAtReply,
    /// A command counts that was sent in the very moment from which it has to count.
    EqualMomentsCount,
    /// A reader takes the copy, and then sees whether the process has heard from the server.
    TakesCopyFirst,
    /// A process keeps what it has loaded and stored itself.
    KeepsOwnFill,
    /// A copy is kept for ever.
    OutlivesEntry,
    /// A copy lives as long as its entry had to live, from when the reply came.
    LivesFromReply,
    /// What is fetched while a fence stands is kept.
    KeepsUnderFence,
    /// Who fetches looks for the fence, and the server doesn't remember that.
    FenceNotWatched,
    /// The server doesn't remember who has read the tag's nonce.
    NonceNotWatched,
    /// A copy may outlive its tag's nonce.
    OutlivesNonce,
    /// Replies overtake what the server says of changes, as they may in broadcast mode.
    RepliesOvertake,
    /// A process's clock stands still while it is stopped.
    ClockStops,
}
