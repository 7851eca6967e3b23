//! What the attribute leaves in the program for the map: a value for each cached function and each name by hand, which
//! the linker puts together.

use crate::key::Values;

/// A cached function, or a name that is made by hand.
#[derive(Debug)]
pub struct Registered {
    /// Which of them it is.
    pub kind: MapEntryKind,
    /// With its module.
    pub name: &'static str,
    /// The file that it stands in.
    pub file: &'static str,
    /// The line that its attribute stands on.
    pub line: u32,
    /// The keys that it keeps or removes.
    pub keys: &'static [RegisteredTemplate],
    /// The tags of what it keeps, or those that it invalidates.
    pub tags: &'static [RegisteredTemplate],
    /// The patterns that it removes.
    pub patterns: &'static [RegisteredTemplate],
}

/// A template, and what is known of its placeholders, in their order.
#[derive(Debug)]
pub struct RegisteredTemplate {
    /// As it was written.
    pub text: &'static str,
    /// How the values of each are written.
    pub values: &'static [fn() -> Values],
}

inventory::collect!(Registered);

/// What an entry of the [`map`](crate::map()) does.
///
/// ```
/// use cache_runtime::MapEntryKind;
///
/// let map = cache_runtime::map();
/// let readers = map.entries().iter().filter(|entry| entry.kind() == MapEntryKind::Reader);
/// println!("{} functions read", readers.count());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MapEntryKind {
    /// A function that reads: what it returns is kept.
    Reader,
    /// A function that writes: it removes.
    Writer,
    /// A function whose parameter tells the request's method: it reads, and on `PUT` and the like it removes its own
    /// entry.
    ReaderAndWriter,
    /// A [`key!`](crate::key!), which may be removed, set or looked up.
    Key,
    /// A [`tag!`](crate::tag!), which is there to be invalidated.
    Tag,
    /// A [`pattern!`](crate::pattern!), which is there to be removed.
    Pattern,
}

impl MapEntryKind {
    /// Whether it is a function whose values are kept.
    ///
    /// ```
    /// use cache_runtime::MapEntryKind;
    ///
    /// assert!(MapEntryKind::Reader.reads() && !MapEntryKind::Tag.reads());
    /// ```
    pub fn reads(self) -> bool {
        matches!(self, Self::Reader | Self::ReaderAndWriter)
    }

    /// Whether it removes something, or may do so.
    ///
    /// ```
    /// use cache_runtime::MapEntryKind;
    ///
    /// assert!(MapEntryKind::Tag.writes() && !MapEntryKind::Reader.writes());
    /// ```
    pub fn writes(self) -> bool {
        self != Self::Reader
    }

    pub(super) fn is_by_hand(self) -> bool {
        matches!(self, Self::Key | Self::Tag | Self::Pattern)
    }
}

/// Leaves a cached function, or a name by hand, in the program: `mapped! { Reader "post" [("post:{id}" u64)] [] [] }`,
/// with the templates of its keys, tags and patterns. `str` is the type of a placeholder of which no type is known.
#[doc(hidden)]
#[macro_export]
macro_rules! __mapped {
    ($kind:ident $name:literal [$($keys:tt)*] [$($tags:tt)*] [$($patterns:tt)*]) => {
        $crate::__private::inventory::submit! {
            $crate::__private::Registered {
                kind: $crate::MapEntryKind::$kind,
                name: ::core::concat!(::core::module_path!(), "::", $name),
                file: ::core::file!(),
                line: ::core::line!(),
                keys: &[$($crate::__mapped!(@ $keys)),*],
                tags: &[$($crate::__mapped!(@ $tags)),*],
                patterns: &[$($crate::__mapped!(@ $patterns)),*],
            }
        }
    };
    (@ ($template:literal $($ty:ty),*)) => {
        $crate::__private::RegisteredTemplate {
            text: $template,
            values: &[$($crate::__private::values_of::<$ty>),*],
        }
    };
}
