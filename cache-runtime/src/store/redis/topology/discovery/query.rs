//! Asking several nodes the same.

use std::sync::Arc;
use std::time::Duration;

use deadpool_redis::redis::{Pipeline, Value};
use futures_util::future::join_all;

use crate::store::redis::failure::Failure;
use crate::store::redis::node::{Commands, Node, Resend};

pub(super) struct Answered {
    pub(super) replies: Vec<(Arc<Node>, Value)>,
    pub(super) failures: Vec<(Arc<Node>, Failure)>,
}

/// What each of these nodes replies, all asked at once; and why the others don't.
pub(super) async fn ask_all(nodes: &[Arc<Node>], commands: &Pipeline, time: Duration) -> Answered {
    let commands = Commands::Many(commands);
    let asked = nodes
        .iter()
        .map(|node| node.ask_quietly(time, commands, Resend::IfBroken));
    let mut answered = Answered {
        replies: Vec::new(),
        failures: Vec::new(),
    };
    for (node, outcome) in nodes.iter().zip(join_all(asked).await) {
        match outcome {
            Ok(reply) => answered.replies.push((node.clone(), reply)),
            Err(failure) => answered.failures.push((node.clone(), failure)),
        }
    }
    // If none replies, one error says it of all.
    if !answered.replies.is_empty() {
        for (node, failure) in &answered.failures {
            node.report(failure);
        }
    }
    answered
}

/// None of them has helped: what is wrong, and the setting to look at. If one of them knows which it is, it
/// is that.
pub(super) fn no_node_answered(
    setting: &'static str,
    failures: Vec<(Arc<Node>, Failure)>,
) -> Failure {
    let mut reasons = Vec::new();
    for (node, failure) in failures {
        if matches!(failure, Failure::Config(_)) {
            return failure;
        }
        reasons.push(format!("{} ({})", node.name(), failure.cause()));
    }
    let reasons = reasons.join(", ");
    Failure::config(setting, format!("none of these replies: {reasons}"))
}
