//! Removing what a writer names: first what its patterns match, then its keys and tags, and all of them as if at one
//! moment. Else an entry that is loaded from another could be loaded anew from what is still to be removed.

use std::ops::Range;
use std::time::{Duration, Instant};

use deadpool_redis::redis::{Cmd, FromRedisValue, Value};
use futures_util::future::{FutureExt as _, join};

use super::batch::{Batch, decode};
use super::failure::Failure;
use super::near::{may_have_grown_since, wait};
use super::scan::Scan;
use super::scripts::Script;
use super::sweep::{self, Sweep};
use super::{RedisStore, is_split_reply, milliseconds, unlink};
use crate::nonce::new_nonce;
use crate::store::protocol::{FENCE_TTL, Fence, MARK_TTL, Removal, Targets};
use crate::util::moment::Moment;

/// So many targets one script removes: a server does nothing else meanwhile.
const TOGETHER: usize = 1000;

/// So many targets are sent at once.
const AT_ONCE: usize = 2000;

/// So often a server may evict what tells of a removal before we give up on it for now.
const MAX_PASSES: usize = 4;

/// What has become of one pass.
#[derive(Default)]
struct Pass {
    entries: u64,
    left: Targets,
    failure: Option<Failure>,
    /// Something that kept others from storing was gone before its time, or what was relied on was not so.
    has_lost: bool,
}

impl RedisStore {
    pub(in crate::store) async fn invalidate(
        &self,
        targets: &Targets,
        fence: Fence<'_>,
    ) -> Removal {
        let mut entries = 0;
        for pass in 0..MAX_PASSES {
            let since = match fence {
                // What was lost may be the fence.
                Fence::Release(_, since) if pass == 0 && targets.patterns.is_empty() => since,
                _ => None,
            };
            let pass = self.pass(targets, fence, since).boxed().await;
            entries += pass.entries;
            if !pass.has_lost {
                return Removal {
                    entries,
                    left: pass.left,
                    failure: pass.failure.map(Into::into),
                };
            }
        }
        Removal {
            entries,
            left: targets.clone(),
            failure: Some(Failure::Evicted.into()),
        }
    }

    /// All that is removed is fenced since then, if that is given.
    async fn pass(&self, targets: &Targets, fence: Fence<'_>, since: Option<Instant>) -> Pass {
        let mut pass = Pass::default();
        let mut sweeps = Vec::new();
        if !targets.patterns.is_empty() {
            let sweep = Sweep::of(&self.topology, &self.keyspace, &targets.patterns);
            let scan = Scan {
                topology: &self.topology,
                keyspace: &self.keyspace,
                sweep: &sweep,
            };
            match scan.run().await {
                Ok(entries) => {
                    pass.entries = entries;
                    pass.has_lost = sweep.has_lost();
                    sweeps = sweep.into_members();
                }
                // What was told of ends by itself.
                Err(failure) => pass.leave_patterns(targets, Some(failure)),
            }
        }
        self.remove_named(targets, fence, since, &sweeps, &mut pass)
            .await;
        pass
    }

    /// Removes keys and tags: on one server in one script; on several, or where copies of them may be served for a while
    /// still, it first closes all of them, and then opens them. With that these sweeps are over.
    async fn remove_named(
        &self,
        targets: &Targets,
        fence: Fence<'_>,
        since: Option<Instant>,
        sweeps: &[String],
        pass: &mut Pass,
    ) {
        let names = self.with_helpers(targets);
        let parts = Part::all(&names, self.together(&names));
        let bound = self.near.bound();
        let began = Moment::now();
        let known = bound.get();
        let left = pause(known, fence, since);
        let is_at_once = parts.len() == 1 && left.is_zero();
        let writer = Writer {
            has_stood: since.map(|_| known.saturating_sub(left)),
            ..Writer::of(fence)
        };
        // Where all lies on one server, sweeps do too.
        let (sweeps_at_once, other_sweeps) = if is_at_once && !self.topology.has_slots() {
            (sweeps, &[][..])
        } else {
            (&[][..], sweeps)
        };
        let steps = parts.iter().map(|part| {
            let step = if is_at_once {
                writer.invalidate(part, &self.keyspace.sweeps(), sweeps_at_once)
            } else {
                writer.close(part)
            };
            (part.names[0].as_slice(), step)
        });
        let size = parts.first().map_or(1, |part| part.names.len());
        let removal = self.in_turn(steps.collect(), size, pass);
        let values = if bound.is_due() {
            join(removal, self.learn_bound()).await.0
        } else {
            removal.await
        };
        let (mut closed, mut split) = (Vec::new(), Targets::default());
        for (part, reply) in parts.iter().zip(values) {
            if is_split_reply(&reply) {
                split.extend(targets.part(part.places.clone()));
                continue;
            }
            match answer::<(u64, bool)>(reply) {
                Ok(Some((entries, is_whole))) => {
                    pass.entries += entries;
                    pass.has_lost |= !is_whole;
                    closed.extend((!is_at_once).then_some(part));
                }
                Ok(None) => pass.leave(targets, part, None),
                Err(failure) => pass.leave(targets, part, Some(failure)),
            }
        }
        self.remove_split(&split, fence, pass).await;
        if may_have_grown_since(began) {
            self.learn_bound().await;
        }
        // All is gone at every server. What is loaded from a copy until nobody has one any more is not stored.
        let left = if bound.get() > known {
            // The fences were not asked whether they have stood for that.
            pause(bound.get(), fence, None)
        } else {
            left
        };
        if is_at_once {
            pass.has_lost |= !left.is_zero();
        } else {
            wait(left).await;
            if !left.is_zero() {
                // What could not be closed may have been stored meanwhile.
                self.remove_split(&split, fence, pass).await;
            }
        }
        self.open(targets, &closed, &writer, other_sweeps, pass)
            .await;
    }

