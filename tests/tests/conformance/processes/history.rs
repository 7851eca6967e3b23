//! What the processes of a soak have done, in one order, and whether it may be: each row is a *regular register*
//! (L. Lamport, "On interprocess communication"). A read sees the newest write that had returned before it began, or a
//! later one.

use std::collections::BTreeMap;
use std::fmt;

use cache_runtime::Cache;
use cache_testkit::RedisServer;

use super::{count, run};

/// Where the history lies.
const HISTORY: &str = "history";

/// So much of it is fetched at once.
const PAGE: usize = 10_000;

/// What a process has seen, or done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// A read that began then saw this version.
    Read { id: u64, begun: u64, seen: u64 },
    /// A write of this version had returned then.
    Written {
        id: u64,
        returned: u64,
        version: u64,
    },
}

impl Event {
    /// Tells the database, which all processes share.
    pub(super) async fn record(self, database: &Cache) {
        let text = self.to_string();
        run(database, "RPUSH", HISTORY, &[&text]).await;
    }

    fn parse(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        let kind = words.next()?;
        let mut number = || words.next()?.parse().ok();
        let (id, at, version) = (number()?, number()?, number()?);
        match kind {
            "read" => Some(Self::Read {
                id,
                begun: at,
                seen: version,
            }),
            "written" => Some(Self::Written {
                id,
                returned: at,
                version,
            }),
            _ => None,
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read { id, begun, seen } => write!(f, "read {id} {begun} {seen}"),
            Self::Written {
                id,
                returned,
                version,
            } => write!(f, "written {id} {returned} {version}"),
        }
    }
}

/// A moment that is later than all that were asked for before.
pub(super) async fn now(database: &Cache) -> u64 {
    count(database, "clock").await
}

/// What a history shows.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) reads: usize,
    pub(super) writes: usize,
    /// Reads that saw less than they had to.
    pub(super) violations: Vec<Event>,
}

pub(super) fn judge(history: &[Event]) -> Verdict {
    let mut verdict = Verdict::default();
    // Of each row, the least version that may be seen from a moment on.
    let mut floors: BTreeMap<u64, BTreeMap<u64, u64>> = BTreeMap::new();
    for event in history {
        if let Event::Written {
            id,
            returned,
            version,
        } = *event
        {
            verdict.writes += 1;
            floors.entry(id).or_default().insert(returned, version);
        }
    }
    for floors in floors.values_mut() {
        let mut highest = 0;
        for version in floors.values_mut() {
            highest = highest.max(*version);
            *version = highest;
        }
    }
    for event in history {
        if let Event::Read { id, begun, seen } = *event {
            verdict.reads += 1;
            let floors = floors.get(&id);
            let floor = floors.and_then(|floors| floors.range(..begun).next_back());
            if floor.is_some_and(|(_, floor)| seen < *floor) {
                verdict.violations.push(*event);
            }
        }
    }
    verdict
}

/// The whole history that this database was told.
pub(super) fn read(database: &RedisServer) -> Vec<Event> {
    let mut history = Vec::new();
    loop {
        let first = history.len();
        let (first, last) = (first.to_string(), (first + PAGE - 1).to_string());
        let page: Vec<String> = database.run(&["LRANGE", HISTORY, &first, &last]);
        let events = page.iter().map(|text| Event::parse(text));
        history.extend(events.map(|event| event.expect("as it was told")));
        if page.len() < PAGE {
            return history;
        }
    }
}

#[test]
fn a_read_sees_the_newest_write_that_had_returned_before_it_or_a_later_one() {
    let written = |returned, version| Event::Written {
        id: 1,
        returned,
        version,
    };
    let read = |begun, seen| Event::Read { id: 1, begun, seen };
    let others = [
        written(10, 1),
        written(20, 3),
        // It was committed before that one, and returned later.
        written(30, 2),
        Event::Written {
            id: 2,
            returned: 1,
            version: 9,
        },
    ];
    for (event, may_be) in [
        (read(5, 0), true),
        (read(10, 0), true),
        (read(11, 0), false),
        (read(15, 3), true),
        (read(21, 2), false),
        (read(31, 2), false),
        (read(31, 3), true),
        (read(31, 4), true),
    ] {
        let verdict = judge(&[&others[..], &[event]].concat());
        assert_eq!((verdict.reads, verdict.writes), (1, 4));
        assert_eq!(verdict.violations.is_empty(), may_be, "{event}");
        assert_eq!(Event::parse(&event.to_string()), Some(event));
    }
}
