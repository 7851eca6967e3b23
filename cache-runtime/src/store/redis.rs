//! The steps of the protocol on Redis servers.

use std::time::Duration;

use bytes::Bytes;
use deadpool_redis::Connection;
use deadpool_redis::redis::{Cmd, ErrorKind, ServerErrorKind, Value, cmd};

use super::batch::Batch;
use super::lane::{boxed, is_split};
use super::names::Names;
use super::scripts::Step;
use super::servers::{Answers, Servers, decode};
use super::{Begun, FENCE_LIFE, Fenced, Grant, LEASE_LIFE, Looked, Moment, SEEN, Targets};
use crate::error::CacheError;
use crate::key::Pattern;
use crate::nonce::new_nonce;

#[derive(Debug)]
pub(crate) struct RedisStore {
    servers: Servers,
}

fn milliseconds(life: Duration) -> u64 {
    u64::try_from(life.as_millis()).unwrap_or(u64::MAX)
}

impl RedisStore {
    pub(crate) fn new(servers: Servers) -> Self {
        Self { servers }
    }

    pub(super) fn is_available(&self, names: &Names, key: &str, tags: &[String]) -> bool {
        self.servers.is_available(key)
            && (!self.servers.have_slots()
                || tags
                    .iter()
                    .all(|tag| self.servers.is_available(&names.tag(tag))))
    }

    pub(super) fn are_all_available(&self) -> bool {
        self.servers.are_all_available()
    }

    pub(super) async fn get(
        &self,
        names: &Names,
        key: &str,
        tags: &[String],
        with_life: bool,
    ) -> Result<Looked, CacheError> {
        let found = if tags.is_empty() {
            self.get_entry(key, with_life).await
        } else {
            self.get_tagged(names, key, tags, with_life).await
        };
        match found {
            // A list or a hash under the key is nothing that we could serve.
            Err(CacheError::Redis(error)) if error.code() == Some("WRONGTYPE") => Ok(Looked {
                entry: None,
                nonces: vec![None; tags.len()],
                left: Duration::MAX,
            }),
            found => found,
        }
    }

    async fn get_entry(&self, key: &str, with_life: bool) -> Result<Looked, CacheError> {
        let slot = self.servers.slot(key.as_bytes());
        let mut get = cmd("GET");
        get.arg(key);
        let (entry, life) = if with_life {
            let mut both = Batch::new();
            both.add(slot, get);
            both.add(slot, pttl(key));
            self.servers.many(&both).await?
        } else {
            (self.servers.one(slot, &get).await?, NO_END)
        };
        Ok(Looked {
            entry,
            nonces: Vec::new(),
            left: left(life),
        })
    }

    /// What lies in one slot is read at one moment; all of it in one round trip.
    async fn get_tagged(
        &self,
        names: &Names,
        key: &str,
        tags: &[String],
        with_life: bool,
    ) -> Result<Looked, CacheError> {
        let keys = tags.iter().map(|tag| names.tag(tag));
        let keys: Vec<String> = [key.to_owned()].into_iter().chain(keys).collect();
        let mut all = Batch::new();
        let slots = self.servers.by_slot(&keys);
        for (slot, places) in &slots {
            let mut get = cmd(if places.len() == 1 { "GET" } else { "MGET" });
            get.arg(places.iter().map(|&place| &keys[place]).collect::<Vec<_>>());
            all.add(*slot, get);
        }
        if with_life {
            all.add(self.servers.slot(key.as_bytes()), pttl(key));
        }
        let mut answers: Vec<Value> = self.servers.many(&all).await?;
        let life = if with_life { answers.pop() } else { None };
        let mut values: Vec<Option<Bytes>> = vec![None; keys.len()];
        for (places, answer) in slots.values().zip(answers) {
            if let [place] = places.as_slice() {
                values[*place] = decode(answer)?;
            } else {
                for (place, value) in places.iter().zip(decode::<Vec<Option<Bytes>>>(answer)?) {
                    values[*place] = value;
                }
            }
        }
        let nonces = values.split_off(1);
        Ok(Looked {
            entry: values.pop().flatten(),
            nonces,
            left: left(life.map_or(Ok(NO_END), decode)?),
        })
    }

