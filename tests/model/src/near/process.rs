//! A process: its readers, its connection, and what the server does for it.

use super::{
    Action, At, COHERENCE, Command, Copied, DOUBT, FENCE, Fetch, Floor, Item, KEY, Kind, Process,
    Reader, State, System, TAG, Variant,
};
use crate::script::{Moment, NEVER};
use crate::store::Version;

impl Process {
    pub(super) fn with(readers: usize) -> Self {
        let idle = Reader {
            at: At::Idle,
            is_outer: false,
        };
        Self {
            lag: 0,
            is_connected: true,
            tracked: 0,
            sent: Vec::new(),
            queue: Vec::new(),
            heard: None,
            copy: None,
            flag: false,
            readers: vec![idle; readers],
        }
    }

    /// Whether a read that began then may be served from memory.
    fn is_fresh(&self, system: &System, began: Moment) -> bool {
        self.heard.is_some_and(|heard| {
            let is_equal = heard + system.bound == began;
            let counts = system.variant == Variant::EqualMomentsCount;
            heard + system.bound > began || (is_equal && counts)
        })
    }

    fn is_ping_under_way(&self) -> bool {
        let mut sent = self.sent.iter();
        let mut queue = self.queue.iter();
        sent.any(|command| matches!(command, Command::Ping(_)))
            || queue.any(|item| matches!(item, Item::Pong(_)))
    }

    /// Something has changed, or nobody knows.
    fn drop_flags(&mut self) {
        self.flag = false;
        for reader in &mut self.readers {
            if let At::Fetching(_, fetch) | At::Fetched(fetch) = &mut reader.at {
                fetch.is_watched = false;
            }
        }
    }
}

impl State {
    pub(super) fn process_actions(&self, system: &System, actions: &mut Vec<Action>) {
        for (index, process) in self.processes.iter().enumerate() {
            if !process.is_connected {
                actions.push(Action::Reconnect(index));
            } else if self.cuts > 0 {
                actions.push(Action::Cut(index));
            }
            if !process.sent.is_empty() {
                actions.push(Action::Execute(index));
            }
            if !process.queue.is_empty() {
                actions.push(Action::Take(index));
                if system.variant == Variant::RepliesOvertake {
                    actions.push(Action::TakeReply(index));
                }
            }
            for (reader, is) in process.readers.iter().enumerate() {
                match is.at {
                    At::Idle => {
                        actions.push(Action::Start(index, reader));
                        if system.kind == Kind::Nested && self.outer.value.is_none() {
                            actions.push(Action::StartOuter(index, reader));
                        }
                    }
                    At::Started { began, taken, .. } => {
                        let takes = system.variant == Variant::TakesCopyFirst && taken.is_none();
                        if process.is_fresh(system, began) || (takes && process.copy.is_some()) {
                            actions.push(Action::Read(index, reader));
                        } else if process.is_connected && !process.is_ping_under_way() {
                            actions.push(Action::Ping(index));
                        }
                        if system.variant == Variant::PingsElsewhere {
                            actions.push(Action::PingElsewhere(index));
                        }
                        if process.copy.is_none() && process.is_connected {
                            actions.push(Action::Fetch(index, reader));
                        }
                    }
                    At::Fetching(..) => {}
                    _ => actions.push(Action::Read(index, reader)),
                }
            }
        }
    }

    pub(super) fn process(&mut self, system: &System, action: Action) {
        match action {
            Action::Cut(index) => self.cut(index),
            Action::Reconnect(index) => {
                let process = &mut self.processes[index];
                process.is_connected = true;
                process.heard = None;
                if system.variant != Variant::CopySurvivesReconnection {
                    process.copy = None;
                }
                if system.variant != Variant::FlagSurvivesReconnection {
                    process.drop_flags();
                }
            }
            Action::Execute(index) => self.execute(system, index),
            Action::Take(index) => self.take(system, index, 0),
            Action::TakeReply(index) => {
                let mut queue = self.processes[index].queue.iter();
                if let Some(place) = queue.position(|&item| item != Item::Changed) {
                    self.take(system, index, place);
                }
            }
            Action::Ping(index) => {
                let sent = self.local(index);
                self.processes[index].sent.push(Command::Ping(sent));
            }
            Action::PingElsewhere(index) => {
                self.processes[index].heard = Some(self.local(index));
            }
            Action::Start(index, reader) => self.start(index, reader, false),
            Action::StartOuter(index, reader) => {
                if self.may_store() && self.outer.lease.is_none() {
                    self.outer.lease = Some((index, reader));
                }
                self.start(index, reader, true);
            }
            Action::Read(index, reader) => self.read(system, index, reader),
            Action::Fetch(index, reader) => self.fetch(index, reader),
            _ => {}
        }
    }

