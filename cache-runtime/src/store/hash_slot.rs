//! Hash slots: the parts of a Redis Cluster. A server has some of them, and a script may touch the keys of
//! one only ([Redis Cluster specification](https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/)).

use std::sync::LazyLock;

/// The number of a slot.
pub(super) type Slot = u16;

/// So many there are.
pub(super) const SLOTS: u16 = 16_384;

/// The slot of a key.
pub(super) fn slot(key: &[u8]) -> Slot {
    crc16(hash_tag(key).unwrap_or(key)) % SLOTS
}

/// The part of a key that chooses its slot, if it is not the whole: what is between its first `{` and the
/// next `}`, unless that is nothing.
pub(super) fn hash_tag(key: &[u8]) -> Option<&[u8]> {
    let (_, rest) = key.split_at(key.iter().position(|&byte| byte == b'{')? + 1);
    let end = rest.iter().position(|&byte| byte == b'}')?;
    (end > 0).then(|| &rest[..end])
}

/// A text that has the slot of this key, for a key which can't stand between braces.
pub(super) fn text_in_slot_of(key: &[u8]) -> String {
    text_in_slot(slot(key))
}

/// The text that has this slot; of a slot that does not exist, the last.
pub(super) fn text_in_slot(slot_number: Slot) -> String {
    static NUMBERS: LazyLock<Vec<u32>> = LazyLock::new(|| {
        let (mut numbers, mut left) = (vec![None; usize::from(SLOTS)], SLOTS);
        for number in 0.. {
            let place = &mut numbers[usize::from(self::slot(number.to_string().as_bytes()))];
            if place.is_none() {
                *place = Some(number);
                left -= 1;
            }
            if left == 0 {
                break;
            }
        }
        numbers.into_iter().flatten().collect()
    });
    NUMBERS[usize::from(slot_number.min(SLOTS - 1))].to_string()
}

/// CRC-16/XMODEM.
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc: u16, byte| {
        let [high, low] = crc.to_be_bytes();
        (u16::from(low) << 8) ^ REMAINDERS[usize::from(high ^ byte)]
    })
}

/// Of each byte.
const REMAINDERS: [u16; 256] = {
    let mut remainders = [0; 256];
    let mut byte: u16 = 0;
    while byte < 256 {
        let mut remainder = byte << 8;
        let mut bit = 0;
        while bit < 8 {
            let carry = remainder >> 15;
            remainder = (remainder << 1) ^ (carry * 0x1021);
            bit += 1;
        }
        remainders[byte as usize] = remainder;
        byte += 1;
    }
    remainders
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_those_of_the_specification() {
        assert_eq!(crc16(b"123456789"), 0x31c3);
        assert_eq!(slot(b""), 0);
        assert_eq!(slot(b"foo"), 12_182);
        assert_eq!(slot(b"{user1000}.following"), slot(b"user1000"));
        assert_eq!(slot(b"foo{bar}{zap}"), slot(b"bar"));
        assert_eq!(slot(b"foo{{bar}}zap"), slot(b"{bar"));
        assert_ne!(slot(b"foo{}{bar}"), slot(b"bar"));
    }

    #[test]
    fn a_text_is_found_for_every_key() {
        for key in ["", "a}b", "foo{}{bar}", "{", "}{"] {
            let text = text_in_slot_of(key.as_bytes());
            assert_eq!(slot(text.as_bytes()), slot(key.as_bytes()), "{key}");
        }
    }
}
