//! Telling whoever loads of the patterns that are being looked for: what matches one of them is not stored meanwhile,
//! since it may be loaded from what is still to be removed.

use std::time::Instant;

use parking_lot::Mutex;

use super::failure::Failure;
use super::milliseconds;
use super::scripts::Script;
use super::topology::Topology;
use crate::key::{Pattern, PatternSet};
use crate::nonce::new_nonce;
use crate::store::keyspace::Keyspace;
use crate::store::protocol::MARK_TTL;

/// More patterns than that are told of as one, which everything matches: each load is sent all of them.
const MAX_MEMBERS: usize = 32;

/// Patterns that are being looked for, and what the servers have been told of them.
pub(super) struct Sweep<'s> {
    topology: &'s Topology,
    /// Where they are told of.
    places: Vec<String>,
    pub(super) patterns: PatternSet,
    /// Matches at least what they do.
    pub(super) glob: String,
    members: Vec<String>,
    told: Mutex<Told>,
}

#[derive(Default)]
struct Told {
    last: Option<Instant>,
    has_lost: bool,
}

impl<'s> Sweep<'s> {
    pub(super) fn of(topology: &'s Topology, keyspace: &Keyspace, patterns: &[Pattern]) -> Self {
        let everything = [Pattern::starting_with(keyspace.namespace())];
        let told = if patterns.len() > MAX_MEMBERS {
            &everything
        } else {
            patterns
        };
        let nonce = new_nonce();
        let member = |pattern: &Pattern| {
            let globs = serde_json::Value::from(pattern.globs());
            format!("{nonce} {globs}")
        };
        let members = told.iter().map(member).collect();
        let set: PatternSet = patterns.iter().cloned().collect();
        Self {
            topology,
            places: places(topology, keyspace),
            glob: match patterns {
                [only] => only.scan.clone(),
                _ => Pattern::starting_with(&set.common_prefix()).scan,
            },
            patterns: set,
            members,
            told: Mutex::default(),
        }
    }

    /// Before a scan, and often enough while it goes on.
    pub(super) async fn tell(&self) -> Result<(), Failure> {
        let last = self.told.lock().last;
        if last.is_some_and(|last| last.elapsed() < MARK_TTL / 5) {
            return Ok(());
        }
        let now = Instant::now();
        let registers = self.places.iter().map(|place| {
            let mut register = Script::register.on(&[place]);
            register.arg(milliseconds(MARK_TTL)).arg(&self.members);
            (std::slice::from_ref(place), register)
        });
        let batch = self.topology.batch(registers);
        let added: Vec<u64> = self.topology.many(&batch).await?;
        let mut told = self.told.lock();
        told.has_lost |= last.is_some() && added.iter().any(|added| *added > 0);
        told.last = Some(now);
        Ok(())
    }

    /// Whether others may have stored what matches.
    pub(super) fn has_lost(&self) -> bool {
        self.told.lock().has_lost
    }

    /// What is to be taken back when all is removed.
    pub(super) fn into_members(self) -> Vec<String> {
        self.members
    }
}

/// All places where sweeps are told of.
pub(super) fn places(topology: &Topology, keyspace: &Keyspace) -> Vec<String> {
    if topology.has_slots() {
        keyspace.all_sweeps().collect()
    } else {
        vec![keyspace.sweeps()]
    }
}

/// Whether one of the sweeps that a server tells of matches this key.
pub(super) fn is_swept(key: &[u8], members: &[String]) -> bool {
    members.iter().any(|member| {
        let globs = member.split_once(' ').map(|(_, globs)| globs);
        let globs = globs.and_then(|globs| serde_json::from_str::<Vec<String>>(globs).ok());
        // Of one that can't be understood, everything may be meant.
        globs.is_none_or(|globs| globs.iter().any(|glob| Pattern::glob(glob).matches(key)))
    })
}
