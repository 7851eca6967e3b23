//! Looking at entries, at tags, and at the keys that match a pattern, without using or changing them.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use deadpool_redis::redis::{Cmd, Value, cmd};
use futures_util::future::join_all;

use super::batch::{Batch, decode};
use super::failure::Failure;
use super::node::{Commands, Node, Resend};
use super::reply_error::ReplyError;
use super::{PAGE, RedisStore};
use crate::key::Pattern;
use crate::store::inspect::{
    Beginning, Fenced, Found, Inspected, MAX_LOOKED_AT, SHOWN, ServerState,
};
use crate::store::protocol::Targets;

/// So many members of a fence are looked at.
const MAX_MEMBERS: usize = 1000;

/// What `PTTL` says of a key without an end.
const NO_END: i64 = -1;

/// Where the marks of removals begin, below zero, as the scripts have it.
const MARKS: f64 = 1e16;

impl RedisStore {
    /// The keys and tags of these, in their order. No script, and a key a command, so that it is answered while keys are on
    /// the move.
    pub(in crate::store) async fn inspect(
        &self,
        targets: &Targets,
    ) -> Result<Vec<Inspected>, Failure> {
        let names = self.with_helpers(targets);
        let inspected = names.iter().map(|of_target| self.inspect_one(of_target));
        join_all(inspected).await.into_iter().collect()
    }

    /// The first of these is its name, the others those of its helpers.
    async fn inspect_one(&self, names: &[String]) -> Result<Inspected, Failure> {
        let mut inspected = self.ask_of(names, true).await;
        if is(&inspected, ReplyError::CommandForbidden) {
            // A user may lack the right to ask for the size, which nothing else needs.
            inspected = self.ask_of(names, false).await;
        }
        if is(&inspected, ReplyError::WrongType) {
            return Ok(Inspected {
                is_foreign: true,
                ..Inspected::default()
            });
        }
        if !(self.topology).is_trusted(&names[0], self.longest_ttl.get()) {
            return Err(Failure::Outdated);
        }
        inspected
    }

    async fn ask_of(&self, names: &[String], with_size: bool) -> Result<Inspected, Failure> {
        let slot = self.topology.slot(names[0].as_bytes());
        let mut all = Batch::new();
        for command in commands(names, with_size) {
            all.add(slot, command);
        }
        inspected(self.topology.many(&all).await?, with_size)
    }

    /// Some of the keys that match a pattern. Each server is asked for so many pages of its keys at most.
    pub(in crate::store) async fn find(&self, pattern: &Pattern) -> Result<Found, Failure> {
        let nodes = self.topology.snapshot().await?.nodes;
        let asked = nodes.iter().map(|node| self.find_on(node, pattern));
        let mut found = Found::default();
        for of_node in join_all(asked).await {
            let of_node = of_node?;
            found.is_all &= of_node.is_all;
            for key in of_node.keys {
                found.add(key);
            }
        }
        Ok(found)
    }

    async fn find_on(&self, node: &Arc<Node>, pattern: &Pattern) -> Result<Found, Failure> {
        let (mut found, mut cursor) = (Found::default(), 0_u64);
        for _ in 0..MAX_LOOKED_AT / PAGE {
            let mut scan = cmd("SCAN");
            scan.arg(cursor);
            scan.arg("MATCH").arg(&pattern.scan).arg("COUNT").arg(PAGE);
            let reply = node.ask(Commands::One(&scan), Resend::IfBroken).await?;
            let keys: Vec<Vec<u8>>;
            (cursor, keys) = decode(reply.extract_error()?)?;
            for key in keys {
                let is_hit = self.keyspace.is_entry(&key) && pattern.matches(&key);
                if is_hit && !found.add(key) {
                    return Ok(found);
                }
            }
            if cursor == 0 {
                return Ok(found);
            }
        }
        found.is_all = false;
        Ok(found)
    }

