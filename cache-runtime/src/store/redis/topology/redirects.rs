//! Following a key to the node that has it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use deadpool_redis::redis::{Cmd, RedisError, Value, pipe};
use futures_util::future::join_all;

use super::router::{Router, Share, is_redirect};
use crate::store::hash_slot::Slot;
use crate::store::redis::address::Address;
use crate::store::redis::batch::{Batch, Replies, decode};
use crate::store::redis::failure::Failure;
use crate::store::redis::node::{Commands, Node, Resend};
use crate::store::redis::reply_error::ReplyError;

/// A command may be redirected so often before we give up on it.
const MAX_REDIRECTS: usize = 5;

/// Commands that are sent one after the other, by their places, and who was asked first.
type Chain<'s> = Vec<(usize, &'s Arc<Node>)>;

impl Router {
    /// From the first command of a slot that was redirected, all of the slot's are sent again, one after the
    /// other: their order is kept, and each may have an address of its own. Where the order does not matter, each
    /// that was redirected goes its own way, all at once.
    pub(super) async fn follow_all(
        self: &Arc<Self>,
        batch: &Batch,
        shares: &[Share],
        replies: &mut Replies,
        (resend, start): (Resend, Instant),
    ) {
        let commands: Vec<&Cmd> = batch.commands.cmd_iter().collect();
        let mut chains: BTreeMap<(Slot, usize), Chain<'_>> = BTreeMap::new();
        for share in shares {
            for &place in &share.places {
                let chain = (batch.slots[place], if batch.is_ordered { 0 } else { place });
                if chains.contains_key(&chain) || is_redirect(&replies.values[place]) {
                    chains.entry(chain).or_default().push((place, &share.node));
                }
            }
        }
        let (values, commands) = (&replies.values, &commands);
        let followed = chains.iter().map(|(&(slot, _), chain)| async move {
            let mut found = Vec::new();
            for (turn, &(place, node)) in chain.iter().enumerate() {
                let reply = if turn == 0 {
                    let redirect = values[place].clone();
                    self.follow(slot, commands[place], redirect, node.clone(), start)
                        .await?
                } else {
                    let command = commands[place];
                    self.one_after_another(slot, command, resend, start).await?
                };
                found.push((place, reply));
            }
            Ok(found)
        });
        for outcome in join_all(followed).await {
            match outcome {
                Ok(found) => found
                    .into_iter()
                    .for_each(|(place, reply)| replies.values[place] = reply),
                Err(failure) => replies.failure = Some(failure),
            }
        }
    }

    /// What can't be sent at once.
    pub(super) async fn one_after_another(
        self: &Arc<Self>,
        slot: Slot,
        command: &Cmd,
        resend: Resend,
        start: Instant,
    ) -> Result<Value, Failure> {
        let node = self.find(slot, start).await?;
        let remaining = self.remaining(start);
        let outcome = node
            .ask_within(remaining, Commands::One(command), resend)
            .await;
        self.go_on(slot, command, outcome, node, start).await
    }

    /// From what came of asking this node first.
    pub(super) async fn go_on(
        self: &Arc<Self>,
        slot: Slot,
        command: &Cmd,
        outcome: Result<Value, Failure>,
        node: Arc<Node>,
        start: Instant,
    ) -> Result<Value, Failure> {
        let reply = self.observe(outcome)?;
        self.follow(slot, command, reply, node, start).await
    }

    /// Goes where a reply of this node says that the key is, which may say so too.
    pub(super) async fn follow(
        self: &Arc<Self>,
        slot: Slot,
        command: &Cmd,
        mut reply: Value,
        mut node: Arc<Node>,
        start: Instant,
    ) -> Result<Value, Failure> {
        for _ in 0..MAX_REDIRECTS {
            let Some(redirect) = Redirect::of(&reply, &node)? else {
                return Ok(reply);
            };
            let outcome = match redirect {
                Redirect::Moved(address) => {
                    node = self.node_at(address, Some(slot))?;
                    self.keep_refreshing();
                    node.ask_within(self.remaining(start), Commands::One(command), Resend::Never)
                        .await
                }
                Redirect::Ask(address) => {
                    node = self.node_at(address, None)?;
                    let mut both = pipe();
                    both.cmd("ASKING").add_command(command.clone());
                    let replies = node
                        .ask_within(self.remaining(start), Commands::Many(&both), Resend::Never)
                        .await;
                    replies
                        .and_then(decode::<(Value, Value)>)
                        .map(|(_, reply)| reply)
                }
            };
            reply = self.observe(outcome)?;
        }
        Err(Failure::TopologyChanged)
    }

    /// The node at an address, which may have been assigned a slot.
    pub(super) fn node_at(
        &self,
        address: Address,
        assigned: Option<Slot>,
    ) -> Result<Arc<Node>, Failure> {
        let mut slot_map = self.slot_map.write();
        let node = match self.known_at(&slot_map, &address) {
            Some(node) => node,
            None => self.new_node(&address)?,
        };
        match assigned {
            Some(slot) => slot_map.assign(slot, address, &node),
            None => slot_map.remember(address, &node),
        }
        Ok(node)
    }
}

/// Where a key is.
enum Redirect {
    /// From now on.
    Moved(Address),
    /// For this one command.
    Ask(Address),
}

impl Redirect {
    /// What a server says, if it says that.
    fn of(reply: &Value, node: &Node) -> Result<Option<Self>, Failure> {
        let (Some(meaning), Value::ServerError(error)) = (ReplyError::of_reply(reply), reply)
        else {
            return Ok(None);
        };
        if !meaning.is_redirect() {
            return Ok(None);
        }
        let error = RedisError::from(error.clone());
        let address = error.redirect_node().map(|(address, _)| address);
        let address = address.and_then(|address| Address::seen_from(node.name(), address));
        let address = address.ok_or(error)?;
        Ok(Some(if meaning == ReplyError::Moved {
            Self::Moved(address)
        } else {
            Self::Ask(address)
        }))
    }
}
