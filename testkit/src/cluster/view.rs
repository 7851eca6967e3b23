//! What a node says of its cluster.

use std::ops::RangeInclusive;

/// What one node says of a node, itself included: a line of `CLUSTER NODES`.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) id: String,
    pub(super) epoch: u64,
    flags: Vec<String>,
    primary: String,
    is_linked: bool,
    slots: Vec<RangeInclusive<u16>>,
}

impl Peer {
    /// All that a node knows.
    pub(super) fn all(answer: &str) -> Vec<Self> {
        answer.lines().filter_map(Self::read).collect()
    }

    /// `id address flags primary ping pong epoch link slots...`, where a slot under way is in brackets.
    fn read(text: &str) -> Option<Self> {
        let mut words = text.split(' ').map(str::to_owned);
        let (id, _address) = (words.next()?, words.next()?);
        let (flags, primary) = (words.next()?, words.next()?);
        let (epoch, link) = (words.nth(2)?, words.next()?);
        Some(Self {
            id,
            epoch: epoch.parse().ok()?,
            flags: flags.split(',').map(str::to_owned).collect(),
            primary,
            is_linked: link == "connected",
            slots: words.filter_map(|word| range(&word)).collect(),
        })
    }

    pub(super) fn is_primary(&self) -> bool {
        self.has_flag("master")
    }

    /// The node that said this.
    pub(super) fn is_myself(&self) -> bool {
        self.has_flag("myself")
    }

    /// It is neither new nor thought to be gone.
    pub(super) fn is_well(&self) -> bool {
        let ailing = ["fail", "fail?", "handshake", "noaddr"];
        self.is_linked && !ailing.iter().any(|flag| self.has_flag(flag))
    }

    pub(super) fn has_slots(&self) -> bool {
        !self.slots.is_empty()
    }

    pub(super) fn has(&self, slot: u16) -> bool {
        self.slots.iter().any(|range| range.contains(&slot))
    }

    /// Whether both give the same node the same part.
    pub(super) fn agrees_with(&self, other: &Self) -> bool {
        let part = |peer: &Self| (peer.id.clone(), peer.primary.clone(), peer.slots.clone());
        part(self) == part(other) && self.is_primary() == other.is_primary()
    }

    fn has_flag(&self, flag: &str) -> bool {
        self.flags.iter().any(|own| own == flag)
    }
}

/// `7` or `7-9`.
fn range(word: &str) -> Option<RangeInclusive<u16>> {
    let (first, last) = word.split_once('-').unwrap_or((word, word));
    Some(first.parse().ok()?..=last.parse().ok()?)
}
