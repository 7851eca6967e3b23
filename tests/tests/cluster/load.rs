//! Calls that go on while a cluster changes, and what they must not see.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use cache_runtime::redis::{RedisResult, deadpool_redis, pipe};
use cache_runtime::{BreakerState, Cache, cache};
use cache_testkit::{Client, Load, RedisCluster, Row, Runs, SECOND, eventually, wait_until};
use tokio::time::timeout;

/// Each writes a row of its own, and reads those of all: two at each node.
const CLIENTS: usize = 6;

/// So many calls have to meet a fault before it ends.
const CALLS: u64 = 600;

/// Far more than a confirmation takes where there is a replica: the second that it is waited for, and some more.
const TO_CONFIRM: Duration = Duration::from_secs(2);

/// A row under a key that a certain node has.
#[derive(Default)]
pub(crate) struct PlacedRow {
    pub(crate) id: u64,
    data: Row,
    /// How often it was asked for.
    reads: Runs,
}

impl PlacedRow {
    fn new(cluster: &RedisCluster, node: usize, first: u64) -> Self {
        let key = |number| format!("row:{}", first + number);
        Self {
            id: first + cluster.number_at(node, key),
            ..Self::default()
        }
    }
}

/// Its key is in the slot of `row:{id}`, and ends in text, so that a pattern can mean it alone.
#[cache("{{row:{row.id}}}:value", cache = cache)]
async fn read(cache: &Cache, row: &PlacedRow) -> u64 {
    row.data.load()
}

/// Its tag may be at another node.
#[cache("tagged:{row.id}", tags = ["of:{row.id}"], cache = cache)]
async fn read_tagged(cache: &Cache, row: &PlacedRow) -> u64 {
    row.data.load()
}

#[cache(
    "{{row:{row.id}}}:value", method = "PUT", tags_to_invalidate = ["of:{row.id}"], cache = cache
)]
async fn write(cache: &Cache, row: &PlacedRow) -> u64 {
    row.data.commit()
}

#[cache(
    pattern_to_invalidate_extra = ["{{row:{row.id}}}:value"], tags_to_invalidate = ["of:{row.id}"], cache = cache
)]
async fn write_by_pattern(cache: &Cache, row: &PlacedRow) -> u64 {
    row.data.commit()
}

/// How the clients go about it.
#[derive(Clone, Copy)]
pub(crate) struct Options {
    pub(crate) deadline: Duration,
    /// Whether a write counts only if the replicas have it.
    pub(crate) needs_replicas: bool,
    /// Whether some writes name a pattern. Each of these asks anew who has what.
    pub(crate) has_patterns: bool,
}

struct Shared {
    cache: Cache,
    rows: [PlacedRow; CLIENTS],
    /// A row for each node, which nobody writes.
    steady: [PlacedRow; 3],
    needs_replicas: AtomicBool,
    has_patterns: bool,
}

/// Runs until it is stopped. A test waits for it by blocking its thread.
pub(crate) struct ClusterLoad {
    shared: Arc<Shared>,
    load: Load,
}

impl ClusterLoad {
    pub(crate) fn start(cluster: &RedisCluster, options: Options) -> Self {
        let cache = cluster.cache_builder().deadline(options.deadline);
        let cache = cache.response_timeout(TO_CONFIRM).build();
        let shared = Arc::new(Shared {
            cache: cache.expect("the nodes are right"),
            // No row's pattern matches another row.
            rows: std::array::from_fn(|index| {
                PlacedRow::new(cluster, index % 3, 100 * (index as u64 + 1))
            }),
            steady: std::array::from_fn(|node| PlacedRow::new(cluster, node, 900)),
            needs_replicas: options.needs_replicas.into(),
            has_patterns: options.has_patterns,
        });
        let turn = {
            let shared = shared.clone();
            move |client| {
                let shared = shared.clone();
                async move { shared.take_a_turn(&client).await }
            }
        };
        Self {
            load: Load::start(CLIENTS, turn),
            shared,
        }
    }

    pub(crate) fn rows(&self) -> &[PlacedRow] {
        &self.shared.rows
    }

    /// A row for each node, which nobody writes.
    pub(crate) fn steady_rows(&self) -> &[PlacedRow] {
        &self.shared.steady
    }

    /// Waits until calls have met what is the case now.
    pub(crate) fn goes_on(&self) {
        self.load.goes_on(CALLS);
    }

    /// From now on, every write counts: the primary that went can't answer any more.
    pub(crate) fn primary_is_gone(&self) {
        self.shared.needs_replicas.store(false, Ordering::SeqCst);
    }

