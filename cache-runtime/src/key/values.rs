//! What can be told of the values of a placeholder before there are any.

use std::any::TypeId;

use uuid::Uuid;

/// How the values of a placeholder can be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Values {
    /// Nothing is known: as any text, or as a hash.
    Unknown,
    /// As any text.
    Text,
    /// As the digits of an integer, with a minus in front or without.
    Integer,
    /// As a UUID, in lowercase and with its dashes.
    Uuid,
    /// As the digits of a SHA-256, in lowercase.
    Hash,
}

/// How the values of a type are written. The type itself is looked at, and not its name, which may be another type's.
#[cfg(feature = "map")]
pub fn values_of<T: ?Sized + 'static>() -> Values {
    macro_rules! is_one_of {
        ($($ty:ty)*) => { [$(TypeId::of::<$ty>()),*].contains(&TypeId::of::<T>()) };
    }
    if is_one_of!(i8 i16 i32 i64 i128 isize u8 u16 u32 u64 u128 usize) {
        Values::Integer
    } else if is_one_of!(Uuid) {
        Values::Uuid
    } else {
        Values::Text
    }
}
