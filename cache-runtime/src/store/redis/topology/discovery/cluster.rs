//! What the nodes of a Redis Cluster say of it.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use deadpool_redis::redis::{Value, cmd, pipe};

use super::members::{Members, View};
use super::query::{ask_all, no_node_answered};
use super::{Layout, NodeState, SlotRanges};
use crate::store::hash_slot::Slot;
use crate::store::redis::address::Address;
use crate::store::redis::batch::decode;
use crate::store::redis::failure::Failure;
use crate::store::redis::node::info::field;
use crate::store::redis::node::{Commands, Node, Resend};

/// Where the slots are, as the node of this cluster says that knows of the latest change.
pub(super) async fn layout(
    members: &Members,
    nodes: &[Arc<Node>],
    seeds: usize,
    time: Duration,
) -> Result<Layout, Failure> {
    let mut questions = pipe();
    questions.cmd("CLUSTER").arg("SLOTS");
    questions.cmd("CLUSTER").arg("INFO");
    let answered = ask_all(nodes, &questions, time).await;
    let views = answered.replies.into_iter().filter_map(|(node, reply)| {
        let (slots, info): (Vec<Vec<Value>>, String) = decode(reply).ok()?;
        let layouts: Option<Vec<_>> = slots.iter().map(|range| parts(range, &node)).collect();
        let (ranges, ids): (SlotRanges, Vec<_>) = layouts?.into_iter().unzip();
        let mut ids: Vec<(Address, String)> = ids.into_iter().flatten().collect();
        ids.sort_by(|(_, one), (_, other)| one.cmp(other));
        ids.dedup_by(|(_, one), (_, other)| one == other);
        Some(View {
            node: node.name().to_owned(),
            is_seed: nodes[..seeds].iter().any(|seed| Arc::ptr_eq(seed, &node)),
            rank: (field(&info, "cluster_state") == Some("ok"), epoch(&info)),
            layout: Layout { ranges, ids },
        })
    });
    let chosen = members.choose(&views.collect::<Vec<_>>(), seeds);
    chosen.ok_or_else(|| no_node_answered("REDIS_CACHE_CLUSTER_NODES", answered.failures))
}

/// Slots with the address of their primary, and the ids of their nodes.
type Parts = (((Slot, Slot), Address), Vec<(Address, String)>);

/// A range is its first slot, its last and a list of nodes, of which the first is the primary.
fn parts(range: &[Value], asked: &Node) -> Option<Parts> {
    let [first, last, nodes @ ..] = range else {
        return None;
    };
    let slots = (decode(first.clone()).ok()?, decode(last.clone()).ok()?);
    let (primary, _) = member(nodes.first()?, asked)?;
    let members = nodes.iter().filter_map(|node| member(node, asked));
    let ids = members.filter_map(|(address, id)| Some((address, id?)));
    Some(((slots, primary), ids.collect()))
}

/// A node is its host, its port and its id.
fn member(node: &Value, asked: &Node) -> Option<(Address, Option<String>)> {
    let Value::Array(node) = node else {
        return None;
    };
    let [host, port, rest @ ..] = node.as_slice() else {
        return None;
    };
    let host: Option<String> = decode(host.clone()).ok()?;
    let port: u16 = decode(port.clone()).ok()?;
    let id = rest.first().and_then(|id| decode(id.clone()).ok());
    let address = format!("{}:{port}", host.unwrap_or_default());
    Some((Address::seen_from(asked.name(), &address)?, id))
}

fn epoch(info: &str) -> u64 {
    let epoch = field(info, "cluster_current_epoch");
    epoch
        .and_then(|epoch| epoch.parse().ok())
        .unwrap_or_default()
}

/// What `CLUSTER NODES` says: a line for each node, of its number, its address, its flags, four more words, whether
/// there is a link, and its slots. Its own line also has those on their way from it or to it, in brackets.
pub(super) async fn state(asked: &Arc<Node>) -> Result<NodeState, Failure> {
    let mut question = cmd("CLUSTER");
    question.arg("NODES");
    let question = Commands::One(&question);
    let nodes: String = decode(asked.ask(question, Resend::IfBroken).await?)?;
    let mut state = NodeState::default();
    for node in nodes.lines() {
        let words: Vec<&str> = node.split(' ').collect();
        let [_, address, flags, _, _, _, _, _, slots @ ..] = words.as_slice() else {
            continue;
        };
        let flags: Vec<&str> = flags.split(',').collect();
        if flags.contains(&"myself") {
            state.of_itself = format!("{} {}", flags.join(","), slots.join(" "));
        }
        let is_out = flags.iter().any(|flag| OUT.contains(flag));
        if flags.contains(&"master") && slots.is_empty() && !is_out {
            state.without_slots.extend(endpoint(address, asked.name()));
        }
    }
    Ok(state)
}

/// Flags of nodes that can't be asked.
const OUT: [&str; 4] = ["myself", "fail", "handshake", "noaddr"];

/// `ip:port@bus,name`: by its name if that is how the nodes are known here.
fn endpoint(address: &str, known: &str) -> Option<Address> {
    let (node, rest) = address.split_once('@')?;
    let ip = Address::seen_from(known, node)?;
    let known: Address = known.parse().ok()?;
    let name = rest.split(',').nth(1).filter(|name| !name.is_empty());
    match name {
        Some(name) if known.host.parse::<IpAddr>().is_err() => Some(Address {
            host: name.to_owned(),
            port: ip.port,
        }),
        _ => Some(ip),
    }
}