    /// Also voids the lease of a load under way, which knows an older value.
    pub(super) async fn set(
        &self,
        names: &Names,
        key: &str,
        value: &[u8],
        life: Duration,
    ) -> Result<(), CacheError> {
        let slot = self.servers.slot(key.as_bytes());
        let mut both = Batch::new();
        both.add(slot, unlink(&[&names.lease(key)]));
        both.add(slot, set(key, value, life));
        self.servers.many::<(Value, ())>(&both).await.map(drop)
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
        let mut all = Batch::new();
        let mut begin = Step::begin_fill.on(&[key, &names.lease(key), &names.fence(key)]);
        begin
            .arg(nonce)
            .arg(milliseconds(LEASE_LIFE))
            .arg(&seen[..seen.len().min(SEEN)]);
        all.add(self.servers.slot(key.as_bytes()), begin);
        for tag in tags {
            let tag = [names.tag(tag), names.tag_fence(tag)];
            let mut join = Step::join_tag.on(&tag);
            join.arg(new_nonce())
                .arg(milliseconds(life + FENCE_LIFE))
                .arg(milliseconds(FENCE_LIFE));
            all.add(self.servers.slot(tag[0].as_bytes()), join);
        }
        let mut answers: Vec<Vec<String>> = self.servers.many_once(&all).await?;
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
        let slot = self.servers.slot(key.as_bytes());
        let stage = names.stage(key, nonce);
        let mut both = Batch::new();
        both.add(slot, set(&stage, value, life));
        let mut fill = Step::fill.on(&[key, &names.lease(key), &stage]);
        fill.arg(nonce).arg(cap);
        both.add(slot, fill);
        let filled = self.servers.many::<((), bool)>(&both).await;
        if is_on_the_move(&filled) {
            // Nobody else would remove it before its life is over.
            self.servers.one::<Value>(slot, &unlink(&[&stage])).await?;
        }
        filled.map(|((), stored)| stored)
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
        renew.arg(nonce).arg(milliseconds(life));
        let slot = self.servers.slot(key.as_bytes());
        self.servers.one(slot, &renew).await
    }

    pub(super) async fn fence(&self, names: &Names, targets: &Targets, member: &str) -> Fenced {
        let targets = targets.with_helpers(names);
        let steps = targets.iter().map(|keys| {
            let mut fence = Step::fence.on(keys);
            fence.arg(member).arg(milliseconds(FENCE_LIFE));
            (keys.clone(), fence)
        });
        let Answers {
            values,
            mut failure,
        } = self.servers.many_that_can(&self.batch(steps)).await;
        let split = targets.into_iter().zip(&values);
        let split = split.filter(|(_, answer)| is_split(answer));
        let split: Vec<Vec<String>> = split.map(|(keys, _)| keys).collect();
        // Nothing else: what has its fence already would tell the end of that in the place of its own.
        let in_parts = self.fence_in_parts(&split, member).await;
        let mut in_parts = in_parts
            .map_err(|error| failure = Some(error))
            .unwrap_or_default()
            .into_iter();
        let lives = values.into_iter().map(|answer| match answer {
            split if is_split(&split) => in_parts.next().unwrap_or_default(),
            answer => decode(answer).unwrap_or_default(),
        });
        Fenced {
            lives: lives.collect(),
            failure,
        }
    }

    /// In steps that are about one key each. In this order: a load that begins in between knows of the fence, and
    /// one that began before can't fill any more when its entry is shortened.
    async fn fence_in_parts(
        &self,
        targets: &[Vec<String>],
        member: &str,
    ) -> Result<Vec<Moment>, CacheError> {
        let enters = targets.iter().map(|keys| {
            let mut enter = Step::enter.on(&keys[1..2]);
            enter.arg(member).arg(milliseconds(FENCE_LIFE));
            (keys.clone(), enter)
        });
        let ends: Vec<Moment> = self.servers.many(&self.batch(enters)).await?;
        let leases = targets
            .iter()
            .filter_map(|keys| Some((keys.clone(), unlink(&[keys.get(2)?]))));
        self.servers.many::<Vec<u64>>(&self.batch(leases)).await?;
        let shortens = targets.iter().zip(ends).map(|(keys, end)| {
            let mut shorten = Step::shorten.on(&keys[..1]);
            shorten.arg(end);
            (keys.clone(), shorten)
        });
        self.servers.many(&self.batch(shortens)).await
    }