    /// How often the steady rows of these nodes were read from the database, and how often they were asked for.
    pub(crate) fn steady<const N: usize>(&self, nodes: [usize; N]) -> ([u64; N], [u64; N]) {
        let rows = nodes.map(|node| &self.shared.steady[node]);
        let loads = rows.map(|row| row.data.loads());
        (loads, rows.map(|row| row.reads.get()))
    }

    /// Waits until all nodes are asked again, and then nothing is read from the database in vain.
    pub(crate) fn is_in_use(&self) {
        wait_until("all nodes are asked again", || {
            let stats = self.shared.cache.stats();
            stats.breaker == BreakerState::Closed && stats.pending_invalidations == 0
        });
        self.goes_on();
        let (loads, _) = self.steady([0, 1, 2]);
        self.goes_on();
        assert_eq!(self.steady([0, 1, 2]).0, loads, "they are cached");
    }

    /// Nobody has seen what was wrong, what is owed is delivered, and everything is cached again.
    pub(crate) async fn ends_well(self) {
        let report = self.load.stop();
        assert!(report.wrong.is_empty(), "{:#?}", report.wrong);
        let cache = &self.shared.cache;
        assert_eq!(cache.drain(30 * SECOND).await, 0);
        for row in self.shared.rows.iter().chain(&self.shared.steady) {
            let version = row.data.version();
            assert_eq!(read(cache, row).await, version);
            assert_eq!(read_tagged(cache, row).await, version);
            // A writer that met the fault may have left its mark for a moment.
            eventually("both are cached", async || {
                let loads = row.data.loads();
                assert_eq!(read(cache, row).await, version);
                assert_eq!(read_tagged(cache, row).await, version);
                row.data.loads() == loads
            })
            .await;
        }
        let stats = cache.stats();
        assert_eq!(stats.breaker, BreakerState::Closed);
        assert!(stats.hits > 0 && stats.invalidations > 0, "{stats:?}");
    }
}

impl Shared {
    async fn take_a_turn(&self, client: &Client) {
        let (number, turn) = (client.number, client.turn);
        client.call(self.write(&self.rows[number], turn)).await;
        for other in 0..CLIENTS {
            let row = &self.rows[(number + other) % CLIENTS];
            self.read(client, row, (turn + other) % 2 == 0).await;
        }
        for row in &self.steady {
            self.read(client, row, false).await;
        }
    }

    async fn write(&self, row: &PlacedRow, turn: usize) {
        let confirmation = if self.needs_replicas.load(Ordering::SeqCst) {
            Some(self.connections(row).await)
        } else {
            None
        };
        let version = if self.has_patterns && turn % 8 == 7 {
            write_by_pattern(&self.cache, row).await
        } else {
            write(&self.cache, row).await
        };
        let counts = match confirmation {
            None => true,
            Some(None) => false,
            Some(Some(connections)) => is_replicated(connections).await,
        };
        if counts {
            row.data.has_returned(version);
        }
    }

    /// To the primaries of what a write removes, each with a key that it has.
    async fn connections(
        &self,
        row: &PlacedRow,
    ) -> Option<Vec<(String, deadpool_redis::Connection)>> {
        let mut all = Vec::new();
        for key in [
            format!("{{row:{}}}:mark", row.id),
            format!("{{of:{}}}:mark", row.id),
        ] {
            let connection = self.cache.connection_for(&key).await.ok()?;
            all.push((key, connection));
        }
        Some(all)
    }

    /// A read that starts after a write has returned sees that write.
    async fn read(&self, client: &Client, row: &PlacedRow, is_tagged: bool) {
        let least = row.data.floor();
        let seen = if is_tagged {
            client.call(read_tagged(&self.cache, row)).await
        } else {
            client.call(read(&self.cache, row)).await
        };
        row.reads.count();
        if seen < least {
            client.found_wrong(format!(
                "version {seen} of {} after {least}: {is_tagged}",
                row.id
            ));
        }
    }
}

/// Whether a replica of each has all that its primary had when it was asked.
async fn is_replicated(connections: Vec<(String, deadpool_redis::Connection)>) -> bool {
    for (key, mut connection) in connections {
        let mut both = pipe();
        // It waits for what this connection has written.
        both.cmd("SET").arg(&[&key, "", "PX", "60000"]).ignore();
        both.cmd("WAIT").arg(&[1, 1000]);
        let asked = both.query_async(&mut connection);
        let answer: Result<RedisResult<(u64,)>, _> = timeout(TO_CONFIRM, asked).await;
        if !matches!(answer, Ok(Ok((1..,)))) {
            return false;
        }
    }
    true
}
