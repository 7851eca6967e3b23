//! The steps of the protocol on a Redis server.

use bytes::Bytes;
use deadpool_redis::redis::{Pipeline, RedisError, Value, cmd, from_redis_value, pipe};
use deadpool_redis::{Connection, Pool};
use std::sync::Arc;
use std::time::Duration;

use super::lane::Lane;
use super::names::Names;
use super::scripts::Step;
use super::{Begun, FENCE_LIFE, Grant, LEASE_LIFE, Looked, Moment, SEEN, Targets};
use crate::config::Limits;
use crate::error::CacheError;
use crate::key::Pattern;

#[derive(Debug)]
pub(crate) struct RedisStore {
    lane: Arc<Lane>,
}

fn milliseconds(life: Duration) -> u64 {
    u64::try_from(life.as_millis()).unwrap_or(u64::MAX)
}

impl RedisStore {
    pub(crate) fn new(pool: Pool, limits: Limits) -> Self {
        Self {
            lane: Arc::new(Lane::new(pool, limits)),
        }
    }

    pub(super) fn is_available(&self) -> bool {
        self.lane.is_available()
    }

    pub(super) async fn get(
        &self,
        names: &Names,
        key: &str,
        tags: &[String],
        with_life: bool,
    ) -> Result<Looked, CacheError> {
        let mut get = cmd(if tags.is_empty() { "GET" } else { "MGET" });
        get.arg(key);
        for tag in tags {
            get.arg(names.tag(tag));
        }
        let mut looked = Looked {
            entry: None,
            nonces: vec![None; tags.len()],
            left: Duration::MAX,
        };
        let found = if with_life {
            let mut both = pipe();
            both.add_command(get).cmd("PTTL").arg(key);
            self.lane.many(&both).await
        } else {
            self.lane.one(&get).await.map(|found| (found, -1))
        };
        let (found, life): (Value, i64) = match found {
            // A list or a hash under the key is nothing that we could serve.
            Err(CacheError::Redis(error)) if error.code() == Some("WRONGTYPE") => {
                return Ok(looked);
            }
            other => other?,
        };
        if tags.is_empty() {
            looked.entry = from_redis_value(found).map_err(RedisError::from)?;
        } else {
            let mut values: Vec<Option<Bytes>> =
                from_redis_value(found).map_err(RedisError::from)?;
            looked.nonces = values.split_off(1);
            looked.entry = values.pop().flatten();
        }
        // -1 says that it has no end, -2 that it has ended since.
        if life != -1 {
            looked.left = Duration::from_millis(u64::try_from(life).unwrap_or_default());
        }
        Ok(looked)
    }

    /// Also voids the lease of a load under way, which knows an older value.
    pub(super) async fn set(
        &self,
        names: &Names,
        key: &str,
        value: &[u8],
        life: Duration,
    ) -> Result<(), CacheError> {
        let mut both = pipe();
        both.cmd("UNLINK").arg(names.lease(key)).ignore();
        set(&mut both, key, value, life);
        self.lane.many::<((), ())>(&both).await.map(drop)
    }

    pub(super) async fn begin_fill(
        &self,
        names: &Names,
        key: &str,
        tags: &[String],
        nonce: &str,
        seen: &[u8],
        life: Duration,
    ) -> Result<Begun, CacheError> {
        let mut all = pipe();
        let mut begin = Step::begin_fill.on(&[key, &names.lease(key), &names.fence(key)]);
        begin
            .arg(nonce)
            .arg(milliseconds(LEASE_LIFE))
            .arg(&seen[..seen.len().min(SEEN)]);
        all.add_command(begin);
        for tag in tags {
            let mut join = Step::join_tag.on(&[names.tag(tag), names.tag_fence(tag)]);
            join.arg(super::new_nonce())
                .arg(milliseconds(life + FENCE_LIFE))
                .arg(milliseconds(FENCE_LIFE));
            all.add_command(join);
        }
        let mut answers: Vec<Vec<String>> = self.lane.many_once(&all).await?;
        let nonces = answers.split_off(1).into_iter().flatten().collect();
        let answer = answers.pop().unwrap_or_default();
        Ok(match answer.as_slice() {
            [outcome, cap] if outcome == "granted" => Begun::Granted(Grant {
                cap: cap.parse().unwrap_or_default(),
                nonces,
            }),
            [outcome, holder] if outcome == "busy" => Begun::Busy(holder.clone()),
            _ => Begun::Filled,
        })
    }

    /// The body goes around the script: as its argument it would cost the server four times as much.
    pub(super) async fn fill(
        &self,
        names: &Names,
        key: &str,
        nonce: &str,
        value: &[u8],
        life: Duration,
        cap: Moment,
    ) -> Result<bool, CacheError> {
        let stage = names.stage(key, nonce);
        let mut both = pipe();
        set(&mut both, &stage, value, life);
        let mut fill = Step::fill.on(&[key, &names.lease(key), &stage]);
        fill.arg(nonce).arg(cap);
        both.add_command(fill);
        let ((), stored) = self.lane.many(&both).await?;
        Ok(stored)
    }

