//! The JSON of an entry, and what is known of it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use twox_hash::XxHash3_128;

use crate::util::heap::{allocated, shared};

/// The JSON of an entry, or the entry as it is stored, with what is known of the JSON in it.
///
/// A hit of an entry that stays in this process needs nothing that a hit before it has found out.
#[derive(Clone, Debug, Default)]
pub struct Body {
    bytes: Bytes,
    known: Known,
}

/// As bytes, which make what has them no larger than they are.
type Digest = [u8; size_of::<u128>()];

/// What is known of a JSON.
#[derive(Clone, Debug)]
enum Known {
    /// Of an entry that is elsewhere: its digest, once that is needed.
    Digest(Option<Digest>),
    /// Of a hit of one that stays here: its digest, and whose type's JSON it is.
    Read(Digest, Reader),
    /// Of one that stays here. Shared by all that have the JSON from it.
    Shared(Arc<Memo>),
}

impl Default for Known {
    fn default() -> Self {
        Self::Digest(None)
    }
}

/// What all hits of an entry know of its JSON.
#[derive(Debug, Default)]
struct Memo {
    digest: OnceLock<Digest>,
    /// The function that has found it to be its own type's JSON; 0 before there was one. From then on hits know of it, and
    /// of no other.
    reader: AtomicUsize,
}

impl Memo {
    fn reader(&self) -> Reader {
        // There is nothing else that would have to be seen with it.
        Reader(self.reader.load(Ordering::Relaxed))
    }

    /// All of it, if there is nothing more to find out.
    fn known(&self) -> Option<Known> {
        let (digest, reader) = (self.digest.get()?, self.reader());
        (reader != Reader(0)).then_some(Known::Read(*digest, reader))
    }
}

/// The function that reads a type, which stands for the type.
///
/// Where the compiler has made one function of two that do the same, what was right for one type is right for the
/// other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reader(pub(super) usize);

impl Body {
    /// For an entry that stays in this process, all hits of which share what they find out.
    pub(crate) fn kept(bytes: Bytes) -> Self {
        let known = Known::Shared(Arc::default());
        Self { bytes, known }
    }

    /// What a hit has of an entry that stays in this process. What is known is copied once it is complete: to share it would
    /// have all who read an entry write to one place more.
    pub(crate) fn for_hit(&self) -> Self {
        let known = match &self.known {
            Known::Shared(memo) => memo.known(),
            _ => None,
        };
        Self {
            bytes: self.bytes.clone(),
            known: known.unwrap_or_else(|| self.known.clone()),
        }
    }

    pub(crate) fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    pub(crate) fn into_bytes(self) -> Bytes {
        self.bytes
    }

    /// What it takes of the heap, where nobody else has it, and its bytes are all of what was allocated for them.
    pub(crate) fn allocated(&self) -> usize {
        let known = match &self.known {
            Known::Shared(_) => shared::<Memo>(),
            Known::Digest(_) | Known::Read(..) => 0,
        };
        bytes_allocated(&self.bytes) + known
    }

    /// The JSON in this entry.
    pub(crate) fn with_json(&self, json: Bytes) -> Self {
        let known = match &self.known {
            Known::Digest(_) => Known::default(),
            known => known.clone(),
        };
        Self { bytes: json, known }
    }

    /// The same as far as its digest goes: without the bytes, where that is known, or is made once for all.
    pub(crate) fn for_digest(&self) -> Self {
        if let Known::Digest(None) = self.known {
            return self.clone();
        }
        Self {
            bytes: Bytes::new(),
            known: Known::Digest(Some(self.known_digest())),
        }
    }

    /// What tells one JSON from another, the same in every process.
    pub(crate) fn digest(&self) -> u128 {
        u128::from_ne_bytes(self.known_digest())
    }

    fn known_digest(&self) -> Digest {
        match &self.known {
            Known::Shared(memo) => *memo.digest.get_or_init(|| digest(&self.bytes)),
            Known::Read(digest, _) => *digest,
            Known::Digest(known) => known.unwrap_or_else(|| digest(&self.bytes)),
        }
    }

    /// Makes its digest once for all who have it from this.
    pub(super) fn remember_digest(&mut self) {
        if let Known::Digest(known) = &mut self.known {
            known.get_or_insert_with(|| digest(&self.bytes));
        }
    }

    /// Whether this is the function that is known to have found it to be its own type's JSON.
    pub(super) fn was_read_by(&self, reader: Reader) -> bool {
        match &self.known {
            Known::Shared(memo) => memo.reader() == reader,
            Known::Read(_, own) => *own == reader,
            Known::Digest(_) => false,
        }
    }

    /// Remembers that this function has found it to be its own type's JSON.
    pub(super) fn note_reader(&self, reader: Reader) {
        if let Known::Shared(memo) = &self.known {
            memo.reader.store(reader.0, Ordering::Relaxed);
        }
    }
}

impl From<Bytes> for Body {
    /// Of which nothing is known.
    fn from(bytes: Bytes) -> Self {
        let known = Known::default();
        Self { bytes, known }
    }
}

/// The same of bytes. As soon as somebody else has had them, their owners are counted.
pub(crate) fn bytes_allocated(bytes: &Bytes) -> usize {
    allocated(bytes.len()) + shared::<usize>()
}

fn digest(json: &[u8]) -> Digest {
    #[cfg(test)]
    tests::count();
    XxHash3_128::oneshot(json).to_ne_bytes()
}

#[cfg(test)]
pub(crate) mod tests {
    use std::cell::Cell;

    use super::*;

    thread_local! {
        static DIGESTS: Cell<u32> = const { Cell::new(0) };
    }

    /// How many were made in this thread.
    pub(crate) fn digests() -> u32 {
        DIGESTS.get()
    }

    pub(super) fn count() {
        DIGESTS.set(DIGESTS.get() + 1);
    }

    #[test]
    fn what_is_known_of_an_entry_is_known_wherever_its_json_went() {
        let json = Bytes::from_static(b"[1]");
        let before = digests();
        let entry = Body::kept(json.clone());
        let digest = entry.clone().digest();
        assert_eq!(entry.with_json(json.clone()).digest(), digest);
        assert_eq!(digests(), before + 1);
        for reader in [Reader(1), Reader(2)] {
            assert!(!entry.was_read_by(reader));
            entry.clone().note_reader(reader);
            assert!(entry.was_read_by(reader));
        }
        assert!(!entry.was_read_by(Reader(1)), "one at a time");
        let hit = entry.for_hit();
        assert!(hit.was_read_by(Reader(2)) && !hit.was_read_by(Reader(1)));
        assert!(matches!(hit.known, Known::Read(..)));
        for body in [
            hit.with_json(json.clone()),
            hit.for_digest(),
            entry.for_digest(),
        ] {
            assert_eq!(body.digest(), digest);
        }
        assert_eq!(digests(), before + 1);
        assert!(!Body::kept(json).was_read_by(Reader(2)), "another entry");
    }

    #[test]
    fn what_comes_from_elsewhere_is_known_once_it_is_needed() {
        let mut fetched = Body::from(Bytes::from_static(b"[1]"));
        let before = digests();
        fetched.note_reader(Reader(1));
        assert!(!fetched.was_read_by(Reader(1)));
        assert_eq!(fetched.digest(), fetched.digest());
        assert_eq!(digests(), before + 2);
        fetched.remember_digest();
        assert_eq!(fetched.digest(), fetched.clone().digest());
        assert_eq!(digests(), before + 3);
    }
}
