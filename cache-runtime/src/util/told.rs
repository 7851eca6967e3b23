//! Of what the log has told already.

use std::collections::HashSet;
use std::hash::Hash;
use std::sync::LazyLock;

use parking_lot::Mutex;

/// The log is told of so many at most.
const MAX: usize = 1000;

/// Things of one kind, of each of which the log is told once.
pub(crate) struct Told<T>(LazyLock<Mutex<HashSet<T>>>);

impl<T: Eq + Hash> Told<T> {
    pub(crate) const fn new() -> Self {
        Self(LazyLock::new(Mutex::default))
    }

    /// Whether the log has to be told of this one, and from now on has been.
    pub(crate) fn is_news(&self, of: T) -> bool {
        let mut told = self.0.lock();
        told.len() < MAX && told.insert(of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_news_once_and_no_more_than_so_many_are() {
        let told = Told::new();
        let news = ["a", "b", "a"].map(|of| told.is_news(of.to_owned()));
        assert_eq!(news, [true, true, false]);
        let news = (0..2 * MAX).filter(|n| told.is_news(n.to_string())).count();
        assert_eq!(news, MAX - 2);
    }
}