    fn local(&self, process: usize) -> Moment {
        self.now - self.processes[process].lag
    }

    /// All that is under way is lost. Who waits for it turns to the server in another way.
    fn cut(&mut self, index: usize) {
        self.cuts -= 1;
        let process = &mut self.processes[index];
        process.is_connected = false;
        process.tracked = 0;
        process.sent.clear();
        process.queue.clear();
        for reader in 0..process.readers.len() {
            if matches!(self.processes[index].readers[reader].at, At::Fetching(..)) {
                self.go(index, reader, At::Missed);
            }
        }
    }

    fn go(&mut self, process: usize, reader: usize, at: At) {
        self.processes[process].readers[reader].at = at;
    }

    fn start(&mut self, process: usize, reader: usize, is_outer: bool) {
        let at = At::Started {
            began: self.local(process),
            floor: self.floor,
            taken: None,
        };
        self.processes[process].readers[reader] = Reader { at, is_outer };
    }

    fn read(&mut self, system: &System, index: usize, reader: usize) {
        let process = &self.processes[index];
        let is = process.readers[reader];
        match is.at {
            At::Started {
                began,
                floor,
                taken,
            } => {
                if !process.is_fresh(system, began) || system.variant == Variant::TakesCopyFirst {
                    if let Some(value) = taken {
                        self.serve(index, reader, value, floor);
                    } else {
                        let taken = process.copy.map(|copy| copy.value);
                        let at = At::Started {
                            began,
                            floor,
                            taken,
                        };
                        self.go(index, reader, at);
                        if taken.is_none() && self.processes[index].is_connected {
                            self.fetch(index, reader);
                        }
                    }
                } else {
                    self.go(index, reader, At::Fresh(floor));
                }
            }
            At::Fresh(floor) => {
                if let Some(copy) = process.copy {
                    self.serve(index, reader, copy.value, floor);
                } else if process.is_connected {
                    let at = At::Started {
                        began: 0,
                        floor,
                        taken: None,
                    };
                    self.go(index, reader, at);
                    self.fetch(index, reader);
                } else {
                    self.go(index, reader, At::Missed);
                }
            }
            At::Fetched(fetch) => self.keep(system, index, reader, fetch),
            At::Missed => self.has(index, reader, self.committed),
            At::HasInner(value) => {
                if self.outer.lease == Some((index, reader)) {
                    self.outer.value = Some(value);
                    self.outer.lease = None;
                }
                self.go(index, reader, At::Idle);
            }
            At::Idle | At::Fetching(..) => {}
        }
    }

    /// The caller gets this.
    fn serve(&mut self, index: usize, reader: usize, value: Version, floor: Floor) {
        self.judge(value, floor);
        self.has(index, reader, value);
    }

    fn judge(&mut self, value: Version, floor: Floor) {
        if value < floor.returned {
            self.broken = Some(COHERENCE);
        } else if value < floor.ended {
            self.broken = Some(DOUBT);
        }
    }

    fn has(&mut self, index: usize, reader: usize, value: Version) {
        let is_outer = self.processes[index].readers[reader].is_outer;
        let at = if is_outer {
            At::HasInner(value)
        } else {
            At::Idle
        };
        self.go(index, reader, at);
    }

