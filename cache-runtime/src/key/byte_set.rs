//! Sets of bytes.

/// Some of the 256.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ByteSet([u128; 2]);

impl ByteSet {
    pub(super) const NONE: Self = Self([0; 2]);
    pub(super) const ALL: Self = Self([u128::MAX; 2]);
    pub(super) const DIGITS: Self = Self::range(b'0', b'9');
    pub(super) const HEXADECIMAL: Self = Self::DIGITS.or(Self::range(b'A', b'F'));
    pub(super) const LOWERCASE_HEXADECIMAL: Self = Self::DIGITS.or(Self::range(b'a', b'f'));
    /// What an escape may consist of behind its `%`.
    pub(super) const ESCAPE_DIGITS: Self = Self::HEXADECIMAL.or(Self::range(b'g', b'v'));
    /// What stands in a key as it is.
    pub(super) const PLAIN: Self = Self::ALL.without(b'%').without(b'{').without(b'}');

    const fn bit(byte: u8) -> Self {
        if byte < 128 {
            Self([1 << byte, 0])
        } else {
            Self([0, 1 << (byte - 128)])
        }
    }

    const fn range(from: u8, to: u8) -> Self {
        let mut set = Self::NONE;
        let mut byte = from;
        while byte <= to {
            set = set.with(byte);
            byte += 1;
        }
        set
    }

    const fn or(self, other: Self) -> Self {
        Self([self.0[0] | other.0[0], self.0[1] | other.0[1]])
    }

    pub(super) fn of(bytes: &[u8]) -> Self {
        bytes.iter().fold(Self::NONE, |set, &byte| set.with(byte))
    }

    pub(super) const fn with(self, byte: u8) -> Self {
        self.or(Self::bit(byte))
    }

    pub(super) const fn without(self, byte: u8) -> Self {
        let bit = Self::bit(byte);
        Self([self.0[0] & !bit.0[0], self.0[1] & !bit.0[1]])
    }

    pub(super) fn and(&self, other: &Self) -> Self {
        Self([self.0[0] & other.0[0], self.0[1] & other.0[1]])
    }

    pub(super) fn is_empty(&self) -> bool {
        *self == Self::NONE
    }

    pub(super) fn contains(&self, byte: u8) -> bool {
        !self.and(&Self::bit(byte)).is_empty()
    }

    /// The first letter among them, else the first digit, else the first of all.
    pub(super) fn most_readable(&self) -> Option<u8> {
        let mut ranges = [(b'a'..=b'z'), (b'0'..=b'9'), (0..=u8::MAX)].into_iter();
        ranges.find_map(|mut range| range.find(|&byte| self.contains(byte)))
    }
}
