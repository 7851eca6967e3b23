//! Which texts a template can make, as a finite automaton over bytes, and whether two templates can make the same.
//!
//! An automaton accepts at least what its template makes, so two that have no text in common never meet. It accepts
//! more in three ways: values that have to be equal, since a template names one twice, may differ; escapes may stand
//! for any byte; and a value that is hashed for its length may have any hash.

use std::collections::{HashMap, VecDeque};

use super::byte_set::ByteSet;
use super::encode::delimiter;
use super::glob;
use super::values::Values;

/// Of so many globs a pattern may consist before its values are looked for as if they were any text.
const MAX_FORMS: usize = super::pattern::MAX_FORMS;

/// The texts of one template.
#[derive(Debug)]
pub(crate) struct Automaton {
    /// The first is where a text begins.
    states: Vec<State>,
    /// Where it may end. Nothing where the template can't make any text.
    end: Option<usize>,
}

#[derive(Debug, Default)]
struct State {
    /// What the next byte leads to.
    on: Vec<(ByteSet, usize)>,
    /// What can be gone on from without a byte.
    free: Vec<usize>,
}

impl Automaton {
    /// The keys, or tags, of a template with these literals around these values.
    pub(crate) fn of_key(literals: &[impl AsRef<str>], values: &[Values]) -> Self {
        let mut built = Builder::default();
        let mut literals = literals.iter().map(AsRef::as_ref);
        built.text(literals.next().unwrap_or_default());
        for (literal, values) in literals.zip(values) {
            built.value_before(literal, *values);
            built.text(literal);
        }
        built.finish()
    }

    /// The keys that a pattern of such a template removes. Its literals have wildcards.
    pub(crate) fn of_pattern(literals: &[impl AsRef<str>], values: &[Values]) -> Self {
        let mut built = Builder::default();
        let literals: Vec<&str> = literals.iter().map(AsRef::as_ref).collect();
        let is_any_text = has_too_many_forms(&literals, values);
        for (at, literal) in literals.iter().enumerate() {
            match at.checked_sub(1).map(|before| values[before]) {
                Some(_) if is_any_text => built.any_text(),
                Some(values) => built.value_in_pattern(glob::known_text(literal), values),
                None => {}
            }
            if !built.glob(literal.as_bytes(), at + 1 == literals.len()) {
                break;
            }
        }
        built.finish()
    }

    /// A text that both accept, if there is one.
    pub(crate) fn common(&self, other: &Self) -> Option<String> {
        let ends = (self.end?, other.end?);
        let start = (0, 0);
        let mut reached_from = HashMap::from([(start, None)]);
        let mut next = VecDeque::from([start]);
        while let Some(pair) = next.pop_front() {
            if pair == ends {
                return Some(way_to(pair, &reached_from));
            }
            for (to, byte) in self.steps(other, pair) {
                reached_from.entry(to).or_insert_with(|| {
                    next.push_back(to);
                    Some((pair, byte))
                });
            }
        }
        None
    }

    /// Where two automata can go together from a state of each, and with which byte.
    fn steps(&self, other: &Self, (one, two): Pair) -> Vec<(Pair, Option<u8>)> {
        let (one_state, two_state) = (&self.states[one], &other.states[two]);
        let mut steps = Vec::new();
        steps.extend(one_state.free.iter().map(|&to| ((to, two), None)));
        steps.extend(two_state.free.iter().map(|&to| ((one, to), None)));
        for (bytes, one) in &one_state.on {
            for (others, two) in &two_state.on {
                if let Some(byte) = bytes.and(others).most_readable() {
                    steps.push(((*one, *two), Some(byte)));
                }
            }
        }
        steps
    }
}

/// A state of each of two automata.
type Pair = (usize, usize);

