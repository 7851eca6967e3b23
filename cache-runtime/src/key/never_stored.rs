//! In debug builds, what writes name and no read ever stores: a typo in a prefix removes nothing, and nothing else
//! shows it.
//!
//! Templates are compared, and not what they make: a write may well name an entry that nobody has read. A placeholder
//! stands for any text, so a write is told of only where it could never meet a read.

use std::collections::{HashMap, HashSet};
use std::panic::Location;
use std::sync::LazyLock;

use parking_lot::Mutex;

use super::from_template::{FromTemplate, Literals};
use super::pattern::Pattern;
use crate::error::CacheError;
use crate::log;

/// A write may come before the first read. So many times it names what nobody has stored before the log is told.
const WRITES: u32 = 16;

/// So many keys are remembered that were set by hand. If there are more, nothing is told of keys and patterns.
const MAX_SET: usize = 1000;

static SEEN: LazyLock<Mutex<Seen>> = LazyLock::new(Mutex::default);

/// As many as the program has templates, but for `set`.
#[derive(Default)]
struct Seen {
    /// The templates of what reads store.
    keys: Stored,
    tags: Stored,
    /// The keys that were set by hand.
    set: HashSet<String>,
    written: HashMap<(Kind, Literals, &'static Location<'static>), Written>,
}

#[derive(Default)]
struct Stored {
    literals: HashSet<Literals>,
    globs: Vec<Glob>,
}

/// A template of a write.
#[derive(Default)]
struct Written {
    times: u32,
    /// With so many templates of reads it was compared.
    compared: usize,
    /// A read may store what it names, or the log was told.
    is_settled: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Kind {
    Key,
    Tag,
    Pattern,
}

type Names<T> = [Result<FromTemplate<T>, CacheError>];

/// A read names its key and its tags.
pub(crate) fn note_read(key: &FromTemplate<String>, tags: &[FromTemplate<String>]) {
    let mut seen = SEEN.lock();
    seen.keys.add(key.literals());
    for tag in tags {
        seen.tags.add(tag.literals());
    }
}

/// A key is set by hand.
pub(crate) fn note_set(key: &str) {
    let Seen { set, keys, .. } = &mut *SEEN.lock();
    if set.len() < MAX_SET {
        if set.insert(key.to_owned()) {
            keys.globs.push(key.chars().map(Some).collect());
        }
    } else if set.insert(String::new()) {
        // There may be any key, from now on.
        keys.globs.push(vec![None]);
    }
}

/// A write at this place names these. Tells the log, once for each template, of what nobody stores.
pub(crate) fn check_write(
    keys: &Names<String>,
    tags: &Names<String>,
    patterns: &Names<Pattern>,
    place: &'static Location<'static>,
) {
    let mut seen = SEEN.lock();
    let Seen {
        keys: stored_keys,
        tags: stored_tags,
        written,
        ..
    } = &mut *seen;
    let mut check = |kind, literals, stored: &Stored| {
        let written = written.entry((kind, literals, place)).or_default();
        if written.is_never_stored(kind, literals, stored) {
            log::never_stored(kind.name(), &template(literals), place);
        }
    };
    let literals = |names: &Names<String>| -> Vec<Literals> {
        names.iter().flatten().map(FromTemplate::literals).collect()
    };
    for key in literals(keys) {
        check(Kind::Key, key, stored_keys);
    }
    for tag in literals(tags) {
        check(Kind::Tag, tag, stored_tags);
    }
    for pattern in patterns.iter().flatten() {
        check(Kind::Pattern, pattern.literals(), stored_keys);
    }
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::Tag => "tag",
            Self::Pattern => "pattern",
        }
    }
}

impl Stored {
    fn add(&mut self, literals: Literals) {
        if self.literals.insert(literals) {
            self.globs.push(glob(literals));
        }
    }
}

