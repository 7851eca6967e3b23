//! What sentinels say of a master.

use std::sync::Arc;
use std::time::Duration;

use deadpool_redis::redis::pipe;

use super::Layout;
use super::guide::{ask_all, nobody};
use crate::config::Address;
use crate::error::CacheError;
use crate::store::lane::Lane;
use crate::store::servers::decode;

/// Which server is the master of this name, as the sentinel says that knows of the latest failover.
pub(super) async fn ask(
    lanes: &[Arc<Lane>],
    name: &str,
    patience: Duration,
) -> Result<Layout, CacheError> {
    let mut questions = pipe();
    questions
        .cmd("SENTINEL")
        .arg("GET-MASTER-ADDR-BY-NAME")
        .arg(name);
    questions.cmd("SENTINEL").arg("MASTER").arg(name);
    let (answers, failures) = ask_all(lanes, &questions, patience).await;
    let views = answers.into_iter().filter_map(|(_, answer)| {
        let ((host, port), facts): ((String, u16), Vec<String>) = decode(answer).ok()?;
        Some((epoch(&facts), Address { host, port }))
    });
    let latest = views.max_by_key(|(epoch, _)| *epoch);
    let (_, address) = latest.ok_or_else(|| unknown(name, failures))?;
    Ok(vec![((0, 0), address)])
}

/// Of the failover that made the server master. The facts are names and values in turn.
fn epoch(facts: &[String]) -> u64 {
    let mut pairs = facts.chunks_exact(2);
    let epoch = pairs.find(|pair| pair[0] == "config-epoch");
    epoch
        .and_then(|pair| pair[1].parse().ok())
        .unwrap_or_default()
}

fn unknown(name: &str, failures: Vec<(Arc<Lane>, CacheError)>) -> CacheError {
    let says = |text: &str| {
        let is_said = |error: &CacheError| matches!(error, CacheError::Redis(error) if error.detail().is_some_and(|detail| detail.contains(text)));
        failures
            .iter()
            .find(|(_, error)| is_said(error))
            .map(|(lane, _)| lane.server().to_owned())
    };
    if let Some(server) = says("No such master") {
        let reason = format!("the sentinel {server} knows no master of the name `{name}`");
        return CacheError::config("REDIS_CACHE_SENTINEL_MASTER", reason);
    }
    if let Some(server) = says("unknown command") {
        let reason = format!("{server} is not a sentinel");
        return CacheError::config("REDIS_CACHE_SENTINELS", reason);
    }
    nobody("REDIS_CACHE_SENTINELS", failures)
}
