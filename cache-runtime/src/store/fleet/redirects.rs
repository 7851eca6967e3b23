//! Following a key to the server that has it.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};
use std::time::Instant;

use deadpool_redis::redis::{Cmd, RedisError, ServerErrorKind, Value, pipe};
use futures_util::future::join_all;

use super::{Fleet, Part};
use crate::config::Address;
use crate::error::CacheError;
use crate::store::batch::Batch;
use crate::store::lane::{Lane, Request, is_redirect};
use crate::store::servers::{Answers, decode};
use crate::store::slot::Slot;

/// A command may be redirected so often before we give up on it.
const MOST_REDIRECTS: usize = 5;

/// Commands that are sent one after the other, by their places, and who was asked first.
type Way<'p> = Vec<(usize, &'p Arc<Lane>)>;

impl Fleet {
    /// From the first command of a slot that was redirected, all of the slot's are sent again, one after the
    /// other: their order is kept, and each may have an address of its own. Where the order does not matter, each
    /// that was redirected goes its own way, all at once.
    pub(super) async fn follow_all(
        self: &Arc<Self>,
        batch: &Batch,
        parts: &[Part],
        answers: &mut Answers,
        start: Instant,
    ) {
        let commands: Vec<&Cmd> = batch.commands.cmd_iter().collect();
        let mut ways: BTreeMap<(Slot, usize), Way<'_>> = BTreeMap::new();
        for part in parts {
            for &place in &part.places {
                let way = (batch.slots[place], if batch.is_ordered { 0 } else { place });
                if ways.contains_key(&way) || is_redirect(&answers.values[place]) {
                    ways.entry(way).or_default().push((place, &part.lane));
                }
            }
        }
        let (values, commands) = (&answers.values, &commands);
        let followed = ways.iter().map(|(&(slot, _), places)| async move {
            let mut found = Vec::new();
            for (turn, &(place, lane)) in places.iter().enumerate() {
                let answer = if turn == 0 {
                    let redirect = values[place].clone();
                    self.follow(slot, commands[place], redirect, lane.clone(), start)
                        .await?
                } else {
                    self.one_after_another(slot, commands[place], start).await?
                };
                found.push((place, answer));
            }
            Ok(found)
        });
        for outcome in join_all(followed).await {
            match outcome {
                Ok(found) => found
                    .into_iter()
                    .for_each(|(place, answer)| answers.values[place] = answer),
                Err(error) => answers.failure = Some(error),
            }
        }
    }

    /// What can't be sent at once.
    pub(super) async fn one_after_another(
        self: &Arc<Self>,
        slot: Slot,
        command: &Cmd,
        start: Instant,
    ) -> Result<Value, CacheError> {
        let lane = self.look_for(slot, start).await?;
        let left = self.left(start);
        let outcome = lane.ask_within(left, Request::One(command), true).await;
        let answer = self.take_note(outcome)?;
        self.follow(slot, command, answer, lane, start).await
    }

    /// Goes where an answer of this lane's says that the key is, which may say so too.
    pub(super) async fn follow(
        self: &Arc<Self>,
        slot: Slot,
        command: &Cmd,
        mut answer: Value,
        mut lane: Arc<Lane>,
        start: Instant,
    ) -> Result<Value, CacheError> {
        for _ in 0..MOST_REDIRECTS {
            let Some(redirect) = Redirect::of(&answer, &lane)? else {
                return Ok(answer);
            };
            lane = self.at(redirect.address, redirect.is_for_good.then_some(slot))?;
            let left = self.left(start);
            let outcome = if redirect.is_for_good {
                self.tend();
                lane.ask_within(left, Request::One(command), false).await
            } else {
                let mut both = pipe();
                both.cmd("ASKING").add_command(command.clone());
                let answers = lane.ask_within(left, Request::Many(&both), false).await;
                answers
                    .and_then(decode::<(Value, Value)>)
                    .map(|(_, answer)| answer)
            };
            answer = self.take_note(outcome)?;
        }
        Err(CacheError::Rearranged)
    }

    /// The lane to an address, which may have been given a slot.
    pub(super) fn at(&self, address: Address, gets: Option<Slot>) -> Result<Arc<Lane>, CacheError> {
        let mut map = self.map.write().unwrap_or_else(PoisonError::into_inner);
        let lane = match self.known_at(&map, &address) {
            Some(lane) => lane,
            None => self.connect_to(&address)?,
        };
        match gets {
            Some(slot) => map.give(slot, address, &lane),
            None => map.note(address, &lane),
        }
        Ok(lane)
    }
}

/// Where a key is.
struct Redirect {
    address: Address,
    /// Else for this one command.
    is_for_good: bool,
}

impl Redirect {
    /// What a server says, if it says that.
    fn of(answer: &Value, lane: &Lane) -> Result<Option<Self>, CacheError> {
        let Value::ServerError(error) = answer else {
            return Ok(None);
        };
        if !is_redirect(answer) {
            return Ok(None);
        }
        let is_for_good = error.kind() == Some(ServerErrorKind::Moved);
        let error = RedisError::from(error.clone());
        let address = error.redirect_node().map(|(node, _)| node);
        let address = address.and_then(|node| Address::seen_from(lane.server(), node));
        let address = address.ok_or(error)?;
        Ok(Some(Self {
            address,
            is_for_good,
        }))
    }
}
