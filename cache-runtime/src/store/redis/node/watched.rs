//! What a server tells of over a connection that it tracks: each name that was read there, when it changes next.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use deadpool_redis::redis::{PushInfo, PushKind, Value};
use parking_lot::Mutex;

use crate::util::heap::{allocated, in_table};

/// Names are tidied up no earlier than when there are so many.
const MIN_TO_TIDY: usize = 1024;

/// Whether anything that somebody has read has changed since.
#[derive(Debug, Default)]
pub(in crate::store::redis) struct Unchanged(AtomicBool);

impl Unchanged {
    pub(in crate::store::redis) fn still(&self) -> bool {
        !self.0.load(Ordering::Acquire)
    }

    /// Something has.
    pub(in crate::store::redis) fn ended() -> Self {
        Self(AtomicBool::new(true))
    }

    pub(in crate::store::redis) fn end(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// It is read again, by whoever has had it watched before.
    pub(in crate::store::redis) fn begin_anew(&self) {
        self.0.store(false, Ordering::Release);
    }
}

/// The names that somebody watches over one connection.
#[derive(Default)]
pub(super) struct Watched {
    names: Mutex<Names>,
    /// Nothing is told any more.
    is_over: AtomicBool,
}

#[derive(Default)]
struct Names {
    watchers: HashMap<String, Vec<Weak<Unchanged>>>,
    /// So many names were left when they were tidied up last.
    left: usize,
}

/// What it takes to watch a name of so many bytes, which has more in front of it where it is a fence's. Some that nobody
/// watches any more may be there as well, until they are tidied up.
pub(in crate::store::redis) fn watch_bytes(name: usize) -> usize {
    const FIRST: usize = 4;
    in_table::<(String, Vec<Weak<Unchanged>>)>()
        + allocated(name + 32)
        + allocated(FIRST * size_of::<Weak<Unchanged>>())
}

impl Watched {
    /// To be called before the names are read: what changes meanwhile would not be told of again.
    pub(super) fn watch(&self, names: impl IntoIterator<Item = String>, watcher: &Arc<Unchanged>) {
        let mut known = self.names.lock();
        if self.is_over() {
            return watcher.end();
        }
        if known.watchers.len() >= MIN_TO_TIDY.max(2 * known.left) {
            known.tidy();
        }
        for name in names {
            let watchers = known.watchers.entry(name).or_default();
            // A tag may have many, one after the other.
            if watchers.len() == watchers.capacity() {
                watchers.retain(|watcher| watcher.strong_count() > 0);
            }
            watchers.push(Arc::downgrade(watcher));
        }
    }

    /// Takes note of what the server tells.
    pub(super) fn note(&self, push: &PushInfo) {
        match (&push.kind, push.data.as_slice()) {
            (PushKind::Invalidate, [Value::Array(names)]) => {
                for name in names {
                    match name {
                        Value::BulkString(name) => self.changed(name),
                        // Nonsense: anything may be meant.
                        _ => self.all_changed(),
                    }
                }
            }
            // `FLUSHALL`, or nonsense.
            (PushKind::Invalidate, _) => self.all_changed(),
            (PushKind::Disconnection, _) => self.end(),
            _ => {}
        }
    }

    fn changed(&self, name: &[u8]) {
        let Ok(name) = str::from_utf8(name) else {
            // None of ours.
            return;
        };
        let watchers = self.names.lock().watchers.remove(name);
        tell(watchers.into_iter().flatten());
    }

    fn all_changed(&self) {
        let watchers = std::mem::take(&mut self.names.lock().watchers);
        tell(watchers.into_values().flatten());
    }

    /// Nothing will be told any more.
    pub(super) fn end(&self) {
        // Who watches from now on finds out by itself, or is told with the others.
        self.is_over.store(true, Ordering::Release);
        self.all_changed();
    }

    pub(super) fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Acquire)
    }
}

impl Names {
    /// Forgets what nobody watches.
    fn tidy(&mut self) {
        self.watchers.retain(|_, watchers| {
            watchers.retain(|watcher| watcher.strong_count() > 0);
            !watchers.is_empty()
        });
        self.left = self.watchers.len();
    }
}

fn tell(watchers: impl Iterator<Item = Weak<Unchanged>>) {
    for watcher in watchers.filter_map(|watcher| watcher.upgrade()) {
        watcher.end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn invalidate(data: Vec<Value>) -> PushInfo {
        PushInfo {
            kind: PushKind::Invalidate,
            data,
        }
    }

    fn changed(name: &[u8]) -> PushInfo {
        invalidate(vec![Value::Array(vec![Value::BulkString(name.to_vec())])])
    }

    fn watch(watched: &Watched, names: &[&str]) -> Arc<Unchanged> {
        let unchanged = Arc::default();
        watched.watch(names.iter().map(|&name| name.to_owned()), &unchanged);
        unchanged
    }

    #[test]
    fn a_name_that_changes_ends_what_was_read_of_it_before() {
        let watched = Watched::default();
        let (one, both) = (watch(&watched, &["a"]), watch(&watched, &["a", "b"]));
        watched.note(&changed(b"c"));
        watched.note(&changed(b"\xff"));
        assert!(one.still() && both.still());
        watched.note(&changed(b"b"));
        assert!(one.still() && !both.still());
        watched.note(&changed(b"a"));
        assert!(!one.still());
        assert!(watch(&watched, &["a"]).still(), "it was read since");
    }

    #[test]
    fn what_can_not_be_understood_may_mean_everything() {
        for data in [
            vec![Value::Nil],
            vec![],
            vec![Value::Array(vec![Value::Int(1)])],
        ] {
            let watched = Watched::default();
            let unchanged = watch(&watched, &["a"]);
            watched.note(&invalidate(data));
            assert!(!unchanged.still());
        }
    }

    #[test]
    fn nothing_is_watched_over_a_connection_that_is_over() {
        let watched = Watched::default();
        let before = watch(&watched, &["a"]);
        watched.note(&PushInfo {
            kind: PushKind::Disconnection,
            data: vec![],
        });
        assert!(watched.is_over());
        assert!(!before.still() && !watch(&watched, &["a"]).still());
    }

    #[test]
    fn names_that_nobody_watches_any_more_are_forgotten() {
        let watched = Watched::default();
        let kept = watch(&watched, &["kept", "tag"]);
        for number in 0..10 * MIN_TO_TIDY {
            watch(&watched, &[&number.to_string(), "tag"]);
        }
        let names = watched.names.lock();
        assert!(
            names.watchers.len() <= 2 * MIN_TO_TIDY,
            "{}",
            names.watchers.len()
        );
        assert!(names.watchers["tag"].len() <= 2 * MIN_TO_TIDY);
        assert!(kept.still() && names.watchers.contains_key("kept"));
    }
}
