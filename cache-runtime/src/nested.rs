//! What the cached calls around this one, in the same task, are about.
//!
//! A load that asks for its own key would wait for itself, and a write that reads what it is changing would
//! get the old value: both run the function instead. A task that the function spawns is not seen here.

use std::sync::Arc;

use crate::key::Pattern;
use crate::store::Targets;

tokio::task_local! {
    static AROUND: Arc<Call>;
}

/// One call, and the one around it.
pub(crate) struct Call {
    about: About,
    around: Option<Arc<Call>>,
}

pub(crate) enum About {
    /// It computes the entry of this key.
    Loading(String),
    /// It changes what these stand for.
    Writing(Arc<Targets>, Arc<[Pattern]>),
}

/// Runs the future with this call around it.
pub(crate) async fn within<F: Future>(about: About, future: F) -> F::Output {
    let around = AROUND.try_with(Arc::clone).ok();
    AROUND.scope(Arc::new(Call { about, around }), future).await
}

/// Whether a call around this one is about the same entry.
pub(crate) fn is_busy_with(key: &str, tags: &[String]) -> bool {
    any(|about| match about {
        About::Loading(loading) => loading == key,
        About::Writing(targets, patterns) => {
            targets.keys.iter().any(|stale| stale == key)
                || targets.tags.iter().any(|stale| tags.contains(stale))
                || patterns.iter().any(|glob| glob.matches(key.as_bytes()))
        }
    })
}

/// Whether others may be waiting for a call around this one.
pub(crate) fn is_loading() -> bool {
    any(|about| matches!(about, About::Loading(_)))
}

fn any(is_so: impl Fn(&About) -> bool) -> bool {
    let innermost = AROUND.try_with(Arc::clone).ok();
    std::iter::successors(innermost.as_deref(), |call| call.around.as_deref())
        .any(|call| is_so(&call.about))
}