    fn fetch(&mut self, index: usize, reader: usize) {
        let sent = self.local(index);
        let process = &mut self.processes[index];
        let At::Started { floor, .. } = process.readers[reader].at else {
            return;
        };
        let fetch = Fetch {
            sent,
            found: None,
            life: NEVER,
            is_fenced: false,
            is_watched: true,
        };
        process.readers[reader].at = At::Fetching(floor, fetch);
        process.flag = true;
        process.sent.push(Command::Fetch(reader, 0));
    }

    /// The server executes the next command, and remembers what it has read.
    fn execute(&mut self, system: &System, index: usize) {
        let (now, tag, fence) = (self.now, self.tag, self.first_fence());
        let entry = self.entry;
        let process = &mut self.processes[index];
        let (reader, step) = match process.sent[0] {
            Command::Ping(sent) => {
                process.sent.remove(0);
                process.queue.push(Item::Pong(sent));
                return;
            }
            Command::Fetch(reader, step) => (reader, step),
        };
        let At::Fetching(_, fetch) = &mut process.readers[reader].at else {
            return;
        };
        let life = |ends: Option<Moment>| match ends {
            Some(ends) if ends >= NEVER - 1 => NEVER,
            Some(ends) => ends - now,
            None => 0,
        };
        // Without a tag the two commands that ask for it are left out.
        let is_tagged = system.kind == Kind::Tag;
        match step {
            0 => fetch.found = entry,
            1 => fetch.life = life(entry.map(|entry| entry.ends)),
            2 if is_tagged => {
                let nonce = tag.map(|(nonce, _)| nonce);
                fetch.found = fetch.found.filter(|found| nonce == Some(found.nonce));
            }
            3 if is_tagged => {
                if system.variant != Variant::OutlivesNonce {
                    fetch.life = fetch.life.min(life(tag.map(|(_, ends)| ends)));
                }
            }
            _ => fetch.is_fenced = fence.is_some(),
        }
        process.tracked |= match step {
            0 | 1 => KEY,
            2 | 3 if is_tagged && system.variant == Variant::NonceNotWatched => 0,
            2 | 3 if is_tagged => TAG,
            _ if system.variant == Variant::FenceNotWatched => 0,
            _ => FENCE,
        };
        if step == if is_tagged { 4 } else { 2 } {
            process.sent.remove(0);
            process.queue.push(Item::Fetched(reader));
        } else {
            process.sent[0] = Command::Fetch(reader, step + 1);
        }
    }

    /// The process takes what is at this place of its queue.
    fn take(&mut self, system: &System, index: usize, place: usize) {
        let local = self.local(index);
        let process = &mut self.processes[index];
        let hear = |process: &mut Process, sent: Moment| {
            let at = if system.variant == Variant::HeardAtReply {
                local
            } else {
                sent
            };
            process.heard = process.heard.max(Some(at));
        };
        match process.queue.remove(place) {
            Item::Changed => {
                process.copy = None;
                process.drop_flags();
            }
            Item::Pong(sent) => hear(process, sent),
            Item::Fetched(reader) => {
                let At::Fetching(floor, mut fetch) = process.readers[reader].at else {
                    return;
                };
                hear(process, fetch.sent);
                fetch.is_watched |= system.variant == Variant::WatchesFromReply;
                if system.variant == Variant::LivesFromReply {
                    fetch.sent = local;
                }
                if let Some(found) = fetch.found {
                    self.go(index, reader, At::Fetched(fetch));
                    self.judge(found.value, floor);
                } else {
                    self.go(index, reader, At::Missed);
                }
            }
        }
    }

    fn keep(&mut self, system: &System, index: usize, reader: usize, fetch: Fetch) {
        let process = &mut self.processes[index];
        let is_watched = if system.variant == Variant::SharesFlag {
            process.flag
        } else {
            fetch.is_watched
        };
        let is_fenced = fetch.is_fenced && system.variant != Variant::KeepsUnderFence;
        let Some(found) = fetch.found else {
            return;
        };
        if is_watched && !is_fenced {
            let ends = if system.variant == Variant::OutlivesEntry {
                NEVER
            } else {
                fetch.sent.saturating_add(fetch.life)
            };
            let value = found.value;
            process.copy = Some(Copied { value, ends });
        }
        self.has(index, reader, found.value);
    }
}
