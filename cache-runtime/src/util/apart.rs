//! What is written all the time, apart from what is read all the time.

use std::ops::Deref;

/// A value that has its cache lines to itself: who writes it takes nothing from those who read what is beside it. Two lines,
/// since most processors fetch them in pairs.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct Apart<T>(pub(crate) T);

impl<T> Deref for Apart<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}