    /// A life of zero gives the lease back.
    pub(super) async fn renew(
        &self,
        names: &Names,
        key: &str,
        nonce: &str,
        life: Duration,
    ) -> Result<(), CacheError> {
        let mut renew = Step::renew.on(&[names.lease(key)]);
        self.lane
            .one(renew.arg(nonce).arg(milliseconds(life)))
            .await
    }

    pub(super) async fn fence(
        &self,
        names: &Names,
        targets: &Targets,
        member: &str,
    ) -> Result<Vec<Moment>, CacheError> {
        let mut all = pipe();
        for keys in targets.with_helpers(names) {
            let mut fence = Step::fence.on(&keys);
            fence.arg(member).arg(milliseconds(FENCE_LIFE));
            all.add_command(fence);
        }
        self.lane.many(&all).await
    }

    pub(super) async fn lift(
        &self,
        names: &Names,
        targets: &Targets,
        member: &str,
        lives: &[Moment],
    ) -> Result<(), CacheError> {
        let mut all = pipe();
        for (keys, was) in targets.with_helpers(names).iter().zip(lives) {
            let mut lift = Step::lift.on(&keys[..2]);
            lift.arg(member).arg(was);
            all.add_command(lift);
        }
        self.lane.many::<Vec<()>>(&all).await.map(drop)
    }

    pub(super) async fn invalidate(
        &self,
        names: &Names,
        targets: &Targets,
        member: Option<&str>,
    ) -> Result<u64, CacheError> {
        let mut all = pipe();
        if let Some(member) = member {
            for keys in targets.with_helpers(names) {
                let mut invalidate = Step::invalidate.on(&keys);
                invalidate.arg(member);
                all.add_command(invalidate);
            }
        } else {
            // The leases first: a load could swap its lease for an entry in between.
            unlink(&mut all, targets.keys.iter().map(|key| names.lease(key)));
            unlink(&mut all, targets.keys.iter().cloned());
            unlink(&mut all, targets.tags.iter().map(|tag| names.tag(tag)));
        }
        let removed: Vec<u64> = self.lane.many(&all).await?;
        Ok(match member {
            Some(_) => removed.iter().take(targets.keys.len()).sum(),
            None => removed.get(1).copied().unwrap_or_default(),
        })
    }

    /// Two passes, for a load may swap its lease for an entry behind the cursor of a single one.
    pub(super) async fn delete_matching(
        &self,
        names: &Names,
        pattern: &Pattern,
    ) -> Result<u64, CacheError> {
        let leases = Pattern::starting_with(&names.leases());
        let is_hit = |lease: &[u8]| names.leased(lease).is_some_and(|key| pattern.matches(key));
        self.sweep(&leases.scan, is_hit).await?;
        let is_hit = |key: &[u8]| names.is_entry(key) && pattern.matches(key);
        self.sweep(&pattern.scan, is_hit).await
    }

    /// Removes what a scan finds, each page in the round trip that fetches the next.
    async fn sweep(&self, glob: &str, is_hit: impl Fn(&[u8]) -> bool) -> Result<u64, CacheError> {
        let (mut cursor, mut removed, mut page) = (0_u64, 0, Vec::new());
        loop {
            let mut scan = cmd("SCAN");
            scan.arg(cursor)
                .arg("MATCH")
                .arg(glob)
                .arg("COUNT")
                .arg(1000);
            let mut both = pipe();
            let keys: Vec<Vec<u8>>;
            if page.is_empty() {
                both.add_command(scan);
                ((cursor, keys),) = self.lane.many(&both).await?;
            } else {
                both.cmd("UNLINK").arg(&page).add_command(scan);
                let count: u64;
                (count, (cursor, keys)) = self.lane.many(&both).await?;
                removed += count;
            }
            page = keys;
            page.retain(|key| is_hit(key));
            if cursor == 0 {
                break;
            }
        }
        if !page.is_empty() {
            removed += self.lane.one::<u64>(cmd("UNLINK").arg(&page)).await?;
        }
        Ok(removed)
    }

    pub(super) async fn connection(&self) -> Result<Connection, CacheError> {
        self.lane.checkout().await
    }
}

fn set(commands: &mut Pipeline, key: &str, value: &[u8], life: Duration) {
    commands
        .cmd("SET")
        .arg(key)
        .arg(value)
        .arg("PX")
        .arg(milliseconds(life));
}

fn unlink(commands: &mut Pipeline, keys: impl Iterator<Item = String>) {
    let keys: Vec<String> = keys.collect();
    if !keys.is_empty() {
        commands.cmd("UNLINK").arg(keys);
    }
}
