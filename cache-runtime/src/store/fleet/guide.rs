//! Whom to ask who has what: the nodes of a cluster, or sentinels.

use std::sync::Arc;
use std::time::Duration;

use deadpool_redis::redis::{Pipeline, Value};
use futures_util::future::join_all;

use super::Layout;
use super::cluster;
use super::sentinel;
use crate::config::Address;
use crate::error::CacheError;
use crate::store::lane::{Lane, Request, Role};
use crate::store::slot::SLOTS;

#[derive(Debug)]
pub(crate) enum Guide {
    /// Every node knows where each slot is.
    #[cfg_attr(not(feature = "cluster"), expect(dead_code, reason = "none is asked"))]
    Cluster,
    /// Sentinels know which server is the master of this name.
    #[cfg_attr(
        not(feature = "sentinel"),
        expect(dead_code, reason = "none are asked")
    )]
    Sentinels(String),
}

impl Guide {
    pub(super) fn has_slots(&self) -> bool {
        match self {
            Self::Cluster => true,
            Self::Sentinels(_) => false,
        }
    }

    /// How many there are; one where there is one server.
    pub(super) fn slots(&self) -> usize {
        if self.has_slots() {
            usize::from(SLOTS)
        } else {
            1
        }
    }

    /// Whether what was learned is good for one deadline only: a master that is none any more does not say
    /// so, as a node of a cluster does.
    pub(super) fn is_short_lived(&self) -> bool {
        !self.has_slots()
    }

    /// Of those whom it leads to.
    pub(super) fn role(&self) -> Role {
        match self {
            Self::Cluster => Role::Node,
            Self::Sentinels(_) => Role::Master,
        }
    }

    /// What most of these lanes would say who has what.
    pub(super) async fn ask(
        &self,
        lanes: &[Arc<Lane>],
        patience: Duration,
    ) -> Result<Layout, CacheError> {
        match self {
            Self::Cluster => cluster::ask(lanes, patience).await,
            Self::Sentinels(name) => sentinel::ask(lanes, name, patience).await,
        }
    }

    /// What a server says of itself, and of others.
    pub(super) async fn facts(&self, lane: &Arc<Lane>) -> Result<Facts, CacheError> {
        match self {
            Self::Cluster => cluster::facts(lane).await,
            Self::Sentinels(_) => Ok(Facts::default()),
        }
    }
}

#[derive(Default)]
pub(super) struct Facts {
    /// What has to stay the same while it is scanned. It contains a `[` where keys come or go.
    pub(super) of_itself: String,
    /// Servers that may get a slot.
    pub(super) without_slots: Vec<Address>,
}

/// What each of these servers answers, all asked at once; and why the others don't.
pub(super) async fn ask_all(
    lanes: &[Arc<Lane>],
    commands: &Pipeline,
    patience: Duration,
) -> (Vec<(Arc<Lane>, Value)>, Vec<(Arc<Lane>, CacheError)>) {
    let asked = lanes
        .iter()
        .map(|lane| lane.ask_quietly(patience, Request::Many(commands)));
    let (mut answers, mut failures) = (Vec::new(), Vec::new());
    for (lane, outcome) in lanes.iter().zip(join_all(asked).await) {
        match outcome {
            Ok(answer) => answers.push((lane.clone(), answer)),
            Err(error) => failures.push((lane.clone(), error)),
        }
    }
    // If none answers, the error says it of all.
    if !answers.is_empty() {
        for (lane, error) in &failures {
            lane.tell(error);
        }
    }
    (answers, failures)
}

/// None of them has helped: what is wrong, and the setting to look at. If one of them knows which it is, it
/// is that.
pub(super) fn nobody(setting: &'static str, failures: Vec<(Arc<Lane>, CacheError)>) -> CacheError {
    let mut reasons = Vec::new();
    for (lane, error) in failures {
        match error {
            error @ CacheError::Config { .. } => return error,
            error => {
                let reason = error.cause().unwrap_or_else(|| error.to_string());
                reasons.push(format!("{} ({reason})", lane.server()));
            }
        }
    }
    CacheError::config(
        setting,
        format!("none of these answers: {}", reasons.join(", ")),
    )
}