/// The text on the way to this pair.
fn way_to(mut pair: Pair, reached_from: &HashMap<Pair, Option<(Pair, Option<u8>)>>) -> String {
    let mut bytes = Vec::new();
    while let Some(&Some((before, byte))) = reached_from.get(&pair) {
        bytes.extend(byte);
        pair = before;
    }
    bytes.reverse();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Whether there are values of which a pattern has more forms than are compared: it then finds what its glob for the
/// server finds, in which a `*` stands for them.
fn has_too_many_forms(literals: &[&str], values: &[Values]) -> bool {
    let forms = literals
        .iter()
        .skip(1)
        .zip(values)
        .map(|(literal, values)| {
            let known = glob::known_text(literal);
            match values {
                Values::Hash => 1,
                _ if known.contains(':') => 1,
                _ if !known.is_empty() => 2,
                // One for each byte that may have to be encoded, and two more.
                _ => super::part::MAX_VALUE_LEN + 2,
            }
        });
    forms.fold(1, usize::saturating_mul) > MAX_FORMS
}

/// An automaton that is being built: a chain, from one template's segment to the next.
struct Builder {
    states: Vec<State>,
    /// Where the next segment begins.
    at: usize,
    /// Whether any text comes this far.
    is_dead: bool,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            states: vec![State::default()],
            at: 0,
            is_dead: false,
        }
    }
}

impl Builder {
    fn finish(self) -> Automaton {
        Automaton {
            end: (!self.is_dead).then_some(self.at),
            states: self.states,
        }
    }

    fn state(&mut self) -> usize {
        self.states.push(State::default());
        self.states.len() - 1
    }

    fn on(&mut self, from: usize, bytes: ByteSet, to: usize) {
        if !bytes.is_empty() {
            self.states[from].on.push((bytes, to));
        }
    }

    /// One byte of these.
    fn byte(&mut self, bytes: ByteSet) {
        let to = self.state();
        self.on(self.at, bytes, to);
        self.at = to;
    }

    fn text(&mut self, text: &str) {
        for byte in text.bytes() {
            self.byte(ByteSet::of(&[byte]));
        }
    }

    /// Any text, or none, in a state of its own: what is in front may be repeated.
    fn any_text(&mut self) {
        let to = self.state();
        self.states[self.at].free.push(to);
        self.on(to, ByteSet::ALL, to);
        self.at = to;
    }

    /// A value of a key, up to this literal. See `encode`: the literal's delimiter isn't found in it.
    fn value_before(&mut self, literal: &str, values: Values) {
        let delimiter = delimiter(literal).as_bytes();
        if self.written_as_it_is(values, delimiter.first().copied()) {
            return;
        }
        let search = Search::new(delimiter);
        let digits = match delimiter.first() {
            Some(b'0'..=b'9' | b'A'..=b'F') => ByteSet::ESCAPE_DIGITS,
            _ => ByteSet::HEXADECIMAL,
        };
        let plain = match delimiter {
            [] => ByteSet::PLAIN,
            _ => ByteSet::PLAIN.without(b':'),
        };
        let start = self.at;
        let hash = self.encoded_text(&search, plain, digits);
        if values == Values::Unknown {
            self.states[start].free.push(hash);
        }
    }

    /// A value of a pattern, in front of what is known of the text that follows it.
    fn value_in_pattern(&mut self, known: &str, values: Values) {
        // Where nothing is known, digits may be escaped.
        let first = known.bytes().next().unwrap_or(b'0');
        if self.written_as_it_is(values, Some(first)) {
            return;
        }
        let plain = match known {
            "" => ByteSet::PLAIN,
            _ => ByteSet::PLAIN.without(b':'),
        };
        self.encoded_text(&Search::new(b""), plain, ByteSet::ESCAPE_DIGITS);
    }

    /// A value of which no byte is ever escaped: whether it is one, in front of a literal that begins with this byte.
    fn written_as_it_is(&mut self, values: Values, follows: Option<u8>) -> bool {
        let may_be_escaped = |bytes: ByteSet| follows.is_some_and(|byte| bytes.contains(byte));
        match values {
            Values::Hash => {
                self.lowercase_hexadecimal(64);
                true
            }
            Values::Uuid if !may_be_escaped(ByteSet::LOWERCASE_HEXADECIMAL.with(b'-')) => {
                for (at, length) in [8, 4, 4, 4, 12].into_iter().enumerate() {
                    if at > 0 {
                        self.text("-");
                    }
                    self.lowercase_hexadecimal(length);
                }
                true
            }
            Values::Integer if !may_be_escaped(ByteSet::DIGITS.with(b'-')) => {
                let (signed, digits) = (self.state(), self.state());
                self.on(self.at, ByteSet::of(b"-"), signed);
                for from in [self.at, signed, digits] {
                    self.on(from, ByteSet::DIGITS, digits);
                }
                self.at = digits;
                true
            }
            Values::Integer | Values::Uuid | Values::Text | Values::Unknown => false,
        }
    }