impl Written {
    /// Whether it is time to tell.
    fn is_never_stored(&mut self, kind: Kind, literals: Literals, stored: &Stored) -> bool {
        // What a process writes that reads nothing, others read.
        if self.is_settled || stored.globs.is_empty() {
            return false;
        }
        let new = &stored.globs[self.compared..];
        self.compared = stored.globs.len();
        if !new.is_empty() {
            let own = match kind {
                Kind::Key | Kind::Tag => glob(literals),
                Kind::Pattern => pattern_glob(literals),
            };
            self.is_settled = new.iter().any(|other| may_be_equal(&own, other));
        }
        self.times += 1;
        let is_time = !self.is_settled && self.times >= WRITES;
        self.is_settled |= is_time;
        is_time
    }
}

/// Characters, and nothing for any text.
type Glob = Vec<Option<char>>;

fn glob(literals: Literals) -> Glob {
    let texts = literals.iter().map(|text| text.chars().map(Some).collect());
    texts.collect::<Vec<Glob>>().join(&None)
}

/// The same for a pattern. What a class matches is not looked at.
fn pattern_glob(literals: Literals) -> Glob {
    let mut glob = Vec::new();
    for (at, literal) in literals.iter().enumerate() {
        if at > 0 {
            glob.push(None);
        }
        let mut chars = literal.chars();
        while let Some(c) = chars.next() {
            glob.push(match c {
                '*' | '?' => None,
                '[' => {
                    chars.by_ref().find(|&c| c == ']');
                    None
                }
                '\\' => chars.next(),
                c => Some(c),
            });
        }
    }
    glob
}

/// Whether there is a text that both match.
fn may_be_equal(one: &[Option<char>], other: &[Option<char>]) -> bool {
    // Whether what is left of `one` and what is left of `other`, by its beginning, have such a text.
    let mut below = vec![false; other.len() + 1];
    for at in (0..=one.len()).rev() {
        let mut row = vec![false; other.len() + 1];
        for next in (0..=other.len()).rev() {
            row[next] = match (one.get(at), other.get(next)) {
                (None, None) => true,
                (Some(None), Some(_)) => below[next] || row[next + 1],
                (Some(None), None) => below[next],
                (_, Some(None)) => row[next + 1] || (at < one.len() && below[next]),
                (Some(a), Some(b)) => a == b && below[next + 1],
                (Some(_), None) | (None, Some(_)) => false,
            };
        }
        below = row;
    }
    below[0]
}

/// As it was written, but for the names of its placeholders.
fn template(literals: Literals) -> String {
    literals.join("{}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(template: &str) -> Glob {
        template.chars().map(|c| (c != '_').then_some(c)).collect()
    }

    #[test]
    fn templates_that_can_make_one_text_are_told_from_those_that_can_not() {
        for (one, other, expected) in [
            ("", "", true),
            ("", "_", true),
            ("", "a", false),
            ("post:_", "post:_", true),
            ("post:_", "post:latest", true),
            ("post:_", "posts:_", false),
            ("_post:_", "_post_", true),
            ("_a", "_b", false),
            ("a_b_c", "abc", true),
            ("a_b_c", "acb", false),
            ("_x_", "y_z", true),
            ("a_", "_b", true),
            ("ab_", "a", false),
            ("__a", "a", true),
        ] {
            assert_eq!(
                may_be_equal(&of(one), &of(other)),
                expected,
                "{one} {other}"
            );
            assert_eq!(
                may_be_equal(&of(other), &of(one)),
                expected,
                "{other} {one}"
            );
        }
    }

    #[test]
    fn what_a_pattern_can_match_is_any_text_and_what_is_escaped_is_itself() {
        assert_eq!(pattern_glob(&["u\\*_", "[ab]?x*"]).len(), 8);
        assert_eq!(pattern_glob(&["\\*a", ""]), [Some('*'), Some('a'), None]);
        assert_eq!(glob(&["a", "b", ""]), [Some('a'), None, Some('b'), None]);
    }
}