    /// What could not be closed. Where it is more than one, all of it is removed twice: until the last of it was gone,
    /// the others may have been loaded anew from that.
    async fn remove_split(&self, split: &Targets, fence: Fence<'_>, pass: &mut Pass) {
        let times = split.len().min(2);
        for time in 0..times {
            match self.unlink(split, fence).await {
                Ok(entries) if time == 0 => pass.entries += entries,
                Ok(_) => {}
                Err(failure) => {
                    pass.left.extend(split.clone());
                    return pass.note(Some(failure));
                }
            }
        }
    }

    /// Opens what is closed, and says that these sweeps are over.
    async fn open(
        &self,
        targets: &Targets,
        closed: &[&Part<'_>],
        writer: &Writer<'_>,
        sweeps: &[String],
        pass: &mut Pass,
    ) {
        let steps = closed.iter();
        let steps = steps.map(|part| (part.names[0].as_slice(), writer.open(part)));
        let places = if sweeps.is_empty() {
            Vec::new()
        } else {
            sweep::places(&self.topology, &self.keyspace)
        };
        let unregister = places.chunks(1).map(|place| {
            let mut unregister = Script::unregister.on(place);
            unregister.arg(sweeps);
            (place, unregister)
        });
        let size = closed.first().map_or(1, |part| part.names.len());
        let steps = steps.chain(unregister).collect();
        let values = self.in_turn(steps, size, pass).await;
        let parts = closed.iter().map(Some).chain(std::iter::repeat(None));
        for (reply, part) in values.into_iter().zip(parts) {
            let why = match answer::<bool>(reply) {
                Ok(Some(was_there)) => {
                    pass.has_lost |= !was_there;
                    continue;
                }
                Ok(None) => None,
                Err(failure) => Some(failure),
            };
            match part {
                Some(part) => pass.leave(targets, part, why),
                None => pass.leave_patterns(targets, why),
            }
        }
    }

    /// Sends so much at once as is sure to be done before its deadline. `size` is how many names a step has.
    async fn in_turn(
        &self,
        steps: Vec<(&[String], Cmd)>,
        size: usize,
        pass: &mut Pass,
    ) -> Vec<Value> {
        let mut values = Vec::with_capacity(steps.len());
        let mut steps = steps.into_iter().peekable();
        while steps.peek().is_some() {
            let some = steps.by_ref().take((AT_ONCE / size).max(1));
            let batch = self.topology.batch(some);
            let replies = self.topology.many_that_can(&batch).await;
            values.extend(replies.values);
            pass.note(replies.failure);
        }
        values
    }

    /// How many of these one script may name.
    fn together(&self, names: &[Vec<String>]) -> usize {
        let mut slots = names
            .iter()
            .map(|names| self.topology.slot(names[0].as_bytes()));
        let first = slots.next();
        if slots.all(|slot| Some(slot) == first) {
            TOGETHER
        } else {
            1
        }
    }

    /// Each key by itself, while keys are on their way to another node: a command is sure to be taken only if it names
    /// a single one. The leases first: a load could swap its lease for an entry in between. A fence that is to be
    /// released ends by itself.
    async fn unlink(&self, targets: &Targets, fence: Fence<'_>) -> Result<u64, Failure> {
        if let Fence::Renew(writer_id) = fence {
            self.fence(targets, writer_id).await?;
        }
        let keyspace = &self.keyspace;
        let leases = targets.keys.iter().map(|key| keyspace.lease(key));
        let keys = targets.keys.iter().map(|key| key.as_str().to_owned());
        let tags = targets.tags.iter().map(|tag| keyspace.tag(tag));
        let mut all = Batch::new();
        for key in leases.chain(keys).chain(tags) {
            all.add(self.topology.slot(key.as_bytes()), unlink(&[&key]));
        }
        let counts: Vec<u64> = self.topology.many(&all).await?;
        let keys = targets.keys.len();
        Ok(counts.iter().skip(keys).take(keys).sum())
    }
}

/// Some of the keys and tags, which one script removes.
struct Part<'n> {
    /// Of each, its name and those of its helpers.
    names: &'n [Vec<String>],
    /// Which of all they are.
    places: Range<usize>,
}