    pub(super) async fn lift(
        &self,
        names: &Names,
        targets: &Targets,
        member: &str,
        lives: &[Moment],
    ) -> Result<(), CacheError> {
        let steps = targets.with_helpers(names).into_iter().zip(lives);
        let steps = steps.map(|(keys, was)| {
            let mut lift = Step::lift.on(&keys[..2]);
            lift.arg(member).arg(was);
            (keys, lift)
        });
        self.servers
            .many::<Vec<()>>(&self.batch(steps))
            .await
            .map(drop)
    }

    pub(super) async fn invalidate(
        &self,
        names: &Names,
        targets: &Targets,
        member: Option<&str>,
    ) -> Result<u64, CacheError> {
        let Some(member) = member else {
            return self.unlink(names, targets).await;
        };
        let steps = targets.with_helpers(names).into_iter().map(|keys| {
            let mut invalidate = Step::invalidate.on(&keys);
            invalidate.arg(member);
            (keys, invalidate)
        });
        let removed = self.servers.many::<Vec<u64>>(&self.batch(steps)).await;
        if is_on_the_move(&removed) {
            // The fence ends by itself.
            return self.unlink(names, targets).await;
        }
        Ok(removed?.iter().take(targets.keys.len()).sum())
    }

    /// The leases first: a load could swap its lease for an entry in between.
    async fn unlink(&self, names: &Names, targets: &Targets) -> Result<u64, CacheError> {
        let leases: Vec<String> = targets.keys.iter().map(|key| names.lease(key)).collect();
        let tags: Vec<String> = targets.tags.iter().map(|tag| names.tag(tag)).collect();
        let mut all = Batch::new();
        let mut add = |keys: &[String]| {
            let slots = self.servers.by_slot(keys);
            for (slot, places) in &slots {
                let together: Vec<&str> =
                    places.iter().map(|&place| keys[place].as_str()).collect();
                // While keys are on the move, a command is sure to be taken only if it names a single one.
                let size = if self.servers.have_slots() {
                    1
                } else {
                    together.len()
                };
                for part in together.chunks(size) {
                    all.add(*slot, unlink(part));
                }
            }
        };
        add(&leases);
        add(&targets.keys);
        add(&tags);
        let counts: Vec<u64> = self.servers.many(&all).await?;
        let commands = if self.servers.have_slots() {
            targets.keys.len()
        } else {
            1
        };
        Ok(counts.iter().skip(commands).take(commands).sum())
    }

    fn batch(&self, steps: impl IntoIterator<Item = (Vec<String>, Cmd)>) -> Batch {
        let mut all = Batch::new();
        for (keys, step) in steps {
            all.add(self.servers.slot(keys[0].as_bytes()), step);
        }
        all
    }

    pub(super) async fn delete_matching(
        &self,
        names: &Names,
        pattern: &Pattern,
    ) -> Result<u64, CacheError> {
        boxed(self.servers.delete_matching(names, pattern)).await
    }

    pub(super) async fn connection(&self, key: Option<&str>) -> Result<Connection, CacheError> {
        self.servers.connection(key).await
    }
}

/// What `PTTL` says of a key without an end.
const NO_END: i64 = -1;

/// What is left of a life; -2 says that it has ended since.
fn left(life: i64) -> Duration {
    match life {
        NO_END => Duration::MAX,
        life => Duration::from_millis(u64::try_from(life).unwrap_or_default()),
    }
}

/// A script was refused, since some of its keys have left for another server and others have not.
fn is_on_the_move<T>(outcome: &Result<T, CacheError>) -> bool {
    const TRY_AGAIN: ErrorKind = ErrorKind::Server(ServerErrorKind::TryAgain);
    matches!(outcome, Err(CacheError::Redis(error)) if error.kind() == TRY_AGAIN)
}

fn pttl(key: &str) -> Cmd {
    let mut pttl = cmd("PTTL");
    pttl.arg(key);
    pttl
}

fn set(key: &str, value: &[u8], life: Duration) -> Cmd {
    let mut set = cmd("SET");
    set.arg(key).arg(value).arg("PX").arg(milliseconds(life));
    set
}

fn unlink(keys: &[&str]) -> Cmd {
    let mut unlink = cmd("UNLINK");
    unlink.arg(keys);
    unlink
}