    /// The servers that are known to hold entries, or those that are asked for them.
    pub(in crate::store) fn servers(&self) -> Vec<ServerState> {
        self.topology.servers()
    }
}

/// What is asked of an entry or a tag, by its name and those of its helpers.
fn commands(names: &[String], with_size: bool) -> Vec<Cmd> {
    let of = |command: &str, name: &String| {
        let mut command = cmd(command);
        command.arg(name);
        command
    };
    let mut beginning = of("GETRANGE", &names[0]);
    beginning.arg(0).arg(SHOWN - 1);
    let mut fence = of("ZRANGE", &names[1]);
    fence.arg(0).arg(MAX_MEMBERS - 1).arg("WITHSCORES");
    let mut commands = vec![cmd("TIME"), of("PTTL", &names[0]), beginning, fence];
    commands.extend(with_size.then(|| of("STRLEN", &names[0])));
    commands.extend(names.get(2).map(|lease| of("PTTL", lease)));
    commands
}

/// What the replies to these say.
fn inspected(replies: Vec<Value>, with_size: bool) -> Result<Inspected, Failure> {
    let mut replies = replies.into_iter();
    let mut next = || replies.next().unwrap_or(Value::Nil);
    let (seconds, micros): (f64, f64) = decode(next())?;
    let ttl: i64 = decode(next())?;
    let bytes: Bytes = decode(next())?;
    let fence: Vec<(Vec<u8>, f64)> = decode(next())?;
    let size = with_size.then(|| decode(next())).transpose()?;
    let lease: Option<i64> = decode(next())?;
    // It may have been stored, or be gone, between two commands.
    let is_there = !bytes.is_empty() || ttl >= NO_END;
    Ok(Inspected {
        value: is_there.then_some(Beginning { bytes, size }),
        remaining: remaining(ttl),
        is_foreign: false,
        lease: lease.and_then(remaining),
        fence: fenced(&fence, seconds * 1000.0 + micros / 1000.0),
    })
}

fn is<T>(outcome: &Result<T, Failure>, error: ReplyError) -> bool {
    matches!(outcome, Err(failure) if failure.reply() == Some(error))
}

/// The rest of a TTL; nothing where there is no end, or no key.
fn remaining(ttl: i64) -> Option<Duration> {
    u64::try_from(ttl).ok().map(Duration::from_millis)
}

/// What stands of a fence with these members and scores.
fn fenced(members: &[(Vec<u8>, f64)], now: f64) -> Option<Fenced> {
    let ends = || {
        members
            .iter()
            .map(|(_, end)| *end)
            .filter(|end| *end >= now)
    };
    let is_closed = members
        .iter()
        .any(|(name, score)| name.starts_with(b"!") && -score - MARKS >= now);
    let first = ends().min_by(f64::total_cmp).unwrap_or(now);
    let fenced = Fenced {
        writers: ends().count(),
        remaining: Duration::try_from_secs_f64((first - now) / 1000.0).unwrap_or_default(),
        is_closed,
    };
    (fenced.writers > 0 || is_closed).then_some(fenced)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fence_is_told_by_its_writers_and_by_removals() {
        let member = |name: &str, score| (name.as_bytes().to_vec(), score);
        assert_eq!(fenced(&[], 5000.0), None);
        let over = [member("a", 4999.0), member("was", -9000.0)];
        assert_eq!(fenced(&over, 5000.0), None);
        let stands = [
            member("!mark", -(MARKS + 4000.0)),
            member("a", 9000.0),
            member("b", 7000.0),
        ];
        let two = Fenced {
            writers: 2,
            remaining: Duration::from_secs(2),
            is_closed: false,
        };
        assert_eq!(fenced(&stands, 5000.0), Some(two));
        let closed = [member("!mark", -(MARKS + 9000.0))];
        let fenced = fenced(&closed, 5000.0).expect("a removal is under way");
        assert!(fenced.is_closed && fenced.writers == 0);
    }
}
