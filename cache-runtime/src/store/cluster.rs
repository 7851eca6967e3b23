//! What the nodes of a Redis Cluster say of it.

use std::sync::Arc;

use deadpool_redis::redis::{Value, cmd, pipe};

use super::fleet::Layout;
use super::greeting::field;
use super::guide::{ask_all, nobody};
use super::lane::{Lane, Request};
use super::servers::decode;
use super::slot::Slot;
use crate::config::Address;
use crate::error::CacheError;

/// Where the slots are, as the node says that knows of the latest change; of one whose cluster is not in
/// order only if all say so.
pub(super) async fn ask(lanes: &[Arc<Lane>]) -> Result<Layout, CacheError> {
    let mut questions = pipe();
    questions.cmd("CLUSTER").arg("SLOTS");
    questions.cmd("CLUSTER").arg("INFO");
    let (answers, failures) = ask_all(lanes, &questions).await;
    let views = answers.into_iter().filter_map(|(lane, answer)| {
        let (slots, info): (Vec<Vec<Value>>, String) = decode(answer).ok()?;
        let rank = (field(&info, "cluster_state") == Some("ok"), epoch(&info));
        let layout: Option<Layout> = slots.iter().map(|range| owner(range, &lane)).collect();
        Some((rank, layout?))
    });
    let latest = views.max_by_key(|(rank, _)| *rank);
    latest
        .map(|(_, layout)| layout)
        .ok_or_else(|| nobody("REDIS_CACHE_CLUSTER_NODES", failures))
}

/// A range is its first slot, its last and a list of nodes, of which the first is the primary.
fn owner(range: &[Value], lane: &Lane) -> Option<((Slot, Slot), Address)> {
    let [first, last, Value::Array(primary), ..] = range else {
        return None;
    };
    let [host, port, ..] = primary.as_slice() else {
        return None;
    };
    let range = (decode(first.clone()).ok()?, decode(last.clone()).ok()?);
    let host: Option<String> = decode(host.clone()).ok()?;
    let port: u16 = decode(port.clone()).ok()?;
    let asked: Address = lane.server().parse().ok()?;
    let host = match host {
        Some(host) if !matches!(host.as_str(), "" | "?") => host,
        // The one where it was asked.
        _ => asked.host,
    };
    Some((range, Address { host, port }))
}

fn epoch(info: &str) -> u64 {
    let epoch = field(info, "cluster_current_epoch");
    epoch
        .and_then(|epoch| epoch.parse().ok())
        .unwrap_or_default()
}

/// The slots of a node, and those on their way from it or to it, in brackets: the end of its own line in
/// `CLUSTER NODES`.
pub(super) async fn facts(lane: &Arc<Lane>) -> Result<String, CacheError> {
    let mut question = cmd("CLUSTER");
    question.arg("NODES");
    let nodes: String = decode(lane.ask(Request::One(&question), true).await?)?;
    let own = nodes.lines().find(|line| {
        line.split(' ')
            .nth(2)
            .is_some_and(|flags| flags.contains("myself"))
    });
    let own: Vec<&str> = own.unwrap_or_default().split(' ').collect();
    let flags = own.get(2).copied().unwrap_or_default();
    let slots = own.get(8..).unwrap_or_default().join(" ");
    Ok(format!("{flags} {slots}"))
}