    fn lowercase_hexadecimal(&mut self, length: usize) {
        for _ in 0..length {
            self.byte(ByteSet::LOWERCASE_HEXADECIMAL);
        }
    }

    /// Plain bytes and escapes in which the search finds nothing too early; `%-`; or `%~` and a hash. Returns where that
    /// hash begins.
    fn encoded_text(&mut self, search: &Search, plain: ByteSet, digits: ByteSet) -> usize {
        let (start, end) = (self.at, self.state());
        self.text("%");
        let marked = self.at;
        self.on(marked, ByteSet::of(b"-"), end);
        self.text("~");
        let hash = self.at;
        self.lowercase_hexadecimal(64);
        self.states[self.at].free.push(end);

        // For each state of the search, those within no escape, behind its `%`, and behind its first digit.
        let first = self.states.len();
        let state = |found: usize, phase: usize| first + 3 * found + phase;
        for _ in 0..3 * search.len() {
            self.state();
        }
        self.states[start].free.push(first);
        for found in 0..search.len() {
            let phases = [
                (plain, 0, 0),
                (ByteSet::of(b"%"), 0, 1),
                (digits, 1, 2),
                (digits, 2, 0),
            ];
            for (bytes, next) in search.steps(found) {
                for (of_phase, from, to) in phases {
                    self.on(state(found, from), bytes.and(&of_phase), state(next, to));
                }
            }
            if search.may_end_at(found) {
                self.states[state(found, 0)].free.push(end);
            }
        }
        self.at = end;
        hash
    }

    /// A part of a glob. `false` if nothing can be said of what comes behind: it was taken for any text.
    fn glob(&mut self, mut glob: &[u8], is_last: bool) -> bool {
        while !glob.is_empty() {
            if glob[0] == b'*' {
                self.any_text();
                glob = &glob[1..];
                continue;
            }
            if !is_last && glob::is_open(glob) {
                self.any_text();
                return false;
            }
            let mut bytes = ByteSet::NONE;
            let mut length = None;
            for byte in 0..=u8::MAX {
                if let Some(matched) = glob::one(glob, byte) {
                    bytes = bytes.with(byte);
                    length = Some(matched);
                }
            }
            let Some(length) = length else {
                self.is_dead = true;
                return false;
            };
            self.byte(bytes);
            glob = &glob[length..];
        }
        true
    }
}

/// Looks for a delimiter, byte by byte (Knuth, Morris and Pratt). A state is how much of it was just read.
struct Search {
    delimiter: Vec<u8>,
    /// What each byte leads to from each state, but for the last.
    next: Vec<[usize; 256]>,
}

impl Search {
    fn new(delimiter: &[u8]) -> Self {
        let mut next: Vec<[usize; 256]> = Vec::new();
        // Where the search would be if it had begun one byte later.
        let mut later = 0;
        for (at, &byte) in delimiter.iter().enumerate() {
            let mut row = if at == 0 { [0; 256] } else { next[later] };
            if at > 0 {
                later = row[usize::from(byte)];
            }
            row[usize::from(byte)] = at + 1;
            next.push(row);
        }
        Self {
            delimiter: delimiter.to_vec(),
            next,
        }
    }

    /// How many states there are in which nothing was found. Where nothing is looked for, there is one.
    fn len(&self) -> usize {
        self.next.len().max(1)
    }

    /// What leads to which state in which nothing was found.
    fn steps(&self, state: usize) -> Vec<(ByteSet, usize)> {
        let Some(row) = self.next.get(state) else {
            return vec![(ByteSet::ALL, state)];
        };
        let mut steps: Vec<(ByteSet, usize)> = Vec::new();
        for (byte, &to) in (0..=u8::MAX).zip(row).filter(|&(_, &to)| to < self.len()) {
            match steps.iter_mut().find(|(_, other)| *other == to) {
                Some((bytes, _)) => *bytes = bytes.with(byte),
                None => steps.push((ByteSet::of(&[byte]), to)),
            }
        }
        steps
    }

    /// Whether the delimiter, if it follows here, is first found where it ends.
    fn may_end_at(&self, mut state: usize) -> bool {
        self.delimiter.iter().enumerate().all(|(at, &byte)| {
            state = self.next[state][usize::from(byte)];
            state < self.delimiter.len() || at + 1 == self.delimiter.len()
        })
    }
}

#[cfg(test)]
mod tests;
