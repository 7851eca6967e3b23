//! What the attribute's output names. Of one version with the attribute, and nobody else's business.

pub use crate::codec::dispatch::output_of as answer_of;
pub use crate::key::{Value, key, pattern};
pub use crate::lease::Windows;
pub use crate::method::{Access, access_of};
pub use crate::read::{Read, read, tags};
#[cfg(feature = "actix")]
pub use crate::refresh::Thread;
pub use crate::refresh::{Nowhere, Task};
pub use crate::write::{Stale, Write, write};

/// The traits that method resolution falls back on. A glob import of them brings no name into scope.
pub mod dispatch {
    pub use crate::codec::dispatch::{
        AnyLayer as _, AnyOutcome as _, NoCodec as _, PlainCodec as _,
    };
    pub use crate::key::{
        DisplayPart as _, HashPart as _, NoAccess as _, NoHash as _, NoPart as _,
    };
}
