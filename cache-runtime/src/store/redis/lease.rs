//! The lease of a load, as its holder gives it back and as those see it who wait.

use deadpool_redis::redis::{Value, cmd};

use super::batch::{Batch, decode};
use super::failure::Failure;
use super::scripts::Script;
use super::{RedisStore, set};
use crate::key::EntryKey;
use crate::store::{LoadState, NOTHING_TTL};
use crate::util::single_flight::Nothing;

/// What is stored in the place of an entry that came to nothing.
const FAILED: &str = "failed";
const UNSTORED: &str = "unstored";

impl RedisStore {
    /// The mark first: whoever finds the lease free finds it.
    pub(in crate::store) async fn release_with_nothing(
        &self,
        key: &EntryKey,
        nonce: &str,
        nothing: Nothing,
    ) -> Result<(), Failure> {
        let slot = self.topology.slot(key.as_bytes());
        let mark = match nothing {
            Nothing::Failed => FAILED,
            Nothing::Unstored => UNSTORED,
        };
        let mut both = Batch::new();
        let name = self.keyspace.nothing(key);
        both.add(slot, set(&name, mark.as_bytes(), NOTHING_TTL));
        let mut release = Script::renew.on(&[self.keyspace.lease(key)]);
        release.arg(nonce).arg(0);
        both.add(slot, release);
        self.topology.many::<(Value, Value)>(&both).await.map(drop)
    }

    /// No script, and a key a command: a script that waits for its turn costs the server more than the answer is
    /// worth, and while keys are on the move, a command is sure to be taken only if it names a single one.
    pub(in crate::store) async fn load_state(
        &self,
        key: &EntryKey,
        nonce: &str,
    ) -> Result<LoadState, Failure> {
        let slot = self.topology.slot(key.as_bytes());
        let mut both = Batch::new();
        for name in [self.keyspace.lease(key), self.keyspace.nothing(key)] {
            let mut get = cmd("GET");
            get.arg(name);
            both.add(slot, get);
        }
        let (lease, mark): (Value, Value) = self.topology.many(&both).await?;
        let text = |reply| decode::<Option<String>>(reply).ok().flatten();
        Ok(match text(mark).as_deref() {
            Some(FAILED) => LoadState::Nothing(Nothing::Failed),
            Some(UNSTORED) => LoadState::Nothing(Nothing::Unstored),
            _ if text(lease).as_deref() == Some(nonce) => LoadState::UnderWay,
            _ => LoadState::Ended,
        })
    }
}
