//! What sentinels say of a master.

use std::sync::Arc;
use std::time::Duration;

use deadpool_redis::redis::pipe;

use super::SlotRanges;
use super::query::{ask_all, no_node_answered};
use crate::store::redis::address::Address;
use crate::store::redis::batch::decode;
use crate::store::redis::failure::Failure;
use crate::store::redis::node::Node;
use crate::store::redis::reply_error::ReplyError;

/// Which server is the master of this name, as the sentinel says that knows of the latest failover.
pub(super) async fn master(
    nodes: &[Arc<Node>],
    name: &str,
    time: Duration,
) -> Result<SlotRanges, Failure> {
    let mut questions = pipe();
    questions
        .cmd("SENTINEL")
        .arg("GET-MASTER-ADDR-BY-NAME")
        .arg(name);
    questions.cmd("SENTINEL").arg("MASTER").arg(name);
    let answered = ask_all(nodes, &questions, time).await;
    let views = answered.replies.into_iter().filter_map(|(_, reply)| {
        let ((host, port), fields): ((String, u16), Vec<String>) = decode(reply).ok()?;
        Some((epoch(&fields), Address { host, port }))
    });
    let latest = views.max_by_key(|(epoch, _)| *epoch);
    let (_, address) = latest.ok_or_else(|| unknown(name, answered.failures))?;
    Ok(vec![((0, 0), address)])
}

/// The number of the failover that made the server master. The fields are names and values in turn.
fn epoch(fields: &[String]) -> u64 {
    let mut pairs = fields.chunks_exact(2);
    let epoch = pairs.find(|pair| pair[0] == "config-epoch");
    epoch
        .and_then(|pair| pair[1].parse().ok())
        .unwrap_or_default()
}

fn unknown(name: &str, failures: Vec<(Arc<Node>, Failure)>) -> Failure {
    let who_says = |meaning: ReplyError| {
        let mut failures = failures.iter();
        let found = failures.find(|(_, failure)| failure.reply() == Some(meaning));
        found.map(|(node, _)| node.name())
    };
    if let Some(server) = who_says(ReplyError::UnknownMaster) {
        let reason = format!("the sentinel {server} knows no master of the name `{name}`");
        return Failure::config("REDIS_CACHE_SENTINEL_MASTER", reason);
    }
    if let Some(server) = who_says(ReplyError::UnknownCommand) {
        let reason = format!("{server} is not a sentinel");
        return Failure::config("REDIS_CACHE_SENTINELS", reason);
    }
    no_node_answered("REDIS_CACHE_SENTINELS", failures)
}
