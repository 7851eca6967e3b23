//! One cluster for all tests of a process that run at the same time.

use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::MutexGuard;

use super::{PRIMARIES, RedisCluster};

/// The cluster that the tests share, for one test alone.
#[derive(Debug)]
pub struct Exclusive {
    cluster: Arc<RedisCluster>,
    _alone: MutexGuard<'static, ()>,
}

impl RedisCluster {
    /// A cluster without failure detection, which tests use at the same time. It ends with the last of them.
    #[must_use]
    pub fn shared() -> Arc<Self> {
        static SHARED: Mutex<Weak<RedisCluster>> = Mutex::new(Weak::new());
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        shared.upgrade().unwrap_or_else(|| {
            let cluster = Arc::new(Self::start().without_failure_detection());
            *shared = Arc::downgrade(&cluster);
            cluster
        })
    }

    /// The same, but empty, and with no other test on it that asks for it in this way. It ends with the last
    /// test that waits for it.
    pub async fn exclusive() -> Exclusive {
        static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
        let cluster = Self::shared();
        let alone = ALONE.lock().await;
        for primary in &cluster.nodes[..PRIMARIES] {
            let () = primary.run(&["FLUSHALL"]);
        }
        Exclusive {
            cluster,
            _alone: alone,
        }
    }
}

impl Deref for Exclusive {
    type Target = RedisCluster;

    fn deref(&self) -> &RedisCluster {
        &self.cluster
    }
}