impl<'n> Part<'n> {
    fn all(names: &'n [Vec<String>], size: usize) -> Vec<Self> {
        let parts = names.chunks(size).enumerate().map(|(index, names)| Part {
            names,
            places: index * size..index * size + names.len(),
        });
        parts.collect()
    }

    /// How many entries there are: the others are tags, which have no lease.
    fn entries(&self) -> usize {
        self.names.iter().filter(|names| names.len() == 3).count()
    }
}

/// Who removes, as the scripts know it.
struct Writer<'w> {
    /// In its fences; empty where it has none.
    id: &'w str,
    /// It has to be told if one of its fences has not stood for so long.
    has_stood: Option<Duration>,
    /// The TTL of a fence that it leaves behind, or 0.
    renewed: u64,
    /// Where it closes something.
    mark: String,
}

impl<'w> Writer<'w> {
    fn of(fence: Fence<'w>) -> Self {
        let (id, renewed) = match fence {
            Fence::None => ("", 0),
            Fence::Release(id, _) => (id, 0),
            Fence::Renew(id) => (id, milliseconds(FENCE_TTL)),
        };
        let mark = if id.is_empty() {
            new_nonce()
        } else {
            id.to_owned()
        };
        Self {
            id,
            has_stood: None,
            renewed,
            mark,
        }
    }

    /// With this it is over with these sweeps.
    fn invalidate(&self, part: &Part<'_>, place: &str, sweeps: &[String]) -> Cmd {
        let mut keys = part.names.concat();
        keys.extend((!sweeps.is_empty()).then(|| place.to_owned()));
        let mut invalidate = Script::invalidate.on(&keys);
        invalidate.arg(part.entries()).arg(self.id);
        invalidate.arg(self.renewed);
        invalidate.arg(self.left_of_fence()).arg(sweeps);
        invalidate
    }

    /// At most, in milliseconds, if it has stood for so long; -1 where that does not matter.
    fn left_of_fence(&self) -> i64 {
        let time = self.has_stood.filter(|time| !time.is_zero());
        time.map_or(-1, |time| {
            let left = milliseconds(FENCE_TTL.saturating_sub(time));
            // A server's clock counts whole ones.
            i64::try_from(left).unwrap_or(i64::MAX) - 1
        })
    }

    fn close(&self, part: &Part<'_>) -> Cmd {
        let mut close = Script::close.on(&part.names.concat());
        close.arg(part.entries()).arg(&self.mark);
        close.arg(milliseconds(MARK_TTL));
        close.arg(self.id).arg(self.left_of_fence());
        close
    }

    fn open(&self, part: &Part<'_>) -> Cmd {
        let fences: Vec<&String> = part.names.iter().map(|names| &names[1]).collect();
        let mut open = Script::open.on(&fences);
        open.arg(&self.mark).arg(self.id).arg(self.renewed);
        open
    }
}

/// What has to pass before nobody serves a copy any more, where one is served for so long after it has become wrong.
/// Since then, if that is given, no copy of what is removed has been taken.
fn pause(bound: Duration, fence: Fence<'_>, since: Option<Instant>) -> Duration {
    match (fence, since) {
        // Nobody is told that it is gone, and the fence that stands lets no copy be taken.
        (Fence::Renew(_), _) => Duration::ZERO,
        (_, Some(since)) if !bound.is_zero() => {
            // The server that is asked whether it has stood so long counts whole milliseconds.
            let bound = bound + Duration::from_millis(2);
            bound.saturating_sub(since.elapsed())
        }
        _ => bound,
    }
}

impl Pass {
    fn leave(&mut self, targets: &Targets, part: &Part<'_>, why: Option<Failure>) {
        self.left.extend(targets.part(part.places.clone()));
        self.note(why);
    }

    fn leave_patterns(&mut self, targets: &Targets, why: Option<Failure>) {
        self.left.patterns.clone_from(&targets.patterns);
        self.note(why);
    }

    /// The first failure is told.
    fn note(&mut self, failure: Option<Failure>) {
        self.failure = self.failure.take().or(failure);
    }
}

/// Nothing where there was no reply.
fn answer<T: FromRedisValue>(reply: Value) -> Result<Option<T>, Failure> {
    match reply.extract_error()? {
        Value::Nil => Ok(None),
        reply => decode(reply).map(Some),
    }
}
