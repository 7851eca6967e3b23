//! A read of an entry, which reads the next.

use super::{At, Fence, Frame, Named, State, System, Variant};
use crate::store::Version;

impl State {
    /// Lets a reader take its next step; false if it can't.
    pub(super) fn read(&mut self, system: &System, reader: usize) -> bool {
        let Some(&frame) = self.readers[reader].last() else {
            return false;
        };
        let index = frame.entry;
        let entry = self.entries[index];
        let named = system.entries[index];
        let is_last = index + 1 == system.entries.len();
        match frame.at {
            At::Get => match (entry.value, named) {
                (Some(value), Named::Tag) => {
                    self.go(reader, At::HasEntry(value), |frame| frame.is_current = true);
                }
                (Some(value), _) => self.return_value(reader, value),
                (None, _) => self.miss(system, reader),
            },
            At::HasEntry(value) if frame.is_current => self.return_value(reader, value),
            At::HasEntry(_) => self.miss(system, reader),
            At::JoinTag if entry.is_closed(system) => self.run(system, reader, At::RunningUncached),
            At::JoinTag => {
                for other in system.under_tag_of(index) {
                    self.entries[other].has_nonce = true;
                }
                self.go(reader, At::BeginFill, |frame| frame.is_current = true);
            }
            At::LookFirst if self.is_registered(system, index) => {
                self.run(system, reader, At::RunningUncached);
            }
            At::LookFirst => self.go(reader, At::BeginFill, |_| ()),
            At::BeginFill => self.begin_fill(system, reader, frame),
            At::Look if self.is_registered(system, index) => {
                self.give_back(index, reader);
                self.run(system, reader, At::RunningUncached);
            }
            At::Look => self.run(system, reader, At::Running),
            At::Running if is_last => {
                let value = self.committed;
                self.go(reader, At::Loaded(value), |_| ());
            }
            At::RunningUncached if is_last => {
                let value = self.committed;
                self.return_value(reader, value);
            }
            At::Running | At::RunningUncached => return false,
            At::Loaded(value) => {
                self.fill(system, reader, frame, value);
                self.return_value(reader, value);
            }
        }
        true
    }

    fn go(&mut self, reader: usize, at: At, change: impl FnOnce(&mut Frame)) {
        if let Some(frame) = self.readers[reader].last_mut() {
            frame.at = at;
            change(frame);
        }
    }

    fn miss(&mut self, system: &System, reader: usize) {
        let named = self.readers[reader]
            .last()
            .map(|frame| system.entries[frame.entry]);
        let at = match named {
            Some(Named::Tag) => At::JoinTag,
            Some(Named::Pattern) if system.variant == Variant::LooksBeforeGrant => At::LookFirst,
            _ => At::BeginFill,
        };
        self.go(reader, at, |frame| frame.is_current = false);
    }

    /// The function begins, and reads the next entry if there is one.
    fn run(&mut self, system: &System, reader: usize, at: At) {
        self.go(reader, at, |_| ());
        let next = self.readers[reader].last().map_or(0, |frame| frame.entry) + 1;
        if next < system.entries.len() {
            self.readers[reader].push(Frame::of(next));
        }
    }

    fn is_registered(&self, system: &System, entry: usize) -> bool {
        self.registered[system.server(entry)] > 0
    }

    fn begin_fill(&mut self, system: &System, reader: usize, frame: Frame) {
        let index = frame.entry;
        let (entry, named) = (self.entries[index], system.entries[index]);
        if let Some(value) = entry.value
            && (named != Named::Tag || frame.is_current)
        {
            return self.return_value(reader, value);
        }
        let is_pattern = named == Named::Pattern;
        let is_closed = named == Named::Key && entry.is_closed(system);
        // On one server the script sees the registrations.
        let is_registered = is_pattern && !system.is_spread && self.is_registered(system, index);
        if is_closed || is_registered || entry.lease.is_some() {
            return self.run(system, reader, At::RunningUncached);
        }
        self.entries[index].lease = Some(reader);
        let is_capped = named == Named::Key && entry.fence == Some(Fence::Standing);
        self.go(reader, At::Look, |frame| frame.is_capped = is_capped);
        if !(is_pattern && system.is_spread) || system.variant == Variant::LooksBeforeGrant {
            self.run(system, reader, At::Running);
        }
    }

    fn give_back(&mut self, entry: usize, reader: usize) {
        let lease = &mut self.entries[entry].lease;
        *lease = lease.filter(|&holder| holder != reader);
    }

    fn fill(&mut self, system: &System, reader: usize, frame: Frame, value: Version) {
        let entry = &mut self.entries[frame.entry];
        if entry.lease != Some(reader) {
            return;
        }
        entry.lease = None;
        let is_too_late = frame.is_capped && entry.fence != Some(Fence::Standing);
        let is_void = system.entries[frame.entry] == Named::Tag && !frame.is_current;
        if is_void {
            entry.value = None;
        } else if !is_too_late {
            (entry.value, entry.is_capped) = (Some(value), frame.is_capped);
        }
    }

    /// The read on top is over, and so are those below it that store nothing.
    fn return_value(&mut self, reader: usize, value: Version) {
        let frames = &mut self.readers[reader];
        frames.pop();
        while frames
            .last()
            .is_some_and(|frame| frame.at == At::RunningUncached)
        {
            frames.pop();
        }
        if let Some(frame) = frames.last_mut() {
            frame.at = At::Loaded(value);
        }
    }
}

impl super::Entry {
    /// Whether nothing may be stored here, or under its tag.
    fn is_closed(&self, system: &System) -> bool {
        let is_marked = self.closed > 0 && system.variant != Variant::IgnoresMarks;
        is_marked || self.fence == Some(Fence::Closing)
    }
}
