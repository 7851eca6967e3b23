//! In debug builds, what writes name and no read ever stores: a typo in a prefix removes nothing, and nothing else
//! shows it.
//!
//! Templates are compared, and not what they make: a write may well name an entry that nobody has read. A placeholder
//! stands for any text, so a write is told of only where it could never meet a read.

use std::collections::{HashMap, HashSet};
use std::panic::Location;
use std::sync::LazyLock;

use parking_lot::Mutex;

use super::automaton::Automaton;
use super::from_template::{FromTemplate, Literals};
use super::pattern::Pattern;
use super::values::Values;
use crate::error::CacheError;
use crate::log;

/// A write may come before the first read. So many times it names what nobody has stored before the log is told.
const WRITES: u32 = 16;

/// So many keys are remembered that were stored by hand, and so many tags. If there are more, nothing is told of them.
const MAX_BY_HAND: usize = 1000;

static SEEN: LazyLock<Mutex<Seen>> = LazyLock::new(Mutex::default);

/// As many as the program has templates, but for what is by hand.
#[derive(Default)]
struct Seen {
    /// The templates of what reads store.
    keys: Stored,
    tags: Stored,
    written: HashMap<(Kind, Literals, &'static Location<'static>), Written>,
}

#[derive(Default)]
struct Stored {
    literals: HashSet<Literals>,
    /// What was stored by hand.
    by_hand: HashSet<String>,
    texts: Vec<Automaton>,
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
    seen.keys.note(key);
    for tag in tags {
        seen.tags.note(tag);
    }
}

/// A key is set by hand.
pub(crate) fn note_set(key: &str) {
    SEEN.lock().keys.note_by_hand(key);
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
    fn note(&mut self, name: &FromTemplate<String>) {
        match name.literals() {
            [] => self.note_by_hand(name.made()),
            literals => self.add(literals),
        }
    }

    fn note_by_hand(&mut self, name: &str) {
        if self.by_hand.len() < MAX_BY_HAND {
            if self.by_hand.insert(name.to_owned()) {
                self.texts.push(Automaton::of_key(&[name], &[]));
            }
        } else if self.by_hand.insert(String::new()) {
            // There may be any, from now on.
            self.texts.push(Automaton::of_pattern(&["*"], &[]));
        }
    }

    fn add(&mut self, literals: Literals) {
        if self.literals.insert(literals) {
            let values = unknown_values(literals);
            self.texts.push(Automaton::of_key(literals, &values));
        }
    }
}

impl Written {
    /// Whether it is time to tell.
    fn is_never_stored(&mut self, kind: Kind, literals: Literals, stored: &Stored) -> bool {
        // What a process writes that reads nothing, others read.
        if self.is_settled || stored.texts.is_empty() {
            return false;
        }
        let new = &stored.texts[self.compared..];
        self.compared = stored.texts.len();
        if !new.is_empty() {
            let values = unknown_values(literals);
            let own = match kind {
                Kind::Key | Kind::Tag => Automaton::of_key(literals, &values),
                Kind::Pattern => Automaton::of_pattern(literals, &values),
            };
            self.is_settled = new.iter().any(|other| own.common(other).is_some());
        }
        self.times += 1;
        let is_time = !self.is_settled && self.times >= WRITES;
        self.is_settled |= is_time;
        is_time
    }
}

fn unknown_values(literals: Literals) -> Vec<Values> {
    vec![Values::Unknown; literals.len().saturating_sub(1)]
}

/// As it was written, but for the names of its placeholders.
fn template(literals: Literals) -> String {
    literals.join("{}")
}
