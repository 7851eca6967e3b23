//! Many patterns, of which most can be told at a glance not to match.

use std::collections::{BTreeSet, HashMap};

use super::pattern::Pattern;

/// Patterns by the text that they begin with: a key is compared with those that begin as it does.
#[derive(Debug, Default)]
pub(crate) struct PatternSet {
    by_prefix: HashMap<Vec<u8>, Vec<Pattern>>,
    /// How long the texts are.
    lengths: BTreeSet<usize>,
}

impl PatternSet {
    /// A pattern that is in the set already is added again.
    pub(crate) fn insert(&mut self, pattern: Pattern) {
        let prefix = pattern.prefix();
        self.lengths.insert(prefix.len());
        self.by_prefix.entry(prefix).or_default().push(pattern);
    }

    pub(crate) fn matches(&self, key: &[u8]) -> bool {
        let prefixes = self.lengths.iter().map_while(|&length| key.get(..length));
        let mut candidates = prefixes.filter_map(|prefix| self.by_prefix.get(prefix));
        candidates.any(|patterns| patterns.iter().any(|pattern| pattern.matches(key)))
    }

    /// The text that all of them begin with.
    pub(crate) fn common_prefix(&self) -> String {
        let mut prefixes = self.by_prefix.keys();
        let first = prefixes.next().map_or(&[][..], Vec::as_slice);
        let common = prefixes.fold(first.len(), |length, prefix| {
            let same = first[..length].iter().zip(prefix);
            same.take_while(|(one, other)| one == other).count()
        });
        // Not the first bytes of a character.
        let whole = first[..common].utf8_chunks().next();
        whole.map_or_else(String::new, |chunk| chunk.valid().to_owned())
    }
}

impl FromIterator<Pattern> for PatternSet {
    fn from_iter<I: IntoIterator<Item = Pattern>>(patterns: I) -> Self {
        let mut set = Self::default();
        patterns.into_iter().for_each(|pattern| set.insert(pattern));
        set
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_text_that_all_begin_with_is_known() {
        for (globs, common) in [
            (vec![], ""),
            (vec!["user_1*", "user_2:*", "user_1"], "user_"),
            (vec!["user*", "post*"], ""),
            (vec!["naïve*", "naïf*"], "naï"),
            (vec!["né*", "nè*"], "n"),
            (vec!["us\\*er", "us\\*?"], "us*"),
        ] {
            let set: PatternSet = globs.iter().map(|glob| Pattern::glob(glob)).collect();
            assert_eq!(set.common_prefix(), common, "{globs:?}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn a_set_matches_what_one_of_its_patterns_does(
            globs in prop::collection::vec("[ab*?\\[\\]\\\\^-]{0,5}", 0..4), key in "[ab*]{0,4}",
        ) {
            let patterns = globs.iter().map(|glob| Pattern::glob(glob));
            let any = patterns.clone().any(|pattern| pattern.matches(key.as_bytes()));
            let set: PatternSet = patterns.collect();
            prop_assert_eq!(set.matches(key.as_bytes()), any);
        }
    }
}
